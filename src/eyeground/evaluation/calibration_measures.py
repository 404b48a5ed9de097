"""Calibration error, slope and intercept as functions of patient weights.

Bins are fixed once; slope and intercept take one or two Newton steps from the fit to all photos in each resample.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.calibration_error import calibration_error
from eyeground.evaluation.estimates import Limits, Support, few_patients_note
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import (
    CALIBRATION_ERROR,
    INTERCEPT,
    SLOPE,
    per_patient,
)
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.weighted_sums import OfSums, Statistic, combined

BINS = 10
# Closer to 0 or 1 than this, how close is a matter of rounding.
CLIP = 1e-6
# With more photos the first step is right to the third digit, and the second would cost a pass over them all.
MOST_PHOTOS_FOR_SECOND_STEP = 10_000


def equal_mass_bins(probability: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Bin of each photo, from 0: as equal in number of photos as ties allow, since equal scores stay together.

    Args:
        probability: Shape (photos,).
        bins: At most so many; fewer where scores tie.

    Returns:
        Shape (photos,), rising with the score.
    """
    _, score, photos = np.unique(probability, return_inverse=True, return_counts=True)
    middle = np.cumsum(photos) - photos / 2
    return np.asarray(np.floor(middle * bins / max(1, len(probability))).astype(np.int64)[score])


def calibration_error_measure(sample: Sample) -> Measure:
    """ECE: mean over photos of the gap between mean probability and share of positives in each photo's bin, 0 to 1.

    Naeini, Cooper and Hauskrecht (2015); with bins of equal mass as in Nixon et al. (2019). The value is the usual one,
    which chance alone makes larger than 0; the interval is of the true one (see `calibration_error`), and the note says
    how much chance adds, and what a test against perfect calibration finds.
    """
    known, patients = sample.photos, sample.patients()
    bins = equal_mass_bins(sample.probability)
    number = len(np.unique(bins))
    gaps = np.zeros((known, BINS + 1))
    gaps[np.arange(known), bins] = sample.truth - sample.probability
    gaps[:, BINS] = 1
    sums = per_patient(gaps, sample.column, sample.columns)

    def error(weighted: np.ndarray) -> np.ndarray:
        return ratio(np.abs(weighted[:, :BINS]).sum(axis=1), weighted[:, BINS])[np.newaxis]

    def limits() -> Limits | None:
        if patients < 2:
            return None
        of_right = np.bincount(bins, sample.probability * (1 - sample.probability), BINS) / known**2
        found = calibration_error(sums[sums[:, BINS] > 0, :BINS] / known, of_right)
        by_chance = f"about {found.by_chance:.3f} from chance alone, which the interval leaves out"
        p = "p < 0.001" if found.p < 0.001 else f"p = {found.p:.3f}"
        notes = (
            by_chance,
            f"{p} against perfect calibration",
            few_patients_note(sample.scarcer_class(), CALIBRATION_ERROR),
        )
        return Limits(found.low, found.high, "; ".join(filter(None, notes)))

    return Measure(
        metrics=(CALIBRATION_ERROR,),
        missing=("" if known else "photos with a known truth",),
        supports=(Support(patients, "patients"),),
        are_proportions=(False,),
        of=OfSums(sums, error),
        note=f"{number} bin{'s' * (number != 1)} of equally many photos, biased upwards",
        where=sample.where,
        limits=(limits,),
    )


def recalibration_measure(sample: Sample) -> Measure:
    """Calibration slope (1 is right, below 1 too extreme) and calibration in the large (0 is right, above 0 too low).

    The slope is b of logit P(positive) = a + b logit(probability), the intercept is a with b fixed at 1 (Cox, 1958;
    Van Calster et al., 2019, BMC Medicine 17:230). Photos with a probability of exactly 0 or 1 are left out: it has no
    logit, and whatever stands in for one decides the fit. Probabilities closer to 0 or 1 than 1e-6 are moved there. The
    note counts both.

    On resamples, each fit is one step from the fit to all photos, by weighted sums of its patients' score,
    information and third derivative at that fit (the one-step bootstrap of Moulton and Zeger, 1991, Computational
    Statistics & Data Analysis 11:53, with Chebyshev's correction, so that the error falls with the cube of the
    step), and up to 10,000 photos a Newton step more. Where a resample separates the classes, it gives a large
    finite value in place of an infinite one. NaN for resamples that lack a class.
    """
    everyone, sample = sample, sample.only((sample.probability > 0) & (sample.probability < 1))
    note = _without_logit(everyone)
    clipped = np.clip(sample.probability, CLIP, 1 - CLIP)
    if moved := int((clipped != sample.probability).sum()):
        note = "; ".join(filter(None, [note, f"{moved:,} probabilities closer to 0 or 1 than {CLIP:g} taken as that"]))
    score = logit(clipped)
    classes = np.stack([sample.truth == 1, sample.truth == 0], axis=1)
    missing = sample.missing_class()
    if missing and not everyone.missing_class():
        missing += " with a probability other than 0 and 1"
    no_slope = missing or _no_slope(sample.truth, score)
    parts: list[Statistic] = [
        OfSums(per_patient(classes, sample.column, sample.columns), lambda sums: sums.T),
        _refit(sample, score[:, np.newaxis], None if no_slope else np.zeros_like(score)),
        _refit(sample, np.empty((len(score), 0)), None if missing else score),
    ]

    return Measure(
        metrics=(SLOPE, INTERCEPT),
        missing=(no_slope, missing),
        supports=(sample.scarcer_class(),) * 2,
        are_proportions=(False,) * 2,
        of=combined(parts, lambda rows: np.where(rows[:2].min(axis=0) == 0, np.nan, rows[2:])),
        note=note,
        where=sample.where,
    )


def _without_logit(sample: Sample) -> str:
    """How many photos have a probability of exactly 0 or 1, and how many of these are wrong; empty where none has."""
    certain = (sample.probability == 0) | (sample.probability == 1)
    if not certain.any():
        return ""
    wrong = int((certain & (sample.probability != sample.truth)).sum())
    return f"{int(certain.sum()):,} photos with a probability of exactly 0 or 1 left out, {wrong:,} of them wrong"


def _no_slope(truth: np.ndarray, score: np.ndarray) -> str:
    """What there is none of where the slope has no finite fit (Albert and Anderson, 1984); else an empty string."""
    if score.min() == score.max():
        return "two different probabilities"
    positive, negative = score[truth == 1], score[truth == 0]
    overlap = positive.min() < negative.max() and negative.min() < positive.max()
    return "" if overlap else "overlap of the probabilities of positives and negatives"


def _refit(sample: Sample, covariates: np.ndarray, offset: np.ndarray | None) -> Statistic:
    """Weights to the last coefficient of a logistic regression on an intercept and the covariates; NaN without offset."""
    if offset is None:
        return OfSums(np.empty((sample.columns, 0)), lambda sums: np.full((1, len(sums)), np.nan))
    design = np.column_stack([np.ones(len(covariates)), covariates])
    squares = np.einsum("ni,nj->nij", design, design).reshape(len(design), -1)
    fitted = _fit(sample.truth, design, offset)
    first_step = _first_step(sample, design, squares, offset, fitted)
    if sample.photos > MOST_PHOTOS_FOR_SECOND_STEP:
        return OfSums(first_step.sums, lambda sums: first_step.value(sums)[-1:])

    def of(weights: np.ndarray) -> np.ndarray:
        coefficients = first_step(weights).T
        probability = expit(coefficients @ design.T + offset)
        of_photo = weights.take(sample.column, axis=1)
        gradient = (of_photo * (sample.truth - probability)) @ design
        information = (of_photo * probability * (1 - probability)) @ squares
        return np.asarray((coefficients + _solved(information, gradient)).T[-1:])

    return of


def _first_step(
    sample: Sample, design: np.ndarray, squares: np.ndarray, offset: np.ndarray, fitted: np.ndarray
) -> OfSums:
    """Coefficients, shape (columns of the design, resamples)."""
    size = len(fitted)
    probability = expit(design @ fitted + offset)[:, np.newaxis]
    variance = probability * (1 - probability)
    cubes = np.einsum("ni,nj->nij", squares, design).reshape(len(design), -1)
    terms = [design * (sample.truth[:, np.newaxis] - probability), squares * variance]
    terms.append(cubes * variance * (1 - 2 * probability))
    sums = per_patient(np.hstack(terms), sample.column, sample.columns)

    def value(weighted: np.ndarray) -> np.ndarray:
        gradient, information, curvature = np.split(weighted, [size, size + size**2], axis=1)
        step = _solved(information, gradient)
        bend = np.einsum("rijk,rj,rk->ri", curvature.reshape(-1, size, size, size), step, step)
        return np.asarray(fitted + step - _solved(information, bend) / 2).T

    return OfSums(sums, value)


def _solved(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Newton steps, shape (resamples, size); without a step in directions that a resample does not determine."""
    size = gradient.shape[1]
    inverse = np.linalg.pinv(information.reshape(-1, size, size), hermitian=True)
    return np.asarray(np.einsum("rij,rj->ri", inverse, gradient))


def _fit(truth: np.ndarray, design: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Coefficients of a logistic regression by maximum likelihood, shape (columns,)."""

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        linear = design @ coefficients + offset
        return float(np.mean(np.logaddexp(0, linear) - truth * linear)), design.T @ (expit(linear) - truth) / len(truth)

    def hessian(coefficients: np.ndarray) -> np.ndarray:
        probability = expit(design @ coefficients + offset)
        return np.asarray((design.T * (probability * (1 - probability))) @ design / len(truth))

    start = np.zeros(design.shape[1])
    return np.asarray(minimize(loss, start, jac=True, hess=hessian, method="trust-exact", options={"gtol": 1e-10}).x)
