"""Robustness: what is predicted is what screening would find of the corrupted photo, and nothing is predicted twice."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import eyeground
from eyeground.bundle.open import Bundle
from eyeground.data.manifest import Manifest, validated
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.imaging.cache import prepare, read_prepared_standard
from eyeground.imaging.corruptions import CORRUPTIONS, corrupt
from eyeground.screening.runtime import Screener
from eyeground.workflows.robustness import corrupt as workflow
from eyeground.workflows.robustness.corrupt import CorruptionPlan, corrupt_manifest
from eyeground.workflows.robustness.severity_sheet import severity_sheet

PLAN = CorruptionPlan(corruptions=("defocus", "crop"))


@pytest.fixture(scope="module")
def screener(tmp_path_factory: pytest.TempPathFactory, random_bundle: Callable[..., Bundle]) -> Screener:
    return eyeground.load(random_bundle(tmp_path_factory.mktemp("bundle") / "bundle").folder)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(6):
        Image.fromarray(render(height=64, seed=seed).pixels).save(folder / f"{seed}.jpg")
    (folder / "broken.jpg").write_bytes(b"nothing")
    photos = ["0.jpg", "broken.jpg", *(f"{seed}.jpg" for seed in range(1, 6))]
    table = pd.DataFrame({"photo": photos, "patient": list("abcdefg"), "abnormal": [1, 0, 0, 1, 0, 1, None]})
    return validated(table, "table", folder)


class Counting:
    """A screener that counts the photos it is given, and stops after some."""

    def __init__(self, screener: Screener, stop_after: int = 10**9) -> None:
        self.bundle, self.screener, self.photos, self.stop_after = screener.bundle, screener, 0, stop_after

    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        self.photos += len(pixels)
        if self.photos > self.stop_after:
            raise KeyboardInterrupt
        return self.screener.probabilities(pixels)


def test_predictions_are_the_bundles_of_the_corrupted_standard_photos(
    manifest: Manifest, screener: Screener, tmp_path: Path
) -> None:
    predictions, unreadable = corrupt_manifest(manifest, screener, PLAN, tmp_path / "out", tmp_path / "cache", 1)
    assert list(unreadable) == ["broken.jpg"]
    assert len(predictions.corrupted) == 10
    assert list(predictions.clean.table["photo"]) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg"]  # 5.jpg has no truth
    paths = [manifest.root / photo for photo in predictions.clean.table["photo"]]
    prepared = prepare(paths, screener.bundle.description.preprocessing, tmp_path / "cache").paths
    standards = [read_prepared_standard(path) for path in prepared if path]
    for condition, found in {("none", 0): predictions.clean, **predictions.corrupted}.items():
        pixels = [one.pixels if condition[1] == 0 else corrupt(one, *condition, 0) for one in standards]
        expected = screener.probabilities(np.stack(pixels))[:, 0]
        np.testing.assert_allclose(found.table["probability_abnormal"], expected, atol=1e-6)
        np.testing.assert_array_equal(found.table["truth_abnormal"], [1, 0, 1, 0, 1])


def test_a_killed_run_goes_on_where_it_stopped(manifest: Manifest, screener: Screener, tmp_path: Path) -> None:
    folders = tmp_path / "out", tmp_path / "cache"
    killed = Counting(screener, stop_after=23)
    with pytest.raises(KeyboardInterrupt):
        corrupt_manifest(manifest, killed, PLAN, *folders, 1)
    parts = {part: part.stat().st_mtime_ns for part in (tmp_path / "out" / "predictions").iterdir()}
    assert len(parts) == 4 and not any(part.name.startswith(".") for part in parts)
    resumed = Counting(screener)
    predictions, _ = corrupt_manifest(manifest, resumed, PLAN, *folders, 1)
    assert resumed.photos == 5 * (11 - 4)
    assert all(part.stat().st_mtime_ns == written for part, written in parts.items())
    uninterrupted, _ = corrupt_manifest(manifest, screener, PLAN, tmp_path / "other", tmp_path / "cache", 1)
    pd.testing.assert_frame_equal(predictions.table(), uninterrupted.table())
    again = Counting(screener)
    corrupt_manifest(manifest, again, PLAN, *folders, 1)
    assert again.photos == 0


def test_a_corrected_label_costs_no_prediction(manifest: Manifest, screener: Screener, tmp_path: Path) -> None:
    corrupt_manifest(manifest, screener, PLAN, tmp_path / "out", tmp_path / "cache", 1)
    table = manifest.table.assign(abnormal=manifest.table["abnormal"].replace({1: 0, 0: 1}))
    counting = Counting(screener)
    corrected, _ = corrupt_manifest(
        dataclasses.replace(manifest, table=table),
        counting,
        PLAN,
        tmp_path / "out",
        tmp_path / "cache",
        1,
    )
    assert counting.photos == 0
    np.testing.assert_array_equal(corrected.corrupted["crop", 5].table["truth_abnormal"], [0, 1, 0, 1, 0])


def test_whatever_a_prediction_depends_on_is_predicted_again(
    manifest: Manifest,
    screener: Screener,
    random_bundle: Callable[..., Bundle],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def predicted(screener: Screener = screener, manifest: Manifest = manifest, plan: CorruptionPlan = PLAN) -> int:
        counting = Counting(screener)
        corrupt_manifest(manifest, counting, plan, tmp_path / "out", tmp_path / "cache", 1)
        return counting.photos

    assert predicted() == 5 * 11
    assert predicted(plan=dataclasses.replace(PLAN, corruptions=("defocus", "crop", "jpeg"))) == 5 * 5
    assert predicted(plan=dataclasses.replace(PLAN, seed=1)) == 5 * 10  # the clean photos have no seed
    assert predicted(eyeground.load(random_bundle(tmp_path / "other", seed=1).folder)) == 5 * 11
    assert predicted(manifest=manifest.where(manifest.table["photo"] != "0.jpg")) == 4 * 11
    monkeypatch.setattr(workflow, "VERSION", 99)
    assert predicted() == 5 * 10


def test_test_photos_are_taken_unless_all_are_asked_for(manifest: Manifest, screener: Screener, tmp_path: Path) -> None:
    split = ["test", "test", "train", "test", "validation", "train", "test"]
    marked = dataclasses.replace(manifest, table=manifest.table.assign(split=pd.array(split, dtype="string")))

    def photos(every_photo: bool) -> list[str]:
        plan = CorruptionPlan(("crop",), every_photo=every_photo)
        found, _ = corrupt_manifest(marked, screener, plan, tmp_path / "out", tmp_path / "cache", 1)
        assert ("split" in found.clean.table) is not every_photo
        return list(found.clean.table["photo"])

    assert photos(False) == ["0.jpg", "2.jpg"]
    assert photos(True) == ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    untested = dataclasses.replace(marked, table=marked.table.assign(split=pd.array(["train"] * 7, dtype="string")))
    with pytest.raises(UserError, match=r"no test photos.*--every-photo"):
        corrupt_manifest(untested, screener, PLAN, tmp_path / "out", tmp_path / "cache", 1)


def test_a_sample_is_of_patients_and_does_not_depend_on_the_order_of_rows(
    manifest: Manifest, screener: Screener, tmp_path: Path
) -> None:
    readable = manifest.where(manifest.table["photo"] != "broken.jpg")
    paired = dataclasses.replace(
        readable, table=readable.table.assign(patient=pd.array(list("aabbcc"), dtype="string"))
    )

    def patients(manifest: Manifest, seed: int) -> set[str]:
        plan = CorruptionPlan(("crop",), sample=2, seed=seed)
        found, _ = corrupt_manifest(manifest, screener, plan, tmp_path / "out", tmp_path / "cache", 1)
        table = found.clean.table
        # Both photos of a patient come along; 5.jpg, of patient c, has no truth.
        assert table.groupby("patient").size().to_dict() == {
            patient: 1 if patient == "c" else 2 for patient in table["patient"].unique()
        }
        return set(table["patient"])

    backwards = dataclasses.replace(paired, table=paired.table.iloc[::-1].reset_index(drop=True))
    drawn = [patients(paired, seed) for seed in range(6)]
    assert drawn == [patients(backwards, seed) for seed in range(6)]
    assert all(len(one) == 2 for one in drawn) and len(set(map(frozenset, drawn))) > 1


def test_mistakes_are_named_before_anything_is_predicted(
    manifest: Manifest, screener: Screener, tmp_path: Path
) -> None:
    folders = tmp_path / "out", tmp_path / "cache"
    with pytest.raises(UserError, match=r"no corruption 'hase' \(did you mean 'haze'\?\)"):
        corrupt_manifest(manifest, screener, CorruptionPlan(("hase",)), *folders, 1)
    renamed = dataclasses.replace(manifest, table=manifest.table.rename(columns={"abnormal": "diseased"}))
    with pytest.raises(
        UserError, match=r"a label that the bundle predicts \(abnormal\); the manifest's labels are diseased"
    ):
        corrupt_manifest(renamed, screener, PLAN, *folders, 1)
    broken = manifest.where(manifest.table["photo"] == "broken.jpg")
    with pytest.raises(UserError, match="none of the 1 photos can be read"):
        corrupt_manifest(broken, screener, PLAN, *folders, 1)
    assert not (tmp_path / "out").exists()


def test_the_sheet_shows_every_corruption_and_severity() -> None:
    figure = severity_sheet(tuple(CORRUPTIONS))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["clean", "1", "2", "3", "4", "5"]
    assert len(axes.get_yticklabels()) == len(CORRUPTIONS)
