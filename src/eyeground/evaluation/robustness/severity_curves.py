"""What corruptions change: means of AUROCs, the share of discrimination that is lost, and decisions that flip."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eyeground.evaluation.estimates import Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import AUROC, per_patient
from eyeground.evaluation.robustness.corrupted_predictions import Condition
from eyeground.evaluation.sampled import Sampled, mean
from eyeground.evaluation.samples import Sample

LOST = "discrimination_lost"
FLIPPED, TO_NEGATIVE = "flipped", "flipped_to_negative"
CHANCE = 0.5


def mean_over_outputs(outputs: Sequence[Mapping[Condition, Sampled]]) -> dict[Condition, Sampled]:
    """The mean over the outputs that have both classes, condition by condition."""
    found = {}
    for condition in outputs[0]:
        values = [aurocs[condition] for aurocs in outputs]
        known = sum(not value.why_not for value in values)
        note = f"mean of {known} of {len(values)} outputs" if known < len(values) else ""
        found[condition] = mean(values).named(AUROC, note)
        if not known:
            found[condition] = replace(values[0], why_not="no output has both positives and negatives")
    return found


def lost(corrupted: Sampled, clean: Sampled) -> Sampled:
    """Share of the clean photos' excess over chance that is lost."""
    why_not = clean.why_not
    if not why_not and clean.point <= CHANCE:
        why_not = "the clean photos are ranked no better than by chance"
    if why_not:
        return replace(clean, metric=LOST, why_not=why_not)
    excess, left = clean.resampled - CHANCE, corrupted.resampled - CHANCE
    # A resample in which the clean photos are ranked by chance has nothing to lose; it is dropped and counted.
    resampled = 1 - np.divide(left, excess, out=np.full(len(left), np.nan), where=excess > 0)
    value = 1 - (corrupted.point - CHANCE) / (clean.point - CHANCE)
    return replace(clean, metric=LOST, point=value, resampled=resampled, limits=None)


def flip_measure(clean: Sample, corrupted: Sample, threshold: float) -> Measure:
    """Shares of photos whose decision differs from the clean photo's."""
    before, after = clean.probability >= threshold, corrupted.probability >= threshold
    flipped = np.stack([before != after, before & ~after, np.ones_like(before)], axis=1)
    sums = per_patient(flipped, clean.column, clean.columns)

    def of(weights: np.ndarray) -> np.ndarray:
        counts = weights @ sums
        photos = counts[:, 2:]
        shares: np.ndarray = np.divide(counts[:, :2], photos, out=np.full((len(counts), 2), np.nan), where=photos > 0)
        return shares.T

    missing = "" if len(before) else "photos with a known truth"
    support = Support(clean.patients(), "patients")
    return Measure((FLIPPED, TO_NEGATIVE), (missing,) * 2, (support,) * 2, (True,) * 2, of, where=clean.where)
