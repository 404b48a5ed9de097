"""From a manifest to a bundle on rendered photos: the entire run, its folder, and what it refuses."""

import io
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import eyeground
from eyeground.bundle.calibration import Platt, Uncalibrated, calibrated
from eyeground.bundle.open import open_bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import (
    Architecture,
    Machine,
    Optimisation,
    Preprocessing,
    SoftLabels,
    TrainingRecipe,
)
from eyeground.data.manifest import Manifest, read_manifest, validated, write_manifest
from eyeground.data.predictions import Predictions, read_predictions, validated_predictions
from eyeground.data.splits import fold_patients, hold_out, split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.evaluation import choose_operating_point
from eyeground.evaluation.decision_rule import called_abnormal
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.models import load
from eyeground.workflows.build.probe import finetune_recipe
from eyeground.workflows.build.run_folder import open_run
from eyeground.workflows.build.train import network_of, train_and_validate
from eyeground.workflows.build.validated_build import Built, Plan, training_record, validate_and_export

QUIET = Console(quiet=True)
RECIPE = TrainingRecipe(
    targets=(Target(name="abnormal"),),
    initialisation="scratch",
    architecture=Architecture(backbone="test_resnet"),
    preprocessing=Preprocessing(side=48),
    optimisation=Optimisation(epochs=2, batch_size=8, learning_rate=3e-3),
    machine=Machine(accelerator="cpu", workers=0),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("study")
    render_dataset(made, 40, side=64, seed=2, prevalence={"diabetic_retinopathy": 0.5})
    return made


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return read_manifest(folder / "manifest.csv")


def plan(
    folder: Path, name: str, method: Literal["pretrain", "finetune"] = "pretrain", allow_leakage: bool = False
) -> Plan:
    return Plan(folder / name, folder / "cache", name, method, allow_leakage=allow_leakage)


@pytest.fixture(scope="module")
def pretrained(folder: Path, manifest: Manifest) -> Built:
    return train_and_validate(manifest, RECIPE, plan(folder, "pretrained"), QUIET, resume=False)


def test_a_run_folder_holds_all_that_the_result_depends_on(folder: Path, pretrained: Built) -> None:
    run = folder / "pretrained"
    present = {path.name for path in run.iterdir()}
    assert present >= {
        "recipe.yaml", "manifest.parquet", "environment.json", "history.csv", "checkpoints", "predictions.parquet",
        "evaluation", "bundle",
    }  # fmt: skip
    assert {"report.html", "metrics.json", "metrics.csv", "metrics.md", "flow.csv"} <= {
        path.name for path in (run / "evaluation").iterdir()
    }


def test_metrics_are_of_test_patients_and_thresholds_of_validation_patients(folder: Path, pretrained: Built) -> None:
    used = read_manifest(folder / "pretrained" / "manifest.parquet")
    tables = {split: used.in_split(split) for split in ("train", "validation", "test")}
    patients = {split: set(table.table["patient"]) for split, table in tables.items()}
    assert not patients["train"] & patients["test"]
    assert not patients["validation"] & (patients["train"] | patients["test"])
    assert pretrained.evaluation.photos == len(tables["test"])
    # With so few patients no threshold is chosen, and the reason is recorded.
    assert "are needed" in pretrained.bundle.description.without_threshold["abnormal"]
    assert pretrained.bundle.description.decisions == ()
    assert pretrained.bundle.description.training.photos == len(tables["train"])


def test_predictions_are_those_of_the_bundle(folder: Path, pretrained: Built) -> None:
    table = read_predictions(folder / "pretrained" / "predictions.parquet").in_split("test").table
    used = read_manifest(folder / "pretrained" / "manifest.parquet")
    model = eyeground.load(pretrained.bundle.folder)
    findings = model([used.root / photo for photo in table["photo"][:6]])
    screened = [finding.probabilities["abnormal"] for finding in findings]
    np.testing.assert_allclose(screened, table["probability_abnormal"][:6], atol=2e-3)


def test_calibration_is_fitted_on_validation_and_everything_after_it_is_of_calibrated_probabilities(
    folder: Path, manifest: Manifest, pretrained: Built
) -> None:
    printed = pretrained.bundle.description.calibrations[0]
    assert isinstance(printed, Uncalibrated)  # so few patients that nothing can be fitted
    assert "needs 10 patients" in printed.reason

    record = pretrained.bundle.description.training
    crowd = many_patients()
    classifier = load(pretrained.bundle.folder)
    output = plan(folder, "again-calibrated")
    open_run(output.folder, RECIPE, manifest, resume=False)
    built = validate_and_export(network_of(classifier), crowd, record, output, "platt", QUIET, seen=())
    fitted = built.bundle.description.calibrations[0]
    assert isinstance(fitted, Platt)
    assert (fitted.fitted_on, fitted.photos) == ("validation", len(crowd.in_split("validation").table))
    written = read_predictions(output.folder / "predictions.parquet")
    expected = calibrated(crowd.table[["probability_abnormal"]].to_numpy(), ["abnormal"], [fitted])[:, 0]
    np.testing.assert_allclose(written.table["probability_abnormal"], expected)
    described = built.bundle.description
    [decision] = [one for one in described.decisions if one.rule == "youden"]
    point = described.operating_points[0]
    assert point.threshold == choose_operating_point(written.in_split("validation"), "abnormal").threshold
    # With one output, the rule decides as its one threshold does.
    called = called_abnormal(decision, written, frozenset())
    np.testing.assert_array_equal(called, written.table["probability_abnormal"] >= point.threshold)
    assert decision.sensitivity is not None and decision.sensitivity.value == point.sensitivity
    truth, probability, _ = written.in_split("test").known("abnormal")
    brier = built.evaluation.outputs[0].estimate("brier").value
    assert brier == pytest.approx(np.mean((probability - truth) ** 2))
    card = (built.bundle.folder / "README.md").read_text()
    assert f"`abnormal`: Platt scaling, logits times {fitted.slope:.3g}" in card
    # The bundle gives a photo the probability that the run would have written.
    photo = read_manifest(folder / "pretrained" / "manifest.parquet").photo_paths()[0]
    uncalibrated = eyeground.load(pretrained.bundle.folder)(photo).probabilities["abnormal"]
    assert eyeground.load(built.bundle.folder)(photo).probabilities["abnormal"] == pytest.approx(
        calibrated(np.array([[uncalibrated]]), ["abnormal"], [fitted])[0, 0], rel=1e-6
    )


def many_patients() -> Predictions:
    """Enough patients to fit to, with overconfident probabilities that separate the classes imperfectly."""
    generator = np.random.default_rng(0)
    parts = []
    for split, photos in (("validation", 200), ("test", 200)):
        score = generator.normal(size=photos)
        truth = (generator.random(photos) < 1 / (1 + np.exp(-score))).astype(float)
        names = [f"{split}{index}.jpg" for index in range(photos)]
        parts.append(
            pd.DataFrame({"photo": names, "patient": names, "split": split, "truth_abnormal": truth}).assign(
                probability_abnormal=1 / (1 + np.exp(-3 * score))
            )
        )
    return validated_predictions(pd.concat(parts, ignore_index=True), "predictions")


def test_the_model_card_carries_the_metrics_and_the_warning(pretrained: Built) -> None:
    card = (pretrained.bundle.folder / "README.md").read_text()
    auroc = pretrained.evaluation.outputs[0].estimate("auroc")
    assert auroc.value is not None
    assert f"{auroc.value:.3f}" in card
    assert "Not a medical device" in card
    assert f"{pretrained.bundle.description.training.patients} patients (synthetic)" in card
    assert card.startswith("---\nlicense: apache-2.0\n")


def test_finetuning_starts_from_the_bundle_and_keeps_its_preprocessing(
    folder: Path, manifest: Manifest, pretrained: Built
) -> None:
    source = str(pretrained.bundle.folder)
    overrides = ["optimisation.epochs=1", "optimisation.batch_size=8", "machine.workers=0", "machine.accelerator=cpu"]
    recipe = finetune_recipe(open_bundle(source), source, [Target(name="diabetic_retinopathy")], None, overrides)
    assert recipe.preprocessing == RECIPE.preprocessing
    assert recipe.architecture == RECIPE.architecture
    assert recipe.optimisation.layer_decay < 1
    built = train_and_validate(manifest, recipe, plan(folder, "finetuned", "finetune"), QUIET, resume=False)
    assert built.bundle.description.training.method == "finetune"


def test_soft_labels_come_from_a_model_that_did_not_see_the_fold(folder: Path, manifest: Manifest) -> None:
    shares = {"train": 0.6, "validation": 0.2, "test": 0.2}
    folded = fold_patients(split_patients(manifest, shares, ["abnormal"]), 2)
    held = hold_out(folded, 0)
    train_and_validate(held, RECIPE, plan(folder, "teacher"), QUIET, resume=False)
    soft_labels = SoftLabels(predictions=(str(folder / "teacher" / "predictions.parquet"),), share=1.0)
    with_soft_labels, printed = RECIPE.model_copy(update={"soft_labels": soft_labels}), io.StringIO()
    built = train_and_validate(
        folded, with_soft_labels, plan(folder, "soft"), Console(file=printed, width=200), resume=False
    )
    assert (
        f"soft labels: {len(held.in_split('test'))} of {len(folded.in_split('train'))} training photos"
        in printed.getvalue()
    )
    assert set(built.predictions.table["truth_abnormal"]) == {0.0, 1.0}
    assert "fold" not in built.predictions.table
    losses = [pd.read_csv(folder / name / "history.csv")["loss"].tolist() for name in ("teacher", "soft")]
    assert losses[0] != losses[1]


def test_a_finished_run_resumed_gives_the_same_metrics(folder: Path, manifest: Manifest, pretrained: Built) -> None:
    shutil.copytree(folder / "pretrained", folder / "again")
    again = train_and_validate(manifest, RECIPE, plan(folder, "again"), QUIET, resume=True)
    assert again.evaluation == pretrained.evaluation


def test_a_run_is_not_overwritten_without_being_asked(folder: Path, manifest: Manifest, pretrained: Built) -> None:
    with pytest.raises(UserError, match="holds a run already; add --resume"):
        train_and_validate(manifest, RECIPE, plan(folder, "pretrained"), QUIET, resume=False)


def test_a_run_is_not_resumed_with_another_recipe(folder: Path, manifest: Manifest, pretrained: Built) -> None:
    other = RECIPE.model_copy(update={"seed": 5})
    with pytest.raises(UserError, match="started with another recipe: 'seed' is 0, now 5"):
        train_and_validate(manifest, other, plan(folder, "pretrained"), QUIET, resume=True)


def test_a_run_may_be_resumed_on_another_machine(folder: Path, manifest: Manifest, pretrained: Built) -> None:
    shutil.copytree(folder / "pretrained", folder / "moved")
    other = RECIPE.model_copy(update={"machine": Machine(accelerator="cpu", workers=1)})
    assert train_and_validate(manifest, other, plan(folder, "moved"), QUIET, resume=True).bundle


def test_the_same_photo_in_two_splits_stops_the_run(folder: Path, manifest: Manifest) -> None:
    split = pd.Series(["train", "validation", "test"] * len(manifest), dtype="string")[: len(manifest)]
    table = manifest.table.assign(split=split, patient=manifest.table["photo"])
    copy = folder / "photos" / "copy.jpg"
    shutil.copyfile(folder / table["photo"][0], copy)
    table.loc[1, "photo"] = str(copy.relative_to(folder))
    write_manifest(Manifest(table, folder), folder / "leaking.csv")
    leaking = read_manifest(folder / "leaking.csv")
    with pytest.raises(UserError, match=r"2 photographs .* more than one split .*\(train\) and 'photos/copy\.jpg'"):
        train_and_validate(leaking, RECIPE, plan(folder, "leaking"), QUIET, resume=False)
    assert not (folder / "leaking").exists()  # nothing was prepared or begun
    one = RECIPE.model_copy(update={"optimisation": RECIPE.optimisation.model_copy(update={"epochs": 1})})
    assert train_and_validate(
        leaking, one, plan(folder, "leakage-allowed", allow_leakage=True), QUIET, resume=False
    ).bundle


def test_licence_and_citation_of_every_source_come_into_the_record(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"photo": ["a", "b"], "patient": ["1", "2"], "source": ["idrid", "clinic"], "note_licence": [None, "own data"]}
    )
    manifest = validated(table, "table", tmp_path)
    photos = PreparedPhotos(
        manifest=manifest, standard=(Path("a.png"), Path("b.png")), truth=np.zeros((2, 1), np.float32)
    )
    record = training_record(manifest, photos, plan(tmp_path, "run"), "scratch", 1, 0)
    assert record.terms["clinic"] == "own data"
    assert "CC BY 4.0" in record.terms["idrid"] and "Porwal" in record.terms["idrid"]
