"""A finished run becomes a bundle for others: smaller, evaluated again, open about its data, documented by its card."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from rich.console import Console
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

import eyeground
from eyeground import models
from eyeground.bundle.calibration import calibrated
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, photo_hash
from eyeground.cli import main
from eyeground.data.manifest import read_manifest
from eyeground.data.predictions import read_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate
from eyeground.imaging.standard import standard_photo
from eyeground.workflows.predict import predict_manifest
from eyeground.workflows.release import release as protocol

QUIET = Console(quiet=True)
NAME = "eyeground-tiny-scratch+48"


def front_matter(bundle: Bundle) -> dict[str, object]:
    text = (bundle.folder / "README.md").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text.split("---\n")[1]))


def test_a_release_holds_half_the_weights_and_gives_the_same_answers(folder: Path, released: Bundle) -> None:
    trained = open_bundle(folder / "run" / "bundle")
    assert released.weights_path.stat().st_size < 0.55 * trained.weights_path.stat().st_size
    photos = read_manifest(folder / "own" / "manifest.csv").photo_paths()[:6]
    before, after = eyeground.load(trained.folder)(photos), eyeground.load(released.folder)(photos)
    for one, other in zip(before, after, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=0.005)
    rounding = released.description.rounding
    assert rounding is not None and rounding.photos == 24
    assert 0 < rounding.largest_difference < 0.005
    assert released.description.operating_points == trained.description.operating_points
    assert released.description.training == trained.description.training


def test_torch_and_onnx_of_a_release_agree(folder: Path, released: Bundle) -> None:
    photo = read_manifest(folder / "own" / "manifest.csv").photo_paths()[0]
    finding = eyeground.load(released.folder)(photo)
    pixels = standard_photo(photo, released.description.preprocessing).pixels
    with torch.inference_mode():
        network = models.load(released.folder).explain(torch.from_numpy(pixels)[None])[0].numpy()
    outputs = released.description.outputs
    expected = calibrated(network, outputs, released.description.calibrations)[0]
    assert list(finding.probabilities.values()) == pytest.approx(expected, abs=1e-4)


def test_a_release_lists_the_photos_of_train_and_validation_and_no_other(folder: Path, released: Bundle) -> None:
    used = read_manifest(folder / "run" / "manifest.parquet")
    hashes = {split: {photo_hash(path) for path in used.in_split(split).photo_paths()} for split in
              ("train", "validation", "test")}  # fmt: skip
    assert released.trained_on(hashes["train"] | hashes["validation"]) == hashes["train"] | hashes["validation"]
    assert released.trained_on(hashes["test"]) == frozenset()
    # The run's own bundle has the same list.
    lists = [path / TRAINING_PHOTOS for path in (released.folder, folder / "run" / "bundle")]
    assert lists[0].read_bytes() == lists[1].read_bytes()


def test_inspecting_a_release_finds_photos_it_was_trained_on(
    folder: Path, released: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(released.folder), "--photos", str(folder / "own" / "photos")]) == 0
    assert "trained on 64 of 80 photos" in capsys.readouterr().out
    assert main(["inspect", str(released.folder), "--photos", str(folder / "other" / "photos")]) == 0
    assert "trained on 0 of 20 photos" in capsys.readouterr().out


def test_metrics_are_of_the_released_graph_on_test_photos_at_the_bundle_s_thresholds(
    folder: Path, released: Bundle
) -> None:
    used = read_manifest(folder / "run" / "manifest.parquet").in_split("test")
    again = predict_manifest(used, eyeground.load(released.folder), folder / "cache", 1).predictions
    evaluation = evaluate(again, released.description.operating_points, resamples=100)
    recorded = {(one.output, one.metric): one for one in released.description.metrics if one.scope == "test"}
    for output in evaluation.outputs:
        for metric in ("auroc", "sensitivity", "specificity"):
            estimate = output.estimate(metric)
            if estimate.value is not None:
                one = recorded[output.output, metric]
                assert (one.value, one.low, one.high) == pytest.approx((estimate.value, estimate.low, estimate.high))
                assert (one.photos, one.patients) == (output.photos, output.patients)
    headline = released.description.headline
    assert headline is not None and (headline.output, headline.photos) == ("abnormal", 16)


def test_external_metrics_are_of_every_photo_and_say_whose_predictions_they_are(folder: Path, released: Bundle) -> None:
    figures = {(one.scope, one.output, one.metric): one for one in released.description.metrics}
    table = read_predictions(folder / "other.parquet")
    truth, probability, _ = table.known("abnormal")
    found = figures["table", "abnormal", "auroc"]
    assert found.value == pytest.approx(roc_auc_score(truth, probability))
    assert found.photos == 20
    card = (released.folder / "README.md").read_text(encoding="utf-8")
    assert "From a predictions table that was given" in card
    # The model's own training photos, given as if they were external, are found out.
    assert "Of its photographs, 64 are among those that the model was trained on" in card


def test_the_card_is_valid_for_the_hub_and_holds_the_metrics(released: Bundle) -> None:
    metadata = front_matter(released)
    assert metadata["license"] == "apache-2.0" and metadata["pipeline_tag"] == "image-classification"
    text = (released.folder / "README.md").read_text(encoding="utf-8")
    card = ModelCard(text)
    results = {(one.dataset_name, one.metric_name): one.metric_value for one in card.data.eval_results}
    headline = released.description.headline
    assert headline is not None
    assert results["synthetic, internal test photos", "AUROC, abnormal"] == round(headline.value, 4)
    assert f"{headline.value:.3f} ({headline.low:.3f}–{headline.high:.3f})" in text
    for words in (
        "Not a medical device", f'eyeground.load("{NAME}")("photo.jpg")', released.description.files["model.safetensors"],
        "arXiv:2408.08790", "| train | 56 | 28 | 0 |", "| sex: female |", "| age: ", "| eye: left |", "8 bits: not tried",
        "no probability differs by more than", "Compute: ", "`abnormal` has no threshold",
    ):  # fmt: skip
        assert words in text, words


def test_a_licence_that_the_hub_does_not_know_is_named_beside_other(folder: Path, tmp_path: Path) -> None:
    plan = protocol.ReleasePlan(
        folder / "run", tmp_path / "out", "x", folder / "cache", licence="Clinic Use 1", resamples=0
    )
    metadata = front_matter(protocol.release(plan, QUIET))
    assert (metadata["license"], metadata["license_name"]) == ("other", "clinic-use-1")


def test_the_report_goes_along_and_everything_is_hashed(folder: Path, released: Bundle) -> None:
    report = folder / "run" / "evaluation" / "report.html"
    assert (released.folder / "report.html").read_bytes() == report.read_bytes()
    listed = json.loads((released.folder / "bundle.json").read_text())["files"]
    assert set(listed) == {path.name for path in released.folder.iterdir()} - {"bundle.json"}


def test_an_8_bit_graph_that_is_good_enough_becomes_part_of_the_release(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eyeground.workflows.release.int8.FEWEST_JUDGES", 1)
    monkeypatch.setattr("eyeground.workflows.release.int8.LARGEST_DROP", 1.1)
    monkeypatch.setattr("eyeground.workflows.release.int8.LARGEST_SHARE_FLIPPED", 1.1)
    monkeypatch.setattr(
        "eyeground.evaluation.decision_rule.FEW_PATIENTS", 1
    )  # else no rule decides, and nothing is gated
    plan = protocol.ReleasePlan(folder / "run", tmp_path / "out", "x", folder / "cache", resamples=0)
    bundle = protocol.release(plan, QUIET)
    assert bundle.int8_path is not None and bundle.int8_path.is_file()
    (one,) = bundle.description.quantisations
    assert one.released and one.size == bundle.int8_path.stat().st_size and one.calibration_photos == 56
    assert "`model.int8.onnx` is part of this bundle" in (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_a_model_that_rounding_changes_too_much_keeps_its_32_bits(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LARGEST_DIFFERENCE", 1e-9)
    plan = protocol.ReleasePlan(folder / "run", tmp_path / "out", "x", folder / "cache", resamples=0, int8=False)
    bundle = protocol.release(plan, QUIET)
    assert bundle.description.rounding is None
    assert "F16" not in bundle.description.storage.values()
    assert "Storage: float32 as trained" in (bundle.folder / "README.md").read_text(encoding="utf-8")
    ours, theirs = (load_file(one / "model.safetensors") for one in (bundle.folder, folder / "run" / "bundle"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run": "other"}, "no run here"),
        ({"run": "unfinished"}, "the run is not finished, it has no bundle"),
        ({"name": "../x"}, "--name '../x': use letters"),
        ({"report": "own"}, "no report.html here"),
        ({"external": {"test": "other.parquet"}}, "the name of the run's own metrics"),
        ({"external": {"unlabelled": "unlabelled.csv"}}, "--external unlabelled: no truth of any output of the model"),
    ],
)
def test_what_cannot_be_released_is_said_in_one_sentence(
    folder: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    if not (folder / "unfinished").exists():
        shutil.copytree(folder / "run", folder / "unfinished", ignore=shutil.ignore_patterns("bundle"))
        table = read_predictions(folder / "other.parquet").table.assign(truth_abnormal=np.nan)
        table["truth_diabetic_retinopathy"] = np.nan
        pd.DataFrame(table).to_csv(folder / "unlabelled.csv", index=False)
    given: dict[str, Any] = {"run": "run", "name": "x"} | change
    external = {name: folder / path for name, path in given.get("external", {}).items()}
    report = folder / str(given["report"]) if "report" in given else None
    plan = protocol.ReleasePlan(
        folder / str(given["run"]),
        tmp_path / "out",
        str(given["name"]),
        folder / "cache",
        external=external,
        report=report,
    )
    with pytest.raises(UserError, match=message):
        protocol.release(plan, QUIET)
    assert not (tmp_path / "out").exists()
