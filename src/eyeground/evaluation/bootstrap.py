"""The patient-cluster bootstrap, as weights: how often each patient was drawn; see docs/statistics.md."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, xlogy

WEIGHTS_PER_CHUNK = 1 << 16
# Standard deviations of the total by which Poisson counts are drawn short; the total exceeds n in 3 of 100,000 resamples.
SHORTFALL = 4.0
# Poisson counts above this have a probability below 1e-50.
MOST_DRAWN = 40
UNDECIDED = 0xFFFF
# Beyond so many patients, groups of them are drawn; an interval's width then differs by 1 % (one standard deviation).
MOST_DRAWN_APART = 5000
FEWEST_GROUPS_OF_STRATUM = 1000


@dataclass(frozen=True)
class Resampling:
    """How patients are resampled: the same object always yields the same resamples.

    Attributes:
        strata: Shape (columns,): the stratum of each column of the weights, a patient or patients who are
            `drawn_together`, numbered from 0; all 0 where nothing is stratified.
        resamples: How many resamples are drawn.
        seed: Another seed draws others.
    """

    strata: np.ndarray
    resamples: int
    seed: int

    def chunks(self) -> list[int]:
        """Sizes of the chunks in which `weights` yields the resamples, chosen so that a chunk stays in cache."""
        size = max(1, WEIGHTS_PER_CHUNK // max(1, len(self.strata)))
        full, rest = divmod(self.resamples, size)
        return [size] * full + [rest] * (rest > 0)

    def weights(self) -> Iterator[np.ndarray]:
        """Yield integer weights, shape (chunk, columns): how often each column's patients are in each resample."""
        sizes = np.bincount(self.strata)
        seeds = np.random.SeedSequence(self.seed).spawn(len(sizes))
        pools = [_Pool(size, seed) for size, seed in zip(sizes.tolist(), seeds, strict=True)]
        column = np.argsort(np.argsort(self.strata, kind="stable"))
        for chunk in self.chunks():
            counts = [pool.draw(chunk) for pool in pools]
            yield counts[0] if len(counts) == 1 else np.concatenate(counts, axis=1).take(column, axis=1)


def one_stratum(patients: int) -> np.ndarray:
    """The strata of `patients` patients that are drawn from one pool."""
    return np.zeros(patients, dtype=np.int64)


def drawn_together(strata: np.ndarray) -> np.ndarray:
    """Number the columns of the weights: one for each patient, or beyond `MOST_DRAWN_APART` for each random group.

    A sum over random groups has the variance of a sum over patients, so groups drawn with replacement give the same
    intervals; that variance is known from as many squares as there are groups, hence to `1 / sqrt(2 x groups)` of its
    root (the method of random groups: Wolter, Introduction to Variance Estimation, 2007, chapter 2). Patients of a rare
    class are in groups of their own as a rule. Small strata stay apart.

    Args:
        strata: Shape (patients,), numbered from 0 without gaps; no group reaches across strata.

    Returns:
        Shape (patients,), numbered from 0 without gaps.
    """
    patients = len(strata)
    if patients <= MOST_DRAWN_APART:
        return np.arange(patients)
    # Patients are numbered by name, and names may go with hospitals: groups are mixed.
    mixed = np.random.default_rng(0).permutation(patients)
    column, first = np.empty(patients, dtype=np.int64), 0
    for stratum in range(int(strata.max()) + 1):
        inside = mixed[strata[mixed] == stratum]
        share = MOST_DRAWN_APART * len(inside) // patients
        groups = min(len(inside), max(share, FEWEST_GROUPS_OF_STRATUM))
        column[inside] = first + np.arange(len(inside)) % groups
        first += groups
    return column


def strata_of_rarest_truth(truths: np.ndarray, patient: np.ndarray) -> np.ndarray:
    """Put every patient in the stratum of the rarest truth on any of the patient's photos.

    A class whose patients all carry something rarer has no stratum of its own; a resample may then lack it.

    Args:
        truths: Shape (photos, outputs): 0, 1 or NaN.
        patient: Shape (photos,): each photo's patient, numbered from 0 without gaps.

    Returns:
        Shape (patients,), numbered from 0 without gaps.
    """
    patients = int(patient.max()) + 1
    carried = [np.unique(patient[truths[:, output] == value]) for output in range(truths.shape[1]) for value in (0, 1)]
    stratum = np.full(patients, -1)
    for kind in sorted(range(len(carried)), key=lambda kind: len(carried[kind]), reverse=True):
        stratum[carried[kind]] = kind
    return np.unique(stratum, return_inverse=True)[1].astype(np.int64)


class _Pool:
    """Patients who are drawn with replacement, as many as there are; the size of the chunks changes no resample.

    Independent Poisson counts, given their total, are the counts of so many draws with replacement. So most patients are
    drawn at once, a little short of all, and the rest one by one; the counts are exactly multinomial.
    """

    def __init__(self, size: int, seed: np.random.SeedSequence) -> None:
        self.size = size
        self.bulk, self.tail, self.fill = (np.random.default_rng(part) for part in seed.spawn(3))
        count = np.arange(MOST_DRAWN + 1)
        mean = max(0.0, 1 - SHORTFALL / np.sqrt(size))
        probability = np.exp(xlogy(count, mean) - gammaln(count + 1) - mean)
        # 16 random bits give the counts of two patients by table, each count a byte; what 65,536 entries cannot
        # express is left undecided there, and `tail` draws from it.
        self.pairs = np.add.outer(count, count << 8).ravel().astype(np.uint16)
        of_pair = np.outer(probability, probability).ravel()
        entries = np.floor(of_pair * (1 << 16)).astype(np.int64)
        self.table = np.full(1 << 16, UNDECIDED, dtype=np.uint16)
        self.table[: entries.sum()] = np.repeat(self.pairs, entries)
        self.undecided = np.cumsum(of_pair - entries / (1 << 16))

    def draw(self, resamples: int) -> np.ndarray:
        """Counts, shape (resamples, size), each row adding up to `size`."""
        words = self.bulk.integers(0, (1 << 64) - 1, (resamples, -(-self.size // 8)), dtype=np.uint64, endpoint=True)
        pairs = self.table.take(words.view(np.uint16))
        undecided = np.flatnonzero(pairs == UNDECIDED)
        quantile = self.tail.random(len(undecided)) * self.undecided[-1]
        pairs.flat[undecided] = self.pairs[np.searchsorted(self.undecided, quantile, side="right")]
        counts = pairs.view(np.uint8)[:, : self.size].astype(np.int64)
        lacking = self.size - counts.sum(axis=1)
        counts[lacking < 0] = 0
        lacking[lacking < 0] = self.size
        drawn = self.fill.integers(0, self.size, lacking.sum())
        np.add.at(counts.reshape(-1), np.repeat(np.arange(resamples), lacking) * self.size + drawn, 1)
        return counts
