"""Observed against predicted probabilities: in bins of equally many photos, and as a smooth curve.

The curve is a local linear regression (Cleveland, 1979; for calibration, Austin and Steyerberg, 2014).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from eyeground.core.progress import track
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.calibration_measures import equal_mass_bins
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.estimates import Estimate, Support, with_interval
from eyeground.evaluation.samples import Sample, with_both_classes

BINS = 10
FEWEST_PHOTOS_PER_BIN = 20
GRID_POINTS = 51
NEAREST_SHARE = 0.5
# The curve starts and ends this many photos from the ends, where a few photos would bend it.
PHOTOS_BEYOND_CURVE = 10
HISTOGRAM_BARS = 40


@dataclass(frozen=True)
class ReliabilityBin:
    """Photos of neighbouring probabilities.

    Attributes:
        predicted: Their mean probability.
        lowest, highest: Their least and greatest probability.
        observed: The share of positives among them.
    """

    predicted: float
    lowest: float
    highest: float
    observed: Estimate
    photos: int
    patients: int
    positives: int


@dataclass(frozen=True)
class SmoothCurve:
    """The observed share of positives by predicted probability, and its 95 % band, point by point.

    Attributes:
        predicted, observed, low, high: Shape (points,), in 0-1; all empty where there are too few photos, `low` and
            `high` without resamples.
    """

    predicted: np.ndarray
    observed: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Reliability:
    """Observed against predicted probabilities of one output.

    Attributes:
        photos, patients, positives: With a known truth.
        mean_predicted: Mean probability, to compare with the share of positives.
        bins: By rising probability.
        edges, positives_by_score, negatives_by_score: Histogram: edges (bars + 1,) in 0-1 and photos (bars,) by truth.
    """

    output: str
    photos: int
    patients: int
    positives: int
    mean_predicted: float
    bins: tuple[ReliabilityBin, ...]
    curve: SmoothCurve
    edges: np.ndarray
    positives_by_score: np.ndarray
    negatives_by_score: np.ndarray


@dataclass(frozen=True)
class Reliabilities:
    """Reliability of every output that has positives and negatives, and why the others have none."""

    scope: str
    outputs: tuple[Reliability, ...]
    not_estimable: dict[str, str]
    resamples: int


def reliabilities(cohort: Cohort) -> Reliabilities:
    """Reliability of every output."""
    samples, not_estimable = with_both_classes(cohort.samples)
    return Reliabilities(
        scope=cohort.name,
        outputs=tuple(reliability(output, sample, cohort.resampling) for output, sample in samples.items()),
        not_estimable=not_estimable,
        resamples=cohort.resampling.resamples,
    )


def reliability(output: str, sample: Sample, resampling: Resampling) -> Reliability:
    """Reliability of one output that has positives and negatives."""
    edges = np.linspace(0, max(1e-3, float(sample.probability.max())), HISTOGRAM_BARS + 1)
    positive = sample.truth == 1
    return Reliability(
        output=output,
        photos=sample.photos,
        patients=sample.patients(),
        positives=int(positive.sum()),
        mean_predicted=float(sample.probability.mean()),
        bins=_bins(sample, resampling),
        curve=smooth_curve(sample, resampling),
        edges=edges,
        positives_by_score=np.histogram(sample.probability[positive], edges)[0],
        negatives_by_score=np.histogram(sample.probability[~positive], edges)[0],
    )


def _bins(sample: Sample, resampling: Resampling) -> tuple[ReliabilityBin, ...]:
    wanted = max(1, min(BINS, sample.photos // FEWEST_PHOTOS_PER_BIN))
    of_photo = np.unique(equal_mass_bins(sample.probability, wanted), return_inverse=True)[1]
    count = int(of_photo.max()) + 1
    shape = (sample.columns, count)
    photos = csr_array((np.ones(len(of_photo)), (sample.column, of_photo)), shape=shape)
    positives = csr_array((sample.truth, (sample.column, of_photo)), shape=shape)
    resampled = [np.empty((0, count))]
    for weights in resampling.weights():
        total = weights @ photos
        resampled.append(np.divide(weights @ positives, total, out=np.full(total.shape, np.nan), where=total > 0))
    shares = np.concatenate(resampled)
    bins = []
    for index in range(count):
        here = of_photo == index
        score, truth = sample.probability[here], sample.truth[here]
        patients = len(np.unique(sample.patient[here]))
        share = with_interval(
            "observed_share", float(truth.mean()), shares[:, index], Support(patients, "patients"), is_proportion=True
        )
        found = (float(score.mean()), float(score.min()), float(score.max()))
        bins.append(ReliabilityBin(*found, share, len(truth), patients, int(truth.sum())))
    return tuple(bins)


def smooth_curve(sample: Sample, resampling: Resampling) -> SmoothCurve:
    """Local linear regression of truth on probability, with its band from the given resamples of patients.

    Where scores are tied, grid points between them that no photo is near enough to are left out.
    There is no curve where fewer than four times the photos left off at the ends are known, or all have one score.
    """
    empty = np.empty(0)
    rising = np.sort(sample.probability)
    if len(rising) < 4 * PHOTOS_BEYOND_CURVE or rising[PHOTOS_BEYOND_CURVE] == rising[-1 - PHOTOS_BEYOND_CURVE]:
        return SmoothCurve(empty, empty, empty, empty)
    grid = np.linspace(rising[PHOTOS_BEYOND_CURVE], rising[-1 - PHOTOS_BEYOND_CURVE], GRID_POINTS)
    sums = _sums_of_patients(sample, grid)
    observed = _local_line(np.ones((1, sample.columns)), sums)[0]
    known = np.isfinite(observed)
    grid, observed, sums = grid[known], observed[known], [one[:, known] for one in sums]
    if not resampling.resamples or min(sample.patients(0), sample.patients(1)) < 2:
        return SmoothCurve(grid, observed, empty, empty)
    chunks = track(
        resampling.weights(),
        "resampling the calibration curve",
        total=len(resampling.chunks()),
        unit="chunks of resamples",
    )
    resampled = np.concatenate([_local_line(weights, sums) for weights in chunks])
    known = np.isfinite(resampled).any(axis=0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(resampled[:, known], [tail, 1 - tail], axis=0)
    return SmoothCurve(grid[known], observed[known], low, high)


def _sums_of_patients(sample: Sample, grid: np.ndarray) -> list[np.ndarray]:
    """The five kernel-weighted sums of a local line at each grid point, each of shape (columns, grid)."""
    rising = np.argsort(sample.probability, kind="stable")
    probability, truth, column = sample.probability[rising], sample.truth[rising], sample.column[rising]
    nearest = max(2, int(np.ceil(NEAREST_SHARE * len(rising))))
    sums = [np.empty((sample.columns, len(grid))) for _ in range(5)]
    for place, point in enumerate(grid):
        reach = max(1e-9, float(np.partition(np.abs(probability - point), nearest - 1)[nearest - 1]))
        near = slice(*np.searchsorted(probability, [point - reach, point + reach]))
        distance = probability[near] - point
        # Products: a power of 3 costs ten times as much.
        share = np.abs(distance) / reach
        falling = np.maximum(1 - share * share * share, 0)
        kernel = falling * falling * falling
        moment, found = kernel * distance, kernel * truth[near]
        for of_columns, term in zip(sums, (kernel, moment, moment * distance, found, found * distance), strict=True):
            of_columns[:, place] = np.bincount(column[near], term, sample.columns)
    return sums


def _local_line(weights: np.ndarray, sums: list[np.ndarray]) -> np.ndarray:
    """Value of the local line at each grid point, shape (resamples, grid), limited to 0-1; NaN without photos nearby."""
    ones, first, second, truth, product = (weights @ of_patient for of_patient in sums)
    determinant = ones * second - first**2
    steep = determinant > 1e-9 * ones * second
    mean = np.divide(truth, ones, out=np.full(ones.shape, np.nan), where=ones > 0)
    line = np.divide(second * truth - first * product, determinant, out=mean, where=steep)
    return np.asarray(np.clip(line, 0, 1))
