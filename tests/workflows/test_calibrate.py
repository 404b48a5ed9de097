"""`calibrate` from a manifest to a bundle that screens by the site's thresholds."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import open_bundle
from eyeground.cli import main
from eyeground.config.operating_point import DecisionRule, Share
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.data.predictions import Predictions, read_predictions
from eyeground.datasets.synthetic import render
from eyeground.evaluation.decision_rule import measured
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.screening.decision import rule_of

PHOTOS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty rendered photos of as many patients, half of them ill, and a model without any training."""
    folder = tmp_path_factory.mktemp("site")
    rows = []
    for number in range(PHOTOS):
        ill = number % 2 == 0
        pixels = render("diabetic_retinopathy" if ill else "normal", height=120, width=120, seed=number).pixels
        Image.fromarray(pixels).save(folder / f"{number}.png")
        rows.append({"photo": f"{number}.png", "patient": f"p{number}", "abnormal": int(ill)})
    pd.DataFrame(rows).to_csv(folder / "labelled.csv", index=False)
    pd.DataFrame(rows).drop(columns="abnormal").to_csv(folder / "unlabelled.csv", index=False)
    pd.DataFrame(rows).assign(split=["test" if one >= 18 else "train" for one in range(PHOTOS)]).to_csv(
        folder / "split.csv", index=False
    )
    torch.manual_seed(0)
    classifier = Classifier(
        Architecture(backbone="test_resnet"),
        Preprocessing(side=64),
        [Target(name="abnormal"), Target(name="amd"), Target(name="cataract")],
    )
    share = Share(value=0.8, low=0.7, high=0.9, photos=50)
    rule = DecisionRule(
        rule="youden",
        thresholds={"abnormal": 0.5, "amd": 0.5},
        chosen_on="validation",
        positives=40,
        negatives=60,
        sensitivity=share,
        specificity=share,
    )
    export_bundle(
        classifier,
        folder / "source",
        ModelInfo(
            name="source",
            training=TrainingRecord(
                manifest_fingerprint="0" * 64,
                photos=9,
                patients=9,
                initialisation="scratch",
                method="pretrain",
                epochs=0,
                seed=0,
            ),
            answers=AnswerRules(decisions=(rule,)),
            card="---\nlicense: mit\n---\n\n# source\n\nText of the source.\n",
            licence="mit",
        ),
    )
    return folder


def calibrate(folder: Path, table: str, name: str, *options: str) -> int:
    return main(
        [
            "calibrate",
            str(folder / "source"),
            str(folder / table),
            "-o",
            str(folder / name),
            "--cache",
            str(folder / "cache"),
            "--jobs",
            "1",
            *options,
        ]
    )


def test_the_new_bundle_decides_by_the_site_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(folder, "labelled.csv", "labelled", "--operating-point", "specificity=0.8") == 0
    told = capsys.readouterr().out
    made = open_bundle(folder / "labelled").description
    decision = rule_of(made).decision
    assert decision is not None and (decision.rule, decision.chosen_on) == ("specificity=0.8", "site")
    assert decision.thresholds.keys() == {"abnormal", "amd"} != {"abnormal": 0.5, "amd": 0.5}
    assert made.site is not None and made.site.source.startswith("source@") and made.site.threshold_intervals
    assert made.site.specificity_before is not None and decision.specificity is not None
    assert "out of fold" in told and "before" in told
    # Nothing was chosen on validation photos, and nothing says so.
    assert "calibration of 'abnormal'" in told and "validation" not in told
    assert {point.chosen_on for point in made.operating_points} == {"site"}
    card = (folder / "labelled" / "README.md").read_text()
    assert card.startswith("---\n") and "Calibrated at a site" in card and "Text of the source." in card
    assert (folder / "labelled" / "model.onnx").read_bytes() == (folder / "source" / "model.onnx").read_bytes()


def test_photos_without_a_label_are_not_said_to_have_been_chosen_on(folder: Path) -> None:
    table = pd.read_csv(folder / "labelled.csv")
    table.loc[table.index % 5 == 0, "abnormal"] = None
    table.astype({"abnormal": "Int64"}).to_csv(folder / "partly.csv", index=False)
    assert calibrate(folder, "partly.csv", "partly") == 0
    made = open_bundle(folder / "partly").description
    decision = made.decisions[0]
    assert made.site is not None
    assert made.site.photos == made.site.patients == decision.positives + decision.negatives <= PHOTOS * 4 // 5


def test_labels_of_another_output_than_those_that_decide_are_enough(folder: Path) -> None:
    table = pd.read_csv(folder / "labelled.csv").rename(columns={"abnormal": "cataract"})
    table.to_csv(folder / "cataract.csv", index=False)
    assert calibrate(folder, "cataract.csv", "cataract") == 0
    assert set(open_bundle(folder / "cataract").description.decisions[0].thresholds) == {"cataract"}


def test_unlabelled_photos_need_a_stated_share(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(folder, "unlabelled.csv", "refused") == 2
    assert "--expected-abnormal" in capsys.readouterr().err and not (folder / "refused").exists()
    assert calibrate(folder, "unlabelled.csv", "shifted", "--expected-abnormal", "0.3") == 0
    made = open_bundle(folder / "shifted").description
    assert made.site is not None and made.site.expected_abnormal == 0.3
    assert made.decisions[0].sensitivity is None and "not measured" in capsys.readouterr().out


def test_test_photos_are_left_to_measure_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Nine ill patients of 18 are too few to choose on: the test photos do not count.
    assert calibrate(folder, "split.csv", "split") == 2
    assert "there are" in capsys.readouterr().err


def test_what_is_said_of_test_photos_is_what_the_new_bundle_does_on_them(folder: Path) -> None:
    rows = pd.read_csv(folder / "labelled.csv")
    rows.assign(split=["test" if one >= 32 else "train" for one in range(PHOTOS)]).to_csv(
        folder / "part.csv", index=False
    )
    assert calibrate(folder, "part.csv", "part") == 0
    decision = open_bundle(folder / "part").description.decisions[0]
    rows[rows.index >= 32].to_csv(folder / "held-out.csv", index=False)
    found = folder / "found.csv"
    held_out = ["predict", str(folder / "held-out.csv"), "--bundle", str(folder / "part"), "-o", str(found)]
    assert main([*held_out, "--cache", str(folder / "cache"), "--jobs", "1"]) == 0
    table = read_predictions(found).table
    judged = Predictions(table[table["status"] != "ungradable"].reset_index(drop=True))
    assert measured(decision, judged, open_bundle(folder / "part").description.targets) == decision


def test_labels_beside_a_stated_share_are_refused_with_both_ways_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(folder, "labelled.csv", "both", "--expected-abnormal", "0.5") == 2
    told = capsys.readouterr().err
    assert "Leave out --expected-abnormal" in told and "note_abnormal" in told and not (folder / "both").exists()
    rows = pd.read_csv(folder / "labelled.csv")
    for name, label in (("noted", rows["abnormal"]), ("empty", None)):
        column = {"noted": "note_abnormal", "empty": "abnormal"}[name]
        rows.drop(columns="abnormal").assign(**{column: label}).to_csv(folder / f"{name}.csv", index=False)
        assert calibrate(folder, f"{name}.csv", name, "--expected-abnormal", "0.5") == 0


def test_a_column_of_another_name_is_matched_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.read_csv(folder / "labelled.csv").rename(columns={"abnormal": "referable"}).to_csv(
        folder / "own.csv", index=False
    )
    assert calibrate(folder, "own.csv", "own") == 2
    assert "--truth" in capsys.readouterr().err
    assert calibrate(folder, "own.csv", "own", "--truth", "abnormal=referable") == 0
    assert "referable (abnormal)" in capsys.readouterr().out
    assert calibrate(folder, "labelled.csv", "by-name") == 0
    own, by_name = (open_bundle(folder / name).description.decisions for name in ("own", "by-name"))
    assert own == by_name
