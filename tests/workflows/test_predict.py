"""A bundle's predictions of a manifest: those of screening, beside the truths, whatever is unreadable left out."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import eyeground
from eyeground.bundle.calibration import Temperature
from eyeground.bundle.description import AnswerRules
from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import photo_hash
from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.data.manifest import Manifest, validated, write_manifest
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.workflows.predict import predict_manifest

TARGETS = (Target(name="abnormal"), Target(name="grade", kind="ordinal", classes=("0", "1", "2")))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, random_bundle: Callable[..., Bundle]) -> Bundle:
    return random_bundle(tmp_path_factory.mktemp("bundle") / "b", TARGETS)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        Image.fromarray(render(height=64, seed=seed).pixels).save(folder / f"{seed}.jpg")
    (folder / "broken.jpg").write_bytes(b"nothing")
    table = pd.DataFrame(
        {"photo": ["0.jpg", "broken.jpg", "1.jpg", "2.jpg"], "patient": list("abcd"), "abnormal": [1, 0, 0, None]}
    )
    return validated(table, "table", folder)


def test_predictions_are_what_screening_finds(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    screener = eyeground.load(bundle.folder)
    found = predict_manifest(manifest, screener, tmp_path, 1)
    predictions, unreadable = found.predictions, found.unreadable
    table = predictions.table
    assert list(table["photo"]) == ["0.jpg", "1.jpg", "2.jpg"]
    assert list(unreadable) == ["broken.jpg"]
    for row, finding in enumerate(screener([manifest.root / photo for photo in table["photo"]])):
        for output, probability in finding.probabilities.items():
            assert table[f"probability_{output}"][row] == pytest.approx(probability, abs=1e-5)
    np.testing.assert_array_equal(table["truth_abnormal"], [1, 0, np.nan])
    assert table["truth_grade>=1"].isna().all()  # no label of this manifest


def test_predictions_are_calibrated_as_screening_is(
    random_bundle: Callable[..., Bundle], bundle: Bundle, manifest: Manifest, tmp_path: Path
) -> None:
    outputs = ("grade>=1", "grade>=2")
    fitted = Temperature(
        outputs=outputs, fitted_on="validation", photos=90, positives=(30, 9), temperature=3, family="sigmoid"
    )
    scaled = random_bundle(tmp_path / "c", TARGETS, answers=AnswerRules(calibrations=(fitted,)))
    raw = predict_manifest(manifest, eyeground.load(bundle.folder), tmp_path, 1).predictions
    found = predict_manifest(manifest, eyeground.load(scaled.folder), tmp_path, 1).predictions
    np.testing.assert_array_equal(found.table["probability_abnormal"], raw.table["probability_abnormal"])
    columns = [f"probability_{output}" for output in outputs]
    expected = fitted.apply(raw.table[columns].to_numpy())
    np.testing.assert_allclose(found.table[columns], expected, rtol=1e-9)
    assert (abs(expected - raw.table[columns].to_numpy()) > 1e-3).any()


def test_a_manifest_without_readable_photos_is_refused(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    broken = dataclasses.replace(manifest, table=manifest.table.iloc[[1]].reset_index(drop=True))
    with pytest.raises(UserError, match="none of the 1 photos can be read"):
        predict_manifest(broken, eyeground.load(bundle.folder), tmp_path, 1)


def test_predictions_go_straight_into_evaluation(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(manifest, tmp_path / "manifest.csv")
    table = str(tmp_path / "predictions.parquet")
    made = [
        "predict",
        str(tmp_path / "manifest.csv"),
        "--bundle",
        str(bundle.folder),
        "-o",
        table,
        "--cache",
        str(tmp_path),
    ]
    assert main(made) == 0
    assert main(["evaluate", table, "-o", str(tmp_path / "figures"), "--every-photo", "--resamples", "50"]) == 0
    assert (tmp_path / "figures" / "metrics.json").is_file()


def test_what_screening_says_stands_beside_and_further_columns_survive(
    bundle: Bundle, manifest: Manifest, tmp_path: Path
) -> None:
    table = manifest.table.assign(race=list("wxyz"), device="Kowa", note_name="Kim", mask_vessel=pd.NA)
    screener = eyeground.load(bundle.folder)
    found = predict_manifest(validated(table, "table", manifest.root), screener, tmp_path, 1).predictions.table
    assert found["race"].tolist() == ["w", "y", "z"] and set(found["device"]) == {"Kowa"}
    assert not {"note_name", "mask_vessel", "abnormal"} & set(found.columns)
    screened = screener([manifest.root / photo for photo in found["photo"]])
    assert found["status"].tolist() == [finding.status for finding in screened]
    assert found["unfamiliarity"].isna().all() and found["in_training"].isna().all()  # this bundle cannot tell


def test_photos_that_the_model_was_trained_on_are_marked(
    random_bundle: Callable[..., Bundle], manifest: Manifest, tmp_path: Path
) -> None:
    trained = random_bundle(tmp_path / "d", TARGETS, training_photos=[photo_hash(manifest.root / "1.jpg")])
    found = predict_manifest(manifest, eyeground.load(trained.folder), tmp_path, 1).predictions.table
    assert found.set_index("photo")["in_training"].to_dict() == {"0.jpg": 0, "1.jpg": 1, "2.jpg": 0}


@pytest.mark.parametrize("name", ["status", "in_training", "truth_abnormal"])
def test_a_column_that_predictions_mean_otherwise_is_refused(
    bundle: Bundle, manifest: Manifest, tmp_path: Path, name: str
) -> None:
    strange = validated(manifest.table.assign(**{name: 1}), "table", manifest.root)
    with pytest.raises(UserError, match=f"'{name}'.*rename"):
        predict_manifest(strange, eyeground.load(bundle.folder), tmp_path, 1)


@pytest.mark.parametrize("option", ["-o", "--embeddings"])
def test_a_name_that_no_table_can_have_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    given = ["predict", "nowhere.csv", "--bundle", "nothing", "-o", str(tmp_path / "p.csv"), option]
    assert main([*given, str(tmp_path / "p.xlsx")]) == 2
    assert "p.xlsx" in (printed := capsys.readouterr().err) and ".parquet" in printed


def test_formulas_are_disarmed_on_request(bundle: Bundle, manifest: Manifest, tmp_path: Path) -> None:
    write_manifest(
        validated(manifest.table.assign(site="=HYPERLINK(1)"), "table", manifest.root), tmp_path / "manifest.csv"
    )
    given = ["predict", str(tmp_path / "manifest.csv"), "--bundle", str(bundle.folder), "--cache", str(tmp_path)]
    assert main([*given, "-o", str(tmp_path / "p.csv"), "--for-spreadsheets"]) == 0
    assert set(pd.read_csv(tmp_path / "p.csv")["site"]) == {"'=HYPERLINK(1)"}
