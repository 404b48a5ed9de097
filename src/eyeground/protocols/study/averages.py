"""Means over outputs and over draws of labels, resampled so that both patients and draws could have been others.

With few labels, which patients happen to be labelled matters more than which are predicted: with four labelled photos,
the difference of two starts changes by 0.1 and more from draw to draw. So a resample draws the draws, too: one fewer
than there are, with replacement, which makes the variance of a mean over few draws unbiased (Rao and Wu 1988, Journal of
the American Statistical Association 83:231). Patients and draws are resampled independently of each other, as rows and
columns of a table, which errs to the wide side (Owen 2007, Annals of Applied Statistics 1:386).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.comparing.paired_difference import bootstrap_p
from eyeground.evaluation.estimates import Bearing, Estimate, not_estimable, with_interval
from eyeground.evaluation.measures import Computed


@dataclass(frozen=True)
class Average:
    """A mean of figures.

    Attributes
    ----------
    point : float
        On the photos as they are, over all draws.
    resampled : numpy.ndarray
        Shape (resamples,).
    jackknifed : numpy.ndarray or None
        Shape (groups,): with each group of patients left out. None where there are several draws, whose part in the
        interval's skewness it would not know, and gives a percentile interval.
    bearing : Bearing
    missing : str
        Why it has no value, if so.
    """

    point: float
    resampled: np.ndarray
    jackknifed: np.ndarray | None
    bearing: Bearing
    missing: str

    def estimate(self, metric: str) -> Estimate:
        """The mean with its interval."""
        if self.missing:
            return not_estimable(metric, self.missing)
        return with_interval(metric, self.point, self.resampled, self.bearing, jackknifed=self.jackknifed)


def average(draws: Mapping[int, Sequence[Computed]], seed: int) -> Average:
    """The mean over outputs and draws; an output without both classes has no part in it.

    Parameters
    ----------
    draws : mapping of int to sequence of Computed
        By seed of the draw: figures of the outputs, in the same order and of the same resamples of patients.
    seed : int
        Of the resampling of draws, which is the same for everything that is averaged over as many draws.
    """
    estimable = [[part for part in parts if not part.measure.missing[0]] for parts in draws.values()]
    if not all(estimable):
        measure = next(iter(draws.values()))[0].measure
        return Average(np.nan, np.empty(0), None, measure.bearings[0], f"no {measure.missing[0]}")
    resampled = np.stack([np.mean([part.resampled[0] for part in parts], axis=0) for parts in estimable], axis=1)
    shares = shares_of_draws(len(estimable), len(resampled), seed)
    jackknifed = [part.jackknifed[0] for parts in estimable for part in parts if part.jackknifed is not None]
    return Average(
        float(np.mean([part.point[0] for parts in estimable for part in parts])),
        (shares * resampled).sum(axis=1),
        np.mean(jackknifed, axis=0) if jackknifed and len(estimable) == 1 else None,
        min((part.measure.bearings[0] for part in estimable[0]), key=lambda bearing: bearing.patients),
        "",
    )


def shares_of_draws(draws: int, resamples: int, seed: int) -> np.ndarray:
    """The share of each draw in each resample, shape (resamples, draws), rows adding up to 1; all 1 of a single draw."""
    if draws == 1:
        return np.ones((resamples, 1))
    random = np.random.default_rng((seed, draws))
    return random.multinomial(draws - 1, np.full(draws, 1 / draws), size=resamples) / (draws - 1)


def difference(one: Average, reference: Average | None) -> tuple[Estimate | None, float | None]:
    """One mean minus another of the same resamples, and its p, by inversion of the interval; None of what there is not."""
    if reference is None or one.missing or reference.missing:
        return None, None
    resampled = one.resampled - reference.resampled
    estimate = with_interval("auroc_difference", one.point - reference.point, resampled, one.bearing)
    return estimate, bootstrap_p(resampled) if estimate.low is not None else None
