"""The gate of 8-bit graphs: the first way that is good enough on validation is released, and every cost is recorded."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.open import Bundle
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.models.quantise import Way
from eyeground.workflows.release import int8
from eyeground.workflows.release.int8 import Judges, describe_cost, try_ways

PHOTOS = 1000
WAYS = (Way("minmax"), Way("percentile"), Way("entropy"))
# Of four test photos, one is on the other side of the threshold in 8 bits.
TEST = Judges(
    [Path("test.png")] * 4,
    np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float32),
    np.array([[0.1, 0.1], [0.6, 0.1], [0.2, 0.9], [0.9, 0.9]]),
)
ON_TEST = np.array([[0.1, 0.1], [0.4, 0.1], [0.2, 0.9], [0.9, 0.9]])
POINT = OperatingPoint(
    output="abnormal", threshold=0.5, rule="youden", chosen_on="validation", positives=500, negatives=500
)


@pytest.fixture
def described(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> BundleDescription:
    targets = (Target(name="abnormal"), Target(name="glaucoma"))
    return tiny_bundle(tmp_path / "tiny", targets=targets, operating_points=(POINT,)).description


@pytest.fixture
def judges() -> Judges:
    generator = np.random.default_rng(0)
    probability = generator.random((PHOTOS, 2))
    truth = (generator.random((PHOTOS, 2)) < probability).astype(np.float32)
    return Judges([Path(f"{place}.png") for place in range(PHOTOS)], truth, probability)


def flip(probability: np.ndarray, output: int, count: int) -> np.ndarray:
    """Carry the photos that are nearest to the threshold of 0.5 over it."""
    changed = probability.copy()
    nearest = np.argsort(np.abs(changed[:, output] - 0.5))[:count]
    changed[nearest, output] = 1 - changed[nearest, output]
    return changed


def tried(
    described: BundleDescription,
    judges: Judges,
    found: list[np.ndarray],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[tuple[int8.Quantisation, ...], list[str], Path]:
    """What comes of ways whose graphs give these probabilities, one after the other."""
    answers, printed, target = iter(found), [], tmp_path / "model.int8.onnx"
    monkeypatch.setattr(int8, "quantise", lambda graph, target, photos, way: target.write_bytes(b"graph") and None)
    monkeypatch.setattr(int8, "probabilities_of", lambda *given: next(answers))
    monkeypatch.setattr(int8, "read_prepared", lambda path: np.zeros((2, 2, 3), np.uint8))
    training = [Path("photo.png")] * 500
    ways = try_ways(tmp_path / "g.onnx", target, described, training, judges, TEST, printed.append, WAYS)
    return ways, printed, target


def test_the_first_way_that_is_good_enough_is_released(
    described: BundleDescription, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [flip(judges.probabilities, 0, 5), flip(judges.probabilities, 0, 4), ON_TEST]
    ways, printed, target = tried(described, judges, found, tmp_path, monkeypatch)
    assert [(one.released, one.outputs[0].flipped) for one in ways] == [(False, 5), (True, 4)]
    assert [one.method for one in ways] == [str(way) for way in WAYS[:2]]
    assert (ways[0].calibration_photos, ways[0].photos, ways[0].gated) == (200, PHOTOS, ("abnormal",))
    assert target.is_file()
    assert (
        "0.50% of 1000 decisions changed; refused" in printed[0]
        and "0.40% of 1000 decisions changed; released" in printed[1]
    )


def test_where_none_is_good_enough_nothing_is_left_but_the_metrics(
    described: BundleDescription, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = judges.probabilities.copy()
    worse[:, 0] = np.where(worse[:, 0] < 0.5, 0.5 * np.random.default_rng(1).random(PHOTOS), worse[:, 0])
    ways, _, target = tried(described, judges, [worse] * 3, tmp_path, monkeypatch)
    assert [one.released for one in ways] == [False] * 3
    first = ways[0].outputs[0]
    assert first.flipped == 0  # no decision changed, but the order did
    assert first.auroc is not None and first.auroc_int8 is not None and first.auroc - first.auroc_int8 > 0.002
    assert "AUROC −" in describe_cost(ways[0])
    assert not target.exists()


def test_outputs_that_screening_does_not_rest_on_are_recorded_and_do_not_decide(
    described: BundleDescription, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways, _, _ = tried(described, judges, [flip(judges.probabilities, 1, 300), ON_TEST], tmp_path, monkeypatch)
    assert ways[0].released
    assert ways[0].outputs[1].flipped == 300


def test_an_output_that_cannot_be_judged_is_not_released(
    described: BundleDescription, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_class = Judges(judges.standard, np.zeros_like(judges.truth), judges.probabilities)
    ways, printed, _ = tried(described, one_class, [judges.probabilities] * 3, tmp_path, monkeypatch)
    assert not any(one.released for one in ways)
    assert "AUROC not estimable" in printed[0]


def test_too_few_validation_photos_try_nothing(
    described: BundleDescription, judges: Judges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Judges(judges.standard[:199], judges.truth[:199], judges.probabilities[:199])
    ways, printed, target = tried(described, few, [], tmp_path, monkeypatch)
    assert ways == () and not target.exists()
    assert len(printed) == 1 and "not tried" in printed[0] and "199" in printed[0] and "200" in printed[0]
