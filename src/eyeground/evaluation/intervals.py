"""From resamples or counts to the two ends of a 95 % interval: percentiles, BCa and Wilson; see docs/statistics.md."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from eyeground.core.proportions import CONFIDENCE, wilson_interval
from eyeground.evaluation.bootstrap import WEIGHTS_PER_CHUNK
from eyeground.evaluation.weighted_sums import OfSums

JACKKNIFE_GROUPS = 1000


def percentile_interval(resampled: np.ndarray) -> tuple[float, float]:
    """The central 95 % of a statistic over its resamples, NaN (the dropped ones) left out."""
    return _between(resampled, *_tails())


def bca_interval(value: float, resampled: np.ndarray, jackknifed: np.ndarray) -> tuple[float, float]:
    """The bias-corrected and accelerated interval.

    Args:
        value: The statistic on the photos as they are.
        resampled: Shape (resamples,): the same in every resample, NaN where it could not be computed; those are left
            out.
        jackknifed: Shape (groups,): the same with each group of patients left out, from `jackknife`.

    References:
        Efron, Journal of the American Statistical Association 82 (1987) 171, equations 2.3 and 6.6 (the latter with the
        jackknife's influence values).
    """
    kept = resampled[~np.isnan(resampled)]
    below = ((kept < value).sum() + (kept <= value).sum()) / 2
    # A value at the edge of its resamples would need percentiles beyond them.
    bias = ndtri(np.clip(below, 1, len(kept) - 1) / len(kept))
    acceleration = _acceleration(jackknifed[~np.isnan(jackknifed)])
    shifted = bias + ndtri(np.array(_tails()))
    low, high = ndtr(bias + shifted / (1 - acceleration * shifted)).tolist()
    return _between(kept, low, high)


def jackknife(statistics: Sequence[Callable[[np.ndarray], np.ndarray]], patients: int) -> list[np.ndarray]:
    """Statistics with each patient left out in turn, or beyond `JACKKNIFE_GROUPS` patients with each group of them.

    Third and second moments of influence add up over the patients of a group, so the acceleration taken from groups is
    that of patients but for noise in the third decimal, and the cost stays bounded.

    Args:
        statistics: Each from weights of shape (k, patients) to values of shape (metrics, k), such as
            `measures.Measure.of`.

    Returns:
        For each statistic, shape (metrics, groups); NaN where it cannot be computed without a group.
    """
    groups = min(patients, JACKKNIFE_GROUPS)
    # Patients are numbered by name, and names may go with hospitals: groups are mixed.
    group = np.random.default_rng(0).permutation(patients) % groups
    others = [of for of in statistics if not isinstance(of, OfSums)]
    values: list[list[np.ndarray]] = [[] for _ in others]
    size = max(1, WEIGHTS_PER_CHUNK // patients)
    for chunk in np.split(np.arange(groups), range(size, groups, size)) if others else ():
        weights = (group != chunk[:, np.newaxis]).astype(np.int64)
        for of, found in zip(others, values, strict=True):
            found.append(of(weights))
    found_by_weights = iter(values)
    return [
        of.left_out(group) if isinstance(of, OfSums) else np.concatenate(next(found_by_weights), axis=1)
        for of in statistics
    ]


def clustered_wilson_interval(successes: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """Wilson's interval of a proportion of photos, several of which may be of one patient.

    Args:
        successes, trials: As of `effective_trials`.

    References:
        Effective numbers in Wilson's interval: Saha, Miller and Wang, International Journal of Biostatistics 12 (2016).
    """
    return wilson_interval(*effective_trials(successes, trials))


def effective_trials(successes: np.ndarray, trials: np.ndarray) -> tuple[float, float]:
    """How many independent photos, and how many of them that count, are worth as much as the photos of patients.

    The photos count as the effective number of Rao and Scott: divided by the design effect, which is the variance
    between patients over that of independent photos. It is never taken below 1, so that chance agreement between few
    patients does not narrow an interval, and is 1 of one photo per patient, which gives Wilson's own interval. Where all photos
    agree, or there is one patient only, the design effect cannot be estimated and patients are counted, which makes an interval
    too wide rather than too narrow.

    Args:
        successes, trials: Shape (patients,): photos that count, and all photos, of each patient; patients without
            photos are left out.

    References:
        Rao and Scott, Biometrics 48 (1992) 577.
    """
    successes, trials = successes[trials > 0], trials[trials > 0]
    patients, photos = len(trials), float(trials.sum())
    share = float(successes.sum()) / photos
    if patients < 2 or share in (0.0, 1.0):
        return share * patients, patients
    between = float(((successes - trials * share) ** 2).sum()) / photos**2
    effective = photos / max(1.0, between / (share * (1 - share) / photos))
    return share * effective, effective


def _acceleration(jackknifed: np.ndarray) -> float:
    influence = jackknifed.mean() - jackknifed
    spread = float((influence**2).sum())
    return float((influence**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def _tails() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def _between(resampled: np.ndarray, low: float, high: float) -> tuple[float, float]:
    first, last = np.quantile(resampled[~np.isnan(resampled)], [low, high])
    return float(first), float(last)
