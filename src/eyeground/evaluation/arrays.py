"""Single metrics of arrays, each with its 95 % interval over patients; `evaluate` gives all metrics of a table."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling, drawn_together, one_stratum
from eyeground.evaluation.count_metrics import COUNT_METRICS
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.measures import Measure, brier_measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUPRC, AUROC, BRIER
from eyeground.evaluation.samples import Sample

Array = npt.ArrayLike
Patients = Sequence[object] | npt.NDArray[np.generic] | None


def auroc(
    truth: Array, probability: Array, *, patients: Patients = None, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Area under the receiver operating characteristic.

    Args:
        truth: Shape (photos,): 1 positive, 0 negative; NaN, a photo whose truth is unknown, is left out.
        probability: Shape (photos,): any score that is higher for positives.
        patients: Shape (photos,): whose photo each is; both eyes of a patient are resampled together. None: each photo is
            of another patient.
        resamples: Bootstrap resamples of patients; 0 gives the value alone.
        seed: Same seed, same interval.

    Raises:
        UserError: If the arrays differ in length, are empty, or hold other truths than 0, 1 and NaN.

    >>> estimate = auroc([0, 0, 0, 1, 1, 1] * 10, [0.1, 0.3, 0.6, 0.4, 0.8, 0.9] * 10)
    >>> print(f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})")
    0.889 (0.774 to 0.947)
    """
    return _estimate(AUROC, ranking_measure, _sample(truth, probability, patients), resamples, seed)


def auprc(
    truth: Array, probability: Array, *, patients: Patients = None, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Area under the precision-recall curve (average precision); arguments as `auroc`."""
    return _estimate(AUPRC, ranking_measure, _sample(truth, probability, patients), resamples, seed)


def brier(
    truth: Array, probability: Array, *, patients: Patients = None, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Mean squared difference of probability (0 to 1) and truth; arguments as `auroc`."""
    return _estimate(BRIER, brier_measure, _sample(truth, probability, patients), resamples, seed)


def at_threshold(
    metric: str,
    truth: Array,
    probability: Array,
    threshold: float,
    *,
    patients: Patients = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """A metric of decisions, where a photo counts as positive from `threshold` on; the other arguments as `auroc`.

    Choose the threshold on other photos than these.

    Args:
        metric: `sensitivity`, `specificity`, `ppv`, `npv`, `accuracy`, `balanced_accuracy`, `f1`, `mcc`,
            `likelihood_ratio_positive` or `likelihood_ratio_negative`.

    Raises:
        UserError: As `auroc`, and if there is no such metric.

    >>> at_threshold("sensitivity", [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9], 0.5, resamples=0).value
    0.5
    """
    known = [one.name for one in COUNT_METRICS]
    if metric not in known:
        raise UserError(f"there is no metric '{metric}' at a threshold; there are {', '.join(known)}")
    measured = partial(count_measure, threshold=threshold)
    return _estimate(metric, measured, _sample(truth, probability, patients), resamples, seed)


def sensitivity(
    truth: Array,
    probability: Array,
    threshold: float,
    *,
    patients: Patients = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Share of positive photos that reach the threshold; arguments as `at_threshold`."""
    return at_threshold("sensitivity", truth, probability, threshold, patients=patients, resamples=resamples, seed=seed)


def specificity(
    truth: Array,
    probability: Array,
    threshold: float,
    *,
    patients: Patients = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Share of negative photos that stay below the threshold; arguments as `at_threshold`."""
    return at_threshold("specificity", truth, probability, threshold, patients=patients, resamples=resamples, seed=seed)


def _sample(truth: Array, probability: Array, patients: Patients) -> Sample:
    truths, scores = np.asarray(truth, dtype=float), np.asarray(probability, dtype=float)
    whose = np.arange(len(truths)) if patients is None else np.asarray(patients)
    if not truths.ndim == scores.ndim == whose.ndim == 1 or not len(truths) == len(scores) == len(whose):
        raise UserError(
            f"truth, probability and patients are of shapes {truths.shape}, {scores.shape} and {whose.shape}; give one of each photo"
        )
    known = ~np.isnan(truths)
    if not known.any() or not np.isin(truths[known], (0, 1)).all():
        raise UserError(
            "truth holds no known value" if not known.any() else "truth holds other values than 0, 1 and NaN"
        )
    if not np.isfinite(scores[known]).all():
        raise UserError("probability holds a value that is no finite number")
    patient = np.unique(whose, return_inverse=True)[1]
    drawn_with = drawn_together(one_stratum(int(patient.max()) + 1))
    return Sample(
        truths[known],
        scores[known],
        patient[known],
        columns=int(drawn_with.max()) + 1,
        where="these photos",
        drawn_with=drawn_with,
    )


def _estimate(
    metric: str, measured: Callable[[Sample], Measure], sample: Sample, resamples: int, seed: int
) -> Estimate:
    if resamples < 0 or seed < 0:
        raise UserError(f"resamples ({resamples}) and seed ({seed}) must not be negative")
    measure = measured(sample)
    resampling = Resampling(one_stratum(sample.columns), resamples, seed)
    found = compute({metric: measure}, resampling, shown=False)[metric]
    return found[measure.metrics.index(metric)].interval()
