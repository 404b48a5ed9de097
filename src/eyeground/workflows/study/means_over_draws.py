"""Means over outputs and over draws of labels, with intervals over the patients predicted and over the draws.

With few labels, which patients happen to be labelled matters as much as which are predicted: with four labelled photos,
the difference of two starts changes by 0.1 and more from draw to draw. So a resample of patients also resamples the
draws: one fewer than there are, with replacement, which makes the variance of a mean over few draws unbiased (Rao and Wu
1988, Journal of the American Statistical Association 83:231). Patients and draws are resampled independently of each
other, as rows and columns of a table, which errs to the wide side (Owen 2007, Annals of Applied Statistics 1:386).

The interval is of the mean over draws; a single set of labels scatters more. And all draws are of the same training
patients, more of whom they share the larger the fraction is, so other training patients could move a figure further.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.comparing.paired_difference import bootstrap_p
from eyeground.evaluation.estimates import Estimate, Support, not_estimable, with_interval
from eyeground.evaluation.measures import Computed


@dataclass(frozen=True)
class MeanOverDraws:
    """A mean of figures.

    Attributes:
        point: On the photos as they are, over all draws.
        resampled: Shape (resamples,).
        jackknifed: Shape (groups and draws,): with each group of patients left out and, of several draws, each draw.
        missing: Why it has no value, if so.
    """

    point: float
    resampled: np.ndarray
    jackknifed: np.ndarray | None
    support: Support
    missing: str

    def estimate(self, metric: str) -> Estimate:
        """The mean with its interval, BCa."""
        if self.missing:
            return not_estimable(metric, self.missing)
        return with_interval(metric, self.point, self.resampled, self.support, jackknifed=self.jackknifed)


def mean_over_draws(draws: Sequence[Sequence[Computed]], seed: int) -> MeanOverDraws:
    """The mean over outputs and draws; an output without both classes has no part in it.

    Args:
        draws: For each draw, figures of the outputs, of the same resamples of patients. Means are compared draw by
            draw, so their draws must come in the same order.
        seed: Of the resampling of draws, which is the same for everything that is averaged over as many draws.
    """
    estimable = [[part for part in parts if not part.measure.missing[0]] for parts in draws]
    if not all(estimable):
        measure = draws[0][0].measure
        return MeanOverDraws(np.nan, np.empty(0), None, measure.supports[0], f"no {measure.missing[0]}")
    points = np.array([np.mean([part.point[0] for part in parts]) for parts in estimable])
    resampled = np.stack([np.mean([part.resampled[0] for part in parts], axis=0) for parts in estimable], axis=1)
    shares = shares_of_draws(len(points), len(resampled), seed)
    left_out = [part.jackknifed[0] for parts in estimable for part in parts if part.jackknifed is not None]
    return MeanOverDraws(
        float(points.mean()),
        (shares * resampled).sum(axis=1),
        np.concatenate([np.mean(left_out, axis=0), _without_each(points)]) if left_out else None,
        min((part.measure.supports[0] for part in estimable[0]), key=lambda support: support.patients),
        "",
    )


def shares_of_draws(draws: int, resamples: int, seed: int) -> np.ndarray:
    """The share of each draw in each resample, shape (resamples, draws), rows adding up to 1; all 1 of a single draw."""
    if draws == 1:
        return np.ones((resamples, 1))
    random = np.random.default_rng((seed, draws))
    return random.multinomial(draws - 1, np.full(draws, 1 / draws), size=resamples) / (draws - 1)


def difference(one: MeanOverDraws, reference: MeanOverDraws | None) -> tuple[Estimate | None, float | None]:
    """One mean minus another of the same resamples, with a percentile interval, and p by its inversion; None of what is not there."""
    if reference is None or one.missing or reference.missing:
        return None, None
    resampled = one.resampled - reference.resampled
    estimate = with_interval("auroc_difference", one.point - reference.point, resampled, one.support)
    return estimate, bootstrap_p(resampled) if estimate.low is not None else None


def _without_each(points: np.ndarray) -> np.ndarray:
    """The mean with each draw left out, shape (draws,); empty of a single draw."""
    return (points.sum() - points) / (len(points) - 1) if len(points) > 1 else np.empty(0)
