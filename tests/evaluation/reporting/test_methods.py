"""The methods state what is recorded, and leave the rest to the author."""

import pytest

from eyeground.bundle.calibration import Temperature, Uncalibrated
from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.settings import read_recipe
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing, ProbeRecipe, TrainingRecipe
from eyeground.data.predictions import validated_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.reporting.methods import PARTS, methods_section

OF_THE_MODEL = {"data", "preprocessing", "model", "initialisation", "training", "selection", "software", "calibration"}


@pytest.fixture
def made(study):
    table = study(40, seed=1).assign(split=["validation"] * 40 + ["test"] * 40)
    return validated_predictions(table, "table")


@pytest.fixture
def description() -> BundleDescription:
    return BundleDescription(
        name="our-model",
        created="2026-01-01T00:00:00+00:00",
        made_by="0.1",
        architecture=Architecture(backbone="convnext_tiny"),
        preprocessing=Preprocessing(side=384),
        targets=(Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2")), Target(name="glaucoma")),
        embedding_size=768,
        tensors={},
        training=TrainingRecord(
            manifest_fingerprint="c0ffee" * 10,
            photos=4472,
            patients=2348,
            sources=("odir5k", "idrid"),
            initialisation="/home/someone/secret/imagenet.safetensors",
            method="pretrain",
            epochs=6,
            seed=0,
        ),
        licence="apache-2.0",
    )


def text_of(section) -> str:
    return "\n".join(section.paragraphs)


def test_with_predictions_alone_everything_about_the_model_is_left_to_the_author(made):
    section = methods_section(evaluate(made, resamples=50), made)
    assert set(section.parts) == set(PARTS) - OF_THE_MODEL
    (table,) = section.tables
    assert set(table.table["Part"]) == {PARTS[part][0] for part in OF_THE_MODEL}
    for word in ("train", "network", "weights", "cropped", "calibrated"):
        assert word not in text_of(section).lower()


def test_cohort_and_statistics_are_those_of_the_evaluation(made):
    evaluation = evaluate(made, resamples=50, seed=7)
    text = text_of(methods_section(evaluation, made))
    positives = int(made.in_split("test").table["truth_dr"].sum())
    assert "40 photos of 20 patients. The table further held 40 photos of 20 patients in validation" in text
    assert f"{positives} of 40 photos ({positives / 40:.1%}) were positive" in text
    assert "BCa intervals of the bootstrap" in text and "50 resamples" in text and "seed 7" in text
    assert "from all patients" in text
    stratified = text_of(methods_section(evaluate(made, resamples=50, stratified=True), made, interval="BCa"))
    assert "within strata of their rarest truth" in stratified and "BCa intervals of the bootstrap" in stratified


def test_thresholds_are_described_with_their_rule_and_the_photos_they_were_chosen_on(made):
    point = OperatingPoint(
        output="dr", threshold=0.25, rule="sensitivity=0.9", chosen_on="validation", positives=30, negatives=170
    )
    text = text_of(methods_section(evaluate(made, [point], resamples=0), made))
    assert (
        "chosen on validation photos for a sensitivity of at least 0.9: 0.250 for dr (30 positive and 170 negative photos)"
        in text
    )


@pytest.mark.parametrize(
    ("rule", "chosen_on", "stated"),
    [
        ("youden", "test", "on the photos they were measured on, which is optimistic"),
        ("threshold=0.25", "given", "without use of truths: 0.250 for dr."),
        ("cost=10@0.05", "validation", "least expected cost at a prevalence of 0.05, a missed positive counting as 10"),
    ],
)
def test_the_origin_of_a_threshold_is_stated(made, rule, chosen_on, stated):
    point = OperatingPoint(output="dr", threshold=0.25, rule=rule, chosen_on=chosen_on, positives=0, negatives=0)
    assert stated in text_of(methods_section(evaluate(made, [point], resamples=0), made))


def test_without_resamples_or_thresholds_nothing_is_stated_of_them(made):
    table = validated_predictions(made.table.drop(columns="split"), "table")
    section = methods_section(evaluate(table, resamples=0), table)
    assert not {"statistics", "operating_points", "partition"} & set(section.parts)
    assert "no test split" in text_of(section)


def test_splits_are_called_disjoint_only_if_they_are(made):
    assert "No patient with photos in test had photos in validation" in text_of(
        methods_section(evaluate(made, resamples=0), made)
    )
    shared = made.table.copy()
    shared.loc[shared.index[-1], "patient"] = shared.loc[0, "patient"]
    shared = validated_predictions(shared, "table")
    text = text_of(methods_section(evaluate(shared, resamples=0), shared))
    assert "No patient" not in text
    assert "1 patient with photos in test also had photos in validation" in text


def test_missing_truths_are_counted(made):
    table = made.table.copy()
    table.loc[table.index[-3:], "truth_dr"] = float("nan")
    table = validated_predictions(table, "table")
    text = text_of(methods_section(evaluate(table, resamples=0), table))
    assert "(dr: 3)" in text


def test_the_bundle_gives_model_data_and_preprocessing_and_no_path(made, description):
    section = methods_section(evaluate(made, resamples=0), made, description=description)
    text = text_of(section)
    assert "convnext_tiny" in text and "384 × 384" in text
    assert "4,472 photos of 2,348 patients from odir5k and idrid" in text
    assert "3 probabilities: dr grade ≥ 1, dr grade ≥ 2 and glaucoma" in text
    assert "imagenet.safetensors" in text and "someone" not in text
    assert not {"training", "selection"} & set(section.parts)


@pytest.mark.parametrize(
    ("override", "stated", "otherwise"),
    [
        ("optimisation.epochs=23", "at most 23 epochs", "at most 10 epochs"),
        ("optimisation.learning_rate=0.002", "0.002", "0.0003"),
        ("optimisation.imbalance=weighted-loss", "weighted up", "Class imbalance was not corrected"),
        ("optimisation.loss=focal", "focal loss with gamma 2", "cross-entropy"),
        ("optimisation.patience=4", "Training stopped after 4 epochs without improvement", "10 epochs"),
        ("optimisation.average_decay=0.99", "moving average (decay 0.99", "10 epochs"),
        ("augmentation.flip=false", "random rotation by right angles", "left-right flips"),
        ("augmentation.illumination=0.2", "illumination across the photo by up to 20%", "blur in 10% of photos"),
        ("augmentation.sharpen=0.15", "sharpening in 15% of photos", "blur in 10% of photos"),
        ("soft_labels.predictions=[a.csv, b.csv]", "blended with predictions from 2 tables", "The seed was 0"),
        ("architecture.views=2", "the mean over 2 copies of the photo: upright and upside down", "Its only input"),
        (
            "architecture.scales=[1, 0.75]",
            "the mean over 2 copies of the photo: at 224 and 160 px",
            "Its only input was the photograph",
        ),
        ("initialisation=scratch", "at random", "ImageNet"),
        ("architecture.head=jang2024", "512 units", "one linear layer"),
    ],
)
def test_training_is_described_as_the_recipe_sets_it(made, override, stated, otherwise):
    evaluation = evaluate(made, resamples=0)
    changed = text_of(methods_section(evaluation, made, read_recipe(TrainingRecipe, overrides=[override])))
    default = text_of(methods_section(evaluation, made, TrainingRecipe()))
    assert stated in changed and stated not in default
    assert otherwise in default


def test_epochs_that_were_not_run_are_stated(made, description):
    text = text_of(methods_section(evaluate(made, resamples=0), made, TrainingRecipe(), description))
    assert "at most 10 epochs, of which 6 were run" in text


def test_a_probe_is_described_as_one(made, description):
    recipe = ProbeRecipe(targets=(Target(name="dr"),), C=(0.1, 1.0), folds=4)
    text = text_of(methods_section(evaluate(made, resamples=0), made, recipe, description))
    assert "logistic regression was fitted to its embedding" in text
    assert "chosen among 0.1 and 1 by 4-fold cross-validation" in text
    assert "epoch" not in text


def test_when_everything_is_recorded_nothing_is_left_to_the_author(made, description):
    calibrations = (
        Temperature(
            outputs=("glaucoma",),
            temperature=1.3,
            family="sigmoid",
            fitted_on="validation",
            photos=640,
            positives=(80,),
        ),
        Uncalibrated(outputs=("dr_grade>=1", "dr_grade>=2"), reason="only 3 positive patients"),
    )
    section = methods_section(
        evaluate(made, resamples=50),
        made,
        TrainingRecipe(),
        description.model_copy(update={"calibrations": calibrations}),
        software={"torch": "2.6", "timm": "1.0"},
    )
    assert section.parts == tuple(PARTS)
    assert section.tables == ()
    assert len(section.paragraphs) == len(PARTS)
    text = text_of(section)
    assert "torch 2.6 and timm 1.0" in text
    assert "for glaucoma: temperature scaling, logits divided by 1.3; fitted on 640 validation photos" in text
    assert "for dr grade ≥ 1 and dr grade ≥ 2: none (only 3 positive patients)" in text
