"""The patient-cluster bootstrap, as weights.

A resample of patients is told by how often each patient was drawn, so it is kept as a vector of counts and no
row is ever copied: a statistic that takes weights is evaluated for all resamples on data prepared once (see
`ranking`). Whole patients are drawn, because the two eyes of a patient resemble each other and an interval
that takes them for independent is too narrow.

By default patients are drawn from all patients, as a cohort was drawn from its population; the share of
positives then varies from resample to resample, as it would from study to study, which predictive values and
accuracy need. A resample that lacks a class is dropped and counted. With `stratified`, patients are drawn
within strata of their rarest truth, as a case-control collection was, and the shares stay nearly as observed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
WEIGHTS_PER_CHUNK = 1 << 17


@dataclass(frozen=True)
class Resampling:
    """How patients are resampled: the same object always yields the same resamples.

    Attributes
    ----------
    strata : numpy.ndarray
        Shape (patients,): the stratum of each patient, numbered from 0; all 0 where nothing is stratified.
    resamples : int
        How many resamples are drawn.
    seed : int
        Another seed draws others.
    """

    strata: np.ndarray
    resamples: int
    seed: int

    def chunks(self) -> list[int]:
        """Sizes of the chunks in which `weights` yields the resamples, chosen so that a chunk stays in cache."""
        size = max(1, WEIGHTS_PER_CHUNK // max(1, len(self.strata)))
        whole, rest = divmod(self.resamples, size)
        return [size] * whole + [rest] * (rest > 0)

    def weights(self) -> Iterator[np.ndarray]:
        """Yield integer weights, shape (chunk, patients): how often each patient is in each resample."""
        generator = np.random.default_rng(self.seed)
        sizes = np.bincount(self.strata)
        column = np.argsort(np.argsort(self.strata, kind="stable"))
        for chunk in self.chunks():
            counts = np.empty((chunk, len(self.strata)), dtype=np.int64)
            for row in counts:
                start = 0
                for size in sizes.tolist():
                    row[start : start + size] = np.bincount(generator.integers(0, size, size), minlength=size)
                    start += size
            yield counts if len(sizes) == 1 else counts.take(column, axis=1)


def one_stratum(patients: int) -> np.ndarray:
    """The strata of `patients` patients that are drawn from one pool."""
    return np.zeros(patients, dtype=np.int64)


def strata_of_rarest_truth(truths: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Put every patient in the stratum of the rarest truth on any of the patient's photos.

    A class whose patients all carry something rarer has no stratum of its own; a resample may then lack it.

    Parameters
    ----------
    truths : numpy.ndarray
        Shape (photos, outputs): 0, 1 or NaN.
    patient : numpy.ndarray
        Shape (photos,): each photo's patient, numbered from 0 without gaps.

    Returns
    -------
    numpy.ndarray
        Shape (patients,), numbered from 0 without gaps.
    """
    patients = int(patient.max()) + 1
    carried = [np.unique(patient[truths[:, output] == value]) for output in range(truths.shape[1]) for value in (0, 1)]
    stratum = np.full(patients, -1)
    for kind in sorted(range(len(carried)), key=lambda kind: len(carried[kind]), reverse=True):
        stratum[carried[kind]] = kind
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


def percentile_interval(values: np.ndarray) -> tuple[float, float]:
    """The central 95 % of a statistic over its resamples, NaN (the dropped ones) left out."""
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values[~np.isnan(values)], [tail, 1 - tail])
    return float(low), float(high)
