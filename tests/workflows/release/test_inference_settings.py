"""A release may have other inference settings than its run: more views, another side, several scales, a stacked output."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logit

import eyeground
from eyeground import models
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.cli import main
from eyeground.workflows.release import stacking


def release_to(folder: Path, name: str) -> list[str]:
    """A command that releases the run, without intervals and 8-bit graphs."""
    options = ["--name", "x", "--resamples", "0", "--no-int8", "--cache", str(folder / "cache"), "--jobs", "1"]
    return ["release", str(folder / "run"), "-o", str(folder / name), *options]


def test_a_release_with_more_views_averages_them(
    folder: Path, released: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*release_to(folder, "views"), "--views", "2"]
    assert main([*arguments, "--external", f"table={folder / 'other.parquet'}"]) == 2
    assert "give the manifest instead" in " ".join(capsys.readouterr().err.split())
    assert main(arguments) == 0
    bundle = open_bundle(folder / "views")
    assert bundle.description.architecture.views == 2
    pixels = np.asarray(np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3)), dtype=np.uint8)
    one, two = eyeground.load(released.folder), eyeground.load(bundle.folder)
    embedded = [one.predict(view)[1] for view in (pixels, np.ascontiguousarray(pixels[:, ::-1, ::-1]))]
    np.testing.assert_allclose(two.predict(pixels)[1], np.mean(embedded, axis=0), rtol=1e-3, atol=1e-4)
    # Of so few patients neither has a threshold, and both say why.
    assert "are needed" in bundle.description.without_threshold["abnormal"]
    assert "are needed" in released.description.without_threshold["abnormal"]


def test_a_release_can_take_larger_photos_at_several_sizes(folder: Path) -> None:
    assert main([*release_to(folder, "sizes"), "--side", "96", "--scales", "1, 0.5"]) == 0
    bundle = open_bundle(folder / "sizes")
    assert bundle.description.preprocessing.side == 96
    assert bundle.description.architecture.scales == (1, 0.5)
    pixels = np.zeros((1, 96, 96, 3), dtype=np.uint8)
    with torch.inference_mode():
        network = models.load(bundle.folder).explain(torch.from_numpy(pixels))
    found = eyeground.load(bundle.folder).predict(pixels)
    np.testing.assert_allclose(found[1], network[2].numpy(), rtol=1e-3, atol=1e-4)
    assert bundle.description.trained_side == 48
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert "averages 2 copies of the photo: at 96 and 64 px. It was trained at 48 px." in card


def test_a_stacked_release_answers_with_both_outputs_and_documents_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacking, "FEWEST_PHOTOS", 1)
    monkeypatch.setattr(stacking, "_share", lambda *_: 0.25)
    arguments = release_to(folder, "stacked")
    assert main([*arguments, "--stack", "abnormal = diabetic_retinopathy"]) == 0
    bundle, trained = open_bundle(folder / "stacked"), open_bundle(folder / "run" / "bundle")
    assert [(one.output, one.added, one.share) for one in bundle.description.stacked] == [
        ("abnormal", "diabetic_retinopathy", 0.25)
    ]
    pixels = np.asarray(np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)), dtype=np.uint8)
    before, after = (logit(eyeground.load(one.folder).probabilities(pixels)) for one in (trained, bundle))
    np.testing.assert_allclose(after[:, 0], before[:, 0] + 0.25 * before[:, 1], atol=0.02)
    np.testing.assert_allclose(after[:, 1], before[:, 1], atol=0.02)
    assert "0.250 of that of `diabetic_retinopathy` was added" in (bundle.folder / "README.md").read_text(
        encoding="utf-8"
    )
    assert main(["inspect", str(bundle.folder)]) == 0
    assert main([*arguments, "--views", "2", "--report", str(folder / "run" / "evaluation")]) == 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--scales", "0.5,1"], "the first scale is 1"),
        (["--scales", "big"], "expected numbers such as 1,0.75"),
        (["--stack", "abnormal"], "expected OUTPUT=ADDED"),
        (["--stack", "abnormal=gout"], "no output 'gout'"),
        (["--side", "9999"], "less than or equal to 4096"),
    ],
)
def test_inference_settings_that_make_no_sense_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], option: list[str], message: str
) -> None:
    assert main([*release_to(folder, "no"), *option]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
