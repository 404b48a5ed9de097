"""Metrics at a threshold: their definitions, what each needs to be estimable, and their intervals by formula.

They are functions of four counts, which add up over patients: all resamples of a chunk are one matrix product. Every
interval is made of Wilson's intervals of shares of photos over patients, see docs/statistics.md.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.agreement import matthews, ratio
from eyeground.evaluation.estimates import Limits, Support
from eyeground.evaluation.intervals import clustered_wilson_interval
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES
from eyeground.evaluation.mover import Part, function_interval, mean_interval, ratio_interval


@dataclass(frozen=True)
class CountMetric:
    """A mean of shares of photos, from the four counts of a confusion matrix.

    Attributes:
        name: As in the tables.
        ratios: Pairs of coefficients (numerator, denominator), each 0 or 1, of true positives, false positives, true
            negatives and false negatives; the metric is the mean of these shares (one, except for balanced accuracy).
        lacking: For each ratio, what there is none of when its denominator is 0.
    """

    name: str
    ratios: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    lacking: tuple[str, ...]

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The metric for counts of shape (resamples, 4); NaN where a denominator is 0."""
        values = [ratio(counts @ np.array(above), counts @ np.array(below, float)) for above, below in self.ratios]
        return np.asarray(np.mean(values, axis=0))

    def missing(self, counts: np.ndarray) -> str:
        """What there is none of, or an empty string if the metric can be estimated; counts has shape (4,)."""
        return _first_lacking(counts, self._denominators())

    def support(self, counts: np.ndarray) -> Support:
        """The fewest patients that a ratio rests on, for counts of shape (patients, 4)."""
        return _fewest_patients(counts, self._denominators())

    def limits(self, counts: np.ndarray) -> Limits | None:
        """The interval, for counts of shape (patients, 4); None where a ratio has nothing in its denominator.

        Wilson's of a share, with the effective number of photos; MOVER of a mean of several.
        """
        if len(self.ratios) == 1:
            return share_limits(*_sums_of(counts, self.ratios[0]), self.support(counts))
        parts = [_part(counts, share) for share in self.ratios]
        known = [part for part in parts if part is not None]
        return Limits(*mean_interval(known)) if len(known) == len(parts) else None

    def _denominators(self) -> "Sums":
        return tuple((below, lacking) for (_, below), lacking in zip(self.ratios, self.lacking, strict=True))


@dataclass(frozen=True)
class F1Score:
    """Twice the true positives over twice these and the errors (Dice, 1945)."""

    name: str = "f1"

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`."""
        return ratio(2 * counts[:, 0], 2 * counts[:, 0] + counts[:, 1] + counts[:, 3])

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, (_IN_UNION,))

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, (_IN_UNION,))

    def limits(self, counts: np.ndarray) -> Limits | None:
        """As for `CountMetric`: Wilson's of the share of true positives among the photos positive in truth or by
        decision, of which F1 is a rising function."""
        share = _part(counts, ((1, 0, 0, 0), _IN_UNION[0]))
        return None if share is None else Limits(2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high))


@dataclass(frozen=True)
class MatthewsCorrelation:
    """The Matthews correlation coefficient of decision and truth, -1 to 1 (Matthews, 1975)."""

    name: str = "mcc"

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`; NaN where a class or a decision does not occur."""
        return matthews(counts[:, [[0, 3], [1, 2]]])

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, _ALL_SUMS)

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, _ALL_SUMS)

    def limits(self, counts: np.ndarray) -> Limits | None:
        """As for `CountMetric`: MOVER of sensitivity, specificity and share of positives, of which it is a function."""
        parts = [_part(counts, share) for share in (_SENSITIVITY, _SPECIFICITY, _SHARE_POSITIVE)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or self.missing(counts.sum(axis=0)):
            return None
        low, high = function_interval(_matthews_of, known)
        return Limits(max(-1.0, low), min(1.0, high))


@dataclass(frozen=True)
class PredictiveValue:
    """PPV or NPV where the prevalence is not the sample's: Bayes' rule on sensitivity and specificity.

    It assumes that sensitivity and specificity are the same in the population of that prevalence.

    Attributes:
        prevalence: Share of positives in the population, above 0 and below 1.
        of_positive: PPV if true, NPV if not.
    """

    prevalence: float
    of_positive: bool

    @property
    def name(self) -> str:
        return f"{'ppv' if self.of_positive else 'npv'}@{self.prevalence:g}"

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`; NaN where a class is missing or nothing is decided so."""
        found, wrong, passed, missed = counts.T.astype(float)
        sensitivity, specificity = ratio(found, found + missed), ratio(passed, passed + wrong)
        positives, negatives = self.prevalence, 1 - self.prevalence
        if self.of_positive:
            right, called = sensitivity * positives, sensitivity * positives + (1 - specificity) * negatives
        else:
            right, called = specificity * negatives, specificity * negatives + (1 - sensitivity) * positives
        return ratio(right, called)

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, self._sums())

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, self._sums())

    def limits(self, counts: np.ndarray) -> Limits | None:
        """As for `CountMetric`: those of the likelihood ratio, of which it is a function at a given prevalence."""
        found = _likelihood_ratio_interval(counts, self.of_positive)
        if found is None:
            return None
        # The share of positives among the photos called so, which of those called negative is 1 - NPV.
        low, high = (1 - 1 / (1 + self.prevalence / (1 - self.prevalence) * end) for end in found)
        return Limits(low, high) if self.of_positive else Limits(1 - high, 1 - low)

    def _sums(self) -> "Sums":
        return (*_CLASSES, _CALLED_POSITIVE if self.of_positive else _CALLED_NEGATIVE)


@dataclass(frozen=True)
class LikelihoodRatio:
    """How many times as likely a call is in a positive photo as in a negative one.

    Attributes:
        of_positive: Of being called positive: sensitivity / (1 - specificity), high is good. If not, of being called
            negative: (1 - sensitivity) / specificity, low is good.
    """

    of_positive: bool

    @property
    def name(self) -> str:
        return f"likelihood_ratio_{'positive' if self.of_positive else 'negative'}"

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`; NaN where no negative photo is called so."""
        found, wrong, passed, missed = counts.T.astype(float)
        in_positive, in_negative = (found, wrong) if self.of_positive else (missed, passed)
        return ratio(ratio(in_positive, found + missed), ratio(in_negative, passed + wrong))

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, self._sums())

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, _CLASSES)

    def limits(self, counts: np.ndarray) -> Limits | None:
        """As for `CountMetric`: MOVER of the ratio."""
        found = _likelihood_ratio_interval(counts, self.of_positive)
        return None if found is None else Limits(*found)

    def _sums(self) -> "Sums":
        in_negative = ((0, 1, 0, 0), "false positives") if self.of_positive else ((0, 0, 1, 0), "true negatives")
        return (*_CLASSES, in_negative)


Sums = tuple[tuple[tuple[int, ...], str], ...]
_CLASSES: Sums = (((1, 0, 0, 1), POSITIVES), ((0, 1, 1, 0), NEGATIVES))
_CALLED_POSITIVE = ((1, 1, 0, 0), "photos called positive")
_CALLED_NEGATIVE = ((0, 0, 1, 1), "photos called negative")
_IN_UNION = ((1, 1, 0, 1), "photos positive in truth or by decision")
_ALL_SUMS: Sums = (*_CLASSES, _CALLED_POSITIVE, _CALLED_NEGATIVE)

_SENSITIVITY = ((1, 0, 0, 0), (1, 0, 0, 1))
_SPECIFICITY = ((0, 0, 1, 0), (0, 1, 1, 0))
_SHARE_POSITIVE = ((1, 0, 0, 1), (1, 1, 1, 1))
COUNT_METRICS: tuple[CountMetric | F1Score | MatthewsCorrelation | LikelihoodRatio, ...] = (
    CountMetric("sensitivity", (_SENSITIVITY,), (POSITIVES,)),
    CountMetric("specificity", (_SPECIFICITY,), (NEGATIVES,)),
    CountMetric("ppv", (((1, 0, 0, 0), (1, 1, 0, 0)),), ("photos called positive",)),
    CountMetric("npv", (((0, 0, 1, 0), (0, 0, 1, 1)),), ("photos called negative",)),
    CountMetric("accuracy", (((1, 0, 1, 0), (1, 1, 1, 1)),), ("photos with a known truth",)),
    CountMetric("balanced_accuracy", (_SENSITIVITY, _SPECIFICITY), (POSITIVES, NEGATIVES)),
    F1Score(),
    MatthewsCorrelation(),
    LikelihoodRatio(of_positive=True),
    LikelihoodRatio(of_positive=False),
)


def predictive_values(prevalences: tuple[float, ...]) -> tuple[PredictiveValue, ...]:
    """PPV and NPV at each prevalence."""
    return tuple(PredictiveValue(prevalence, kind) for prevalence in prevalences for kind in (True, False))


def share_limits(counted: np.ndarray, photos: np.ndarray, support: Support) -> Limits | None:
    """Wilson's interval over patients of a share of photos; None where there are no photos.

    Args:
        counted, photos: Shape (patients,): photos that count, and all photos, of each patient.
        support: Named where all photos agree, because patients are then counted.
    """
    part = share_part(counted, photos)
    if part is None:
        return None
    agree = f"all photos agree; Wilson interval over {support.patients} {support.of}"
    return Limits(part.low, part.high, agree if part.value in (0.0, 1.0) else "")


def share_part(counted: np.ndarray, photos: np.ndarray) -> Part | None:
    """A share of photos with Wilson's interval over patients, as a part of something else; arguments as `share_limits`."""
    if not photos.sum():
        return None
    return Part(float(counted.sum() / photos.sum()), *clustered_wilson_interval(counted, photos))


def _part(counts: np.ndarray, share: tuple[tuple[int, ...], tuple[int, ...]]) -> Part | None:
    """A share of photos with its interval over patients, for counts of shape (patients, 4); None where there are none."""
    return share_part(*_sums_of(counts, share))


def _sums_of(counts: np.ndarray, share: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[np.ndarray, np.ndarray]:
    above, below = share
    return counts @ np.array(above, dtype=float), counts @ np.array(below, dtype=float)


def _likelihood_ratio_interval(counts: np.ndarray, of_positive: bool) -> tuple[float, float] | None:
    sensitivity, specificity = _part(counts, _SENSITIVITY), _part(counts, _SPECIFICITY)
    if sensitivity is None or specificity is None:
        return None
    if of_positive:
        return ratio_interval(sensitivity, specificity.complement())
    return ratio_interval(sensitivity.complement(), specificity)


def _matthews_of(sensitivity: float, specificity: float, positives: float) -> float:
    """The Matthews correlation of decisions; 0, as of decisions by chance, where all are alike."""
    called = positives * sensitivity + (1 - positives) * (1 - specificity)
    spread = called * (1 - called)
    if spread <= 0:
        return 0.0
    return (sensitivity + specificity - 1) * float(np.sqrt(positives * (1 - positives) / spread))


def _first_lacking(counts: np.ndarray, sums: Sums) -> str:
    return next((lacking for coefficients, lacking in sums if not counts @ np.array(coefficients)), "")


def _fewest_patients(counts: np.ndarray, sums: Sums) -> Support:
    patients = [int((counts @ np.array(coefficients) > 0).sum()) for coefficients, _ in sums]
    fewest = int(np.argmin(patients))
    return Support(patients[fewest], f"patients with {sums[fewest][1]}")
