"""DeLong's variance of AUROC and of differences, in O(n log n), with patients as the unit; see docs/statistics.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, stdtrit

from eyeground.core.proportions import CONFIDENCE
from eyeground.errors import UserError
from eyeground.evaluation.estimates import Estimate, Support, few_patients_note
from eyeground.evaluation.inversion import Contrast
from eyeground.evaluation.metrics import AUROC, NEGATIVES, POSITIVES
from eyeground.evaluation.samples import Sample

# A variance below this share of those it is made of is rounding of a zero.
ROUNDING = 1e-12
_UPPER = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class DeLong:
    """AUROCs of models on the same photos, with what their sampling errors have in common.

    Attributes:
        auroc: Shape (models,), 0 to 1.
        covariance: Shape (models, models), of the AUROCs; NaN where a class rests on a single patient.
        degrees_of_freedom: Shape (models,), of the variances, in patients; NaN as above, or where a variance is zero.
        support: The scarcer class, in patients.
        carriers: How many patients have positives, and how many negatives.
        patient: Shape (patients,): who they are.
        influence: Shape (models, patients): how far each moves the AUROC.
    """

    auroc: np.ndarray
    covariance: np.ndarray
    degrees_of_freedom: np.ndarray
    support: Support
    carriers: tuple[int, int]
    patient: np.ndarray
    influence: np.ndarray

    def why_no_variance(self) -> str:
        """Why there is no covariance; empty where there is one."""
        return f"only {self.support.patients} {self.support.of}" if self.support.patients < 2 else ""


def delong(truth: np.ndarray, scores: np.ndarray, patient: np.ndarray | None) -> DeLong:
    """Estimate the AUROCs of models on the same photos and their covariance.

    Args:
        truth: Shape (photos,), 0 or 1.
        scores: Shape (models, photos), finite; higher means more likely positive.
        patient: Shape (photos,): each photo's patient as any integer; a patient may have positive and negative photos.
            None takes every photo for a patient of its own.

    Raises:
        UserError: Where there are no positives or no negatives.

    References:
        DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837. Obuchowski, Biometrics 53 (1997) 567, equations for
        S10, S01 and S11. Sun and Xu, IEEE Signal Processing Letters 21 (2014) 1389.
    """
    is_positive = truth == 1
    for missing, name in ((not is_positive.any(), POSITIVES), (is_positive.all(), NEGATIVES)):
        if missing:
            raise UserError(f"AUROC is not estimable: there are no {name}.")
    identity, number = np.unique(np.arange(len(truth)) if patient is None else patient, return_inverse=True)
    patients = len(identity)
    auroc = np.empty(len(scores))
    # Per model and patient: how far the patient's positives, and negatives, are from the share that the AUROC predicts.
    from_positives, from_negatives = np.empty((2, len(scores), patients))
    positives, negatives = (np.bincount(number[rows], minlength=patients) for rows in (is_positive, ~is_positive))
    for model, score in enumerate(scores):
        below, above = _placements(score, is_positive)
        auroc[model] = below.mean()
        placed = np.bincount(number[is_positive], below, patients)
        from_positives[model] = (placed - positives * auroc[model]) / len(below)
        placed = np.bincount(number[~is_positive], above, patients)
        from_negatives[model] = (placed - negatives * auroc[model]) / len(above)
    carriers = int((positives > 0).sum()), int((negatives > 0).sum())
    of_positives = _unbiased(carriers[0]) * (from_positives @ from_positives.T)
    of_negatives = _unbiased(carriers[1]) * (from_negatives @ from_negatives.T)
    both = _unbiased(patients) * (from_positives @ from_negatives.T)
    freedom = _degrees_of_freedom(np.diag(of_positives), np.diag(of_negatives), *carriers)
    return DeLong(
        auroc,
        covariance=of_positives + of_negatives + both + both.T,
        degrees_of_freedom=freedom,
        support=_scarcer(*carriers),
        carriers=carriers,
        patient=identity,
        influence=from_positives + from_negatives,
    )


def mean_delong(parts: Sequence[DeLong]) -> DeLong:
    """The same for the mean of the AUROCs of parts that share no patient, such as folds."""
    covariance = np.sum([part.covariance for part in parts], axis=0) / len(parts) ** 2
    variances = np.array([np.diag(part.covariance) for part in parts]) / len(parts) ** 2
    spread = np.sum([v**2 / part.degrees_of_freedom for v, part in zip(variances, parts, strict=True)], axis=0)
    return DeLong(
        np.mean([part.auroc for part in parts], axis=0),
        covariance,
        np.diag(covariance) ** 2 / spread,
        min((part.support for part in parts), key=lambda support: support.patients),
        (sum(part.carriers[0] for part in parts), sum(part.carriers[1] for part in parts)),
        np.concatenate([part.patient for part in parts]),
        np.concatenate([part.influence for part in parts], axis=1) / len(parts),
    )


def delong_within_folds(sample: Sample, scores: np.ndarray) -> DeLong | None:
    """The same of a sample's photos, as the mean of the folds that have both classes where it has folds.

    Args:
        scores: Shape (models, photos).

    Returns:
        None where no fold has both classes.
    """
    folds = np.zeros(sample.photos) if sample.fold is None else sample.fold
    within = [folds == number for number in np.unique(folds)]
    parts = [
        delong(sample.truth[rows], scores[:, rows], sample.patient[rows])
        for rows in within
        if np.ptp(sample.truth[rows])
    ]
    return mean_delong(parts) if parts else None


def delong_interval(found: DeLong, model: int = 0) -> Estimate:
    """Give the AUROC of one model its 95 % interval, on the logit scale, so that it never leaves 0 to 1.

    Without an interval, where the classes are perfectly separated for instance, the note says why.

    References:
        Logit scale: Pepe, The Statistical Evaluation of Medical Tests (2003), section 5.2.5. Student's t with Satterthwaite's
        degrees of freedom: Brunner and Munzel, Biometrical Journal 42 (2000) 17, whose variance is DeLong's.
    """
    value, variance = float(found.auroc[model]), float(found.covariance[model, model])
    why = found.why_no_variance()
    if not why and value in (0.0, 1.0):
        why = f"an AUROC of exactly {value:.0f} shows no spread"
    if not why and variance <= 0:
        why = "its variance is estimated as zero"
    if why:
        return Estimate(AUROC, value, note=f"no interval: {why}")
    quantile = float(stdtrit(found.degrees_of_freedom[model], _UPPER))
    reach = quantile * math.sqrt(variance) / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-reach, reach]))
    return Estimate(AUROC, value, float(low), float(high), few_patients_note(found.support))


def delong_difference(found: DeLong, first: int = 0, second: int = 1) -> Contrast | str:
    """The difference of two AUROCs on the same photos, with DeLong's test by Student's t, which the interval inverts.

    Degrees of freedom are the fewer of the two AUROCs': with the normal distribution, intervals of AUROCs that differ
    cover too little where fewer than 20 patients have positives.

    Returns:
        Or why there is none, where the models rank all photos alike or a class rests on a single patient.
    """
    value = float(found.auroc[first] - found.auroc[second])
    own = found.covariance[first, first] + found.covariance[second, second]
    variance = float(own - 2 * found.covariance[first, second])
    if why := found.why_no_variance():
        return why
    if variance <= ROUNDING * own:
        return "both models place all patients alike"
    error = math.sqrt(variance)
    freedom = float(np.nanmin(found.degrees_of_freedom[[first, second]]))

    def limits(level: float) -> tuple[float, float]:
        reach = -float(stdtrit(freedom, level / 2)) * error
        return value - reach, value + reach

    return Contrast(value, limits, statistic=value / error)


def midranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing their mean rank; SciPy's `rankdata`, which takes half a second to import.

    >>> midranks(np.array([0.3, 0.1, 0.3])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _placements(score: np.ndarray, is_positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each positive, the share of negatives below it; for each negative, the share of positives above it."""
    rank = midranks(score)
    positive, negative = score[is_positive], score[~is_positive]
    below = rank[is_positive] - midranks(positive)
    above = len(positive) - (rank[~is_positive] - midranks(negative))
    return below / len(negative), above / len(positive)


def _unbiased(patients: int) -> float:
    """Bessel's factor over patients."""
    return patients / (patients - 1) if patients > 1 else math.nan


def _degrees_of_freedom(of_positives: np.ndarray, of_negatives: np.ndarray, carriers: int, controls: int) -> np.ndarray:
    """Satterthwaite's, of a sum of two variances."""
    if min(carriers, controls) < 2:
        return np.full(len(of_positives), np.nan)
    spread = of_positives**2 / (carriers - 1) + of_negatives**2 / (controls - 1)
    total = (of_positives + of_negatives) ** 2
    freedom: np.ndarray = np.divide(total, spread, out=np.full(len(total), np.nan), where=spread > 0)
    return freedom


def _scarcer(positive: int, negative: int) -> Support:
    classes = Support(positive, f"patients with {POSITIVES}"), Support(negative, f"patients with {NEGATIVES}")
    return min(classes, key=lambda support: support.patients)
