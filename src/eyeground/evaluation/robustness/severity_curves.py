"""AUROCs by corruption and severity with everything their intervals need, and the decisions that flip.

Points and resamples of every condition are kept, because what is asked of them (a mean over corruptions, a difference to
the clean photos, the share of discrimination that is lost) is only joint if it is computed resample by resample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.estimates import Estimate, Support, not_estimable, with_interval
from eyeground.evaluation.measures import Computed, Measure, noted
from eyeground.evaluation.metrics import AUROC, per_patient
from eyeground.evaluation.robustness.corrupted_predictions import CLEAN, Condition
from eyeground.evaluation.samples import Sample

LOST = "discrimination_lost"
FLIPPED, TO_NEGATIVE = "flipped", "flipped_to_negative"
CHANCE = 0.5


@dataclass(frozen=True)
class Aurocs:
    """AUROCs of one output by condition.

    Attributes:
        points: `dict of (str, int) to float`.
        resampled: `dict of (str, int) to numpy.ndarray`. Shape (resamples,) each, from the same resamples.
        support: What intervals rest on.
        why_not: Why there are none; empty where there are.
        note: What a reader of each estimate must know; often empty.
    """

    points: dict[Condition, float]
    resampled: dict[Condition, np.ndarray]
    support: Support
    why_not: str = ""
    note: str = ""

    @classmethod
    def of(
        cls,
        output: str,
        samples: Mapping[Condition, Mapping[str, Sample]],
        computed: Mapping[tuple[str, Condition, str], Computed],
        scope: str,
    ) -> "Aurocs":
        """Those of one output; `samples` and `computed` are by condition and output."""
        found = {condition: computed[AUROC, condition, output] for condition in samples}
        measure = found[CLEAN].measure
        return cls(
            points={condition: float(one.point[0]) for condition, one in found.items()},
            resampled={condition: one.resampled[0] for condition, one in found.items()},
            support=measure.supports[0],
            why_not=f"no {measure.missing[0]} in {scope}" if measure.missing[0] else "",
            note=measure.note,
        )

    @classmethod
    def mean(cls, outputs: Sequence["Aurocs"]) -> "Aurocs":
        """Mean over the outputs that have both classes, resample by resample."""
        estimable = [one for one in outputs if not one.why_not]
        if not estimable:
            return cls({}, {}, Support(0, ""), "no output has both positives and negatives")
        return cls(
            points={c: float(np.mean([one.points[c] for one in estimable])) for c in estimable[0].points},
            resampled={c: np.mean([one.resampled[c] for one in estimable], axis=0) for c in estimable[0].points},
            support=min((one.support for one in estimable), key=lambda support: support.patients),
            note=f"mean of {len(estimable)} of {len(outputs)} outputs" if len(estimable) < len(outputs) else "",
        )

    def estimate(self, metric: str, conditions: Sequence[Condition], minus_clean: bool = False) -> Estimate:
        """The mean over some conditions, or of their differences to the clean photos."""
        if self.why_not:
            return not_estimable(metric, self.why_not)
        point = np.mean([self.points[condition] for condition in conditions])
        resampled = np.mean([self.resampled[condition] for condition in conditions], axis=0)
        if minus_clean:
            point, resampled = point - self.points[CLEAN], resampled - self.resampled[CLEAN]
        return noted(with_interval(metric, float(point), resampled, self.support), self.note)

    def lost(self, conditions: Sequence[Condition]) -> Estimate:
        """Share of the clean photos' excess over chance that is lost on average."""
        if self.why_not:
            return not_estimable(LOST, self.why_not)
        if self.points[CLEAN] <= CHANCE:
            return not_estimable(LOST, "the clean photos are ranked no better than by chance")
        excess = self.resampled[CLEAN] - CHANCE
        left = np.mean([self.resampled[condition] for condition in conditions], axis=0) - CHANCE
        # A resample in which the clean photos are ranked by chance has nothing to lose; it is dropped and counted.
        resampled = 1 - np.divide(left, excess, out=np.full(len(left), np.nan), where=excess > 0)
        point = np.mean([self.points[condition] for condition in conditions])
        value = float(1 - (point - CHANCE) / (self.points[CLEAN] - CHANCE))
        return noted(with_interval(LOST, value, resampled, self.support), self.note)


def flip_measure(clean: Sample, corrupted: Sample, threshold: float) -> Measure:
    """Shares of photos whose decision differs from the clean photo's."""
    before, after = clean.probability >= threshold, corrupted.probability >= threshold
    flipped = np.stack([before != after, before & ~after, np.ones_like(before)], axis=1)
    sums = per_patient(flipped, clean.patient, clean.columns)

    def of(weights: np.ndarray) -> np.ndarray:
        counts = weights @ sums
        photos = counts[:, 2:]
        shares: np.ndarray = np.divide(counts[:, :2], photos, out=np.full((len(counts), 2), np.nan), where=photos > 0)
        return shares.T

    missing = "" if len(before) else "photos with a known truth"
    support = Support(clean.patients(), "patients")
    return Measure((FLIPPED, TO_NEGATIVE), (missing,) * 2, (support,) * 2, (True,) * 2, of)
