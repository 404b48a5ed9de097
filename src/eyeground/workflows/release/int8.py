"""An 8-bit graph, if one is good enough: methods are tried in order, and validation photos decide.

The gate is in docs/bundle.md. Test photos do not decide, since that would bias their metrics; the released graph runs
on them once, for the record. The cost of every method is recorded, also where none was good enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.measured import Quantisation, QuantisedOutput
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.packed import StandardFile
from eyeground.models.quantise import WAYS, Way, quantise
from eyeground.screening.decision import rule_of
from eyeground.workflows.release.graphs import probabilities_of

LARGEST_DROP = 0.002
LARGEST_SHARE_FLIPPED = 0.005
FEWEST_JUDGES = 200  # of fewer, a single changed decision is more than the allowed share
CALIBRATION_PHOTOS = 200

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judges:
    """Photos that an 8-bit graph is compared on.

    Attributes:
        standard: Standard photos of validation (or of test, for the cost of a released graph), n of them.
        truth: Shape (n, outputs): 0, 1 or NaN.
        probabilities: Shape (n, outputs), calibrated, of the graph in 32 bits.
    """

    standard: Sequence[StandardFile]
    truth: NDArray[np.float32]
    probabilities: Array


def try_ways(
    graph: Path,
    target: Path,
    description: BundleDescription,
    training: Sequence[StandardFile],
    judges: Judges,
    test: Judges,
    report: Callable[[str], None],
    ways: Sequence[Way] = WAYS,
) -> tuple[Quantisation, ...]:
    """Quantise a graph by one method after another until one is good enough.

    Args:
        graph: In float32.
        target: Path of the 8-bit graph; nothing is left there if none is good enough.
        description: Of the bundle.
        training: Standard photos of train, of which up to 200, evenly spread, set the ranges.
        judges: Validation photos, which decide.
        test: Test photos, which the released graph is run on once.
        report: Takes a sentence on each method.

    Returns:
        The measurements of every method that was tried; the last is `released` if it was good enough.
    """
    if len(judges.standard) < FEWEST_JUDGES:
        report(f"8 bits: not tried, {len(judges.standard)} validation photos are too few ({FEWEST_JUDGES} are needed)")
        return ()
    chosen = np.unique(np.linspace(0, len(training) - 1, min(CALIBRATION_PHOTOS, len(training))).astype(int))
    photos = np.stack([read_prepared(training[place]) for place in chosen])
    tried: list[Quantisation] = []
    for way in ways:
        quantise(graph, target, photos, way)
        found = probabilities_of(target, description, judges.standard, "8-bit graph")
        one = _measured(str(way), len(photos), target.stat().st_size, description, judges, found)
        if one.released:
            on_test = probabilities_of(target, description, test.standard, "8-bit graph on test photos")
            measured = {"test_photos": len(test.standard), "test_outputs": _outputs(description, test, on_test)}
            one = one.model_copy(update=measured)
        tried.append(one)
        report(f"8 bits, {one.method}: {describe_cost(one)}")
        if one.released:
            return tuple(tried)
    target.unlink(missing_ok=True)
    return tuple(tried)


def describe_cost(one: Quantisation) -> str:
    """The changes of AUROC and decisions by a method, of the outputs that decide, as text."""
    text = _costs(one.outputs, one.gated, one.photos) + ("; released" if one.released else "; refused")
    if one.test_photos:
        text += f". On test photos, which do not decide: {_costs(one.test_outputs, one.gated, one.test_photos)}"
    return text


def _costs(outputs: Sequence[QuantisedOutput], gated: Sequence[str], photos: int) -> str:
    return "; ".join(
        f"{one.output}: {_auroc_change(one)}, {one.flipped / photos:.2%} of {photos} decisions changed"
        for one in outputs
        if one.output in gated
    )


def _auroc_change(output: QuantisedOutput) -> str:
    if output.auroc is None or output.auroc_int8 is None:
        return "AUROC not estimable"
    return f"AUROC {output.auroc_int8 - output.auroc:+.4f}".replace("-", "−")


def _measured(
    method: str, photos: int, size: int, description: BundleDescription, judges: Judges, found: Array
) -> Quantisation:
    rule = rule_of(description)
    outputs = _outputs(description, judges, found)
    decide = [one for one in outputs if one.output in rule.deciding]
    return Quantisation(
        method=method,
        calibration_photos=photos,
        photos=len(judges.standard),
        size=size,
        gated=rule.deciding,
        outputs=outputs,
        released=bool(decide) and all(_is_good(one, len(judges.standard)) for one in decide),
    )


def _outputs(description: BundleDescription, judges: Judges, found: Array) -> tuple[QuantisedOutput, ...]:
    """Each output of the 8-bit graph against the graph in 32 bits."""
    thresholds = rule_of(description).thresholds
    return tuple(
        QuantisedOutput(
            output=output,
            auroc=_auroc(judges.truth[:, place], judges.probabilities[:, place]),
            auroc_int8=_auroc(judges.truth[:, place], found[:, place]),
            flipped=int(((judges.probabilities[:, place] >= threshold) != (found[:, place] >= threshold)).sum()),
        )
        for place, output in enumerate(description.outputs)
        for threshold in (thresholds.get(output, 0.5),)
    )


def _is_good(output: QuantisedOutput, photos: int) -> bool:
    if output.auroc is None or output.auroc_int8 is None:
        return False
    return output.auroc - output.auroc_int8 < LARGEST_DROP and output.flipped < LARGEST_SHARE_FLIPPED * photos


def _auroc(truth: NDArray[np.float32], probability: Array) -> float | None:
    known = ~np.isnan(truth)
    if len(np.unique(truth[known])) < 2:
        return None
    return float(roc_auc_score(truth[known], probability[known]))
