"""An 8-bit graph, if one is good enough: ways are tried in order, and validation photos judge each.

The gate is narrow, because who takes the small graph expects the figures of the large one: for every output that
screening's answer rests on, AUROC must fall by less than 0.002, and fewer than 0.5 % of decisions at the operating
point may change. Where validation has fewer than 200 photos nothing is tried, for they could not tell. Validation photos are the ones to judge by: a way chosen by test photos would flatter the figures of
test. But they judge mildly: thresholds were chosen on them, and so lie in gaps between their scores, where little can
flip. Whatever is released is therefore run on the test photos once, which decides nothing and is told beside it. What
every way cost is recorded, also where none was good enough.
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
from eyeground.models.quantise import WAYS, Way, quantise
from eyeground.screening.decision import rule_of
from eyeground.workflows.release.graphs import probabilities_of

LARGEST_DROP = 0.002
LARGEST_SHARE_FLIPPED = 0.005
FEWEST_JUDGES = 200  # among fewer, one changed decision is more than the share that may change
CALIBRATION_PHOTOS = 200

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judges:
    """What an 8-bit graph is held against.

    Attributes:
        standard: Standard photos of the validation split (or of test, to tell what a released one costs), n of them.
        truth: Shape (n, outputs): 0, 1 or NaN.
        probabilities: Shape (n, outputs), calibrated, of the graph in 32 bits.
    """

    standard: Sequence[Path]
    truth: NDArray[np.float32]
    probabilities: Array


def try_ways(
    graph: Path,
    target: Path,
    description: BundleDescription,
    training: Sequence[Path],
    judges: Judges,
    test: Judges,
    tell: Callable[[str], None],
    ways: Sequence[Way] = WAYS,
) -> tuple[Quantisation, ...]:
    """Quantise a graph in one way after another until one is good enough.

    Args:
        graph: In float32.
        target: Where the 8-bit graph goes; nothing is left there if none is good enough.
        description: Of the bundle.
        training: Standard photos of the training split, by which ranges are set: evenly spread ones, 200 at most.
        judges: Validation photos, which decide.
        test: Test photos, on which the one that is released is run once.
        tell: Takes a sentence on each way.

    Returns:
        What was measured of every way that was tried; the last is `released` if it was good enough.
    """
    if len(judges.standard) < FEWEST_JUDGES:
        tell(
            f"8 bits: not tried, {len(judges.standard)} validation photos are too few to judge by ({FEWEST_JUDGES} are not)"
        )
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
        tell(f"8 bits, {one.method}: {in_figures(one)}")
        if one.released:
            return tuple(tried)
    target.unlink(missing_ok=True)
    return tuple(tried)


def in_figures(one: Quantisation) -> str:
    """What a way cost the outputs that decide, in words."""
    said = _costs(one.outputs, one.gated, one.photos) + ("; released" if one.released else "; refused")
    if one.test_photos:
        said += f". On test photos, which decide nothing here: {_costs(one.test_outputs, one.gated, one.test_photos)}"
    return said


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
