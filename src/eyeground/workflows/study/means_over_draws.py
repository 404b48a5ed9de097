"""Means over outputs and over draws of labels, with intervals over the predicted patients and over the draws.

A resample takes one draw fewer than there are, so the variance of a mean over few draws is unbiased (Rao and Wu 1988,
JASA 83:231), and independently of the patients (Owen 2007, Annals of Applied Statistics 1:386). See docs/study.md.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.sampled import Sampled, mean


def mean_over_draws(draws: Sequence[Sequence[Sampled]], seed: int) -> Sampled:
    """The mean over outputs and draws; an output without both classes is left out.

    Args:
        draws: For each draw, the outputs' values of the same resamples of patients. Means are compared draw by draw, so
            their draws must have the same order.
        seed: Of the resampling of draws, which is the same for all means over as many draws.
    """
    means = [mean(parts) for parts in draws]
    if lacking := [one for one in means if one.why_not]:
        return lacking[0]
    points = np.array([one.point for one in means])
    resampled = np.stack([one.resampled for one in means], axis=1)
    shares = shares_of_draws(len(points), len(resampled), seed)
    left_out = [
        part.jackknifed for parts in draws for part in parts if part.jackknifed is not None and not part.why_not
    ]
    return replace(
        means[0],
        point=float(points.mean()),
        resampled=(shares * resampled).sum(axis=1),
        jackknifed=np.concatenate([np.mean(left_out, axis=0), _without_each(points)]) if left_out else None,
    )


def shares_of_draws(draws: int, resamples: int, seed: int) -> np.ndarray:
    """The share of each draw in each resample, shape (resamples, draws), rows adding up to 1; all 1 of a single draw."""
    if draws == 1:
        return np.ones((resamples, 1))
    random = np.random.default_rng((seed, draws))
    return random.multinomial(draws - 1, np.full(draws, 1 / draws), size=resamples) / (draws - 1)


def difference(one: Sampled, reference: Sampled | None) -> tuple[Estimate | None, float | None]:
    """One mean minus another of the same resamples, with a percentile interval, and p by its inversion; None if missing."""
    if reference is None or one.why_not or reference.why_not:
        return None, None
    apart = (one - reference).named("auroc_difference")
    return apart.interval(), apart.p()


def _without_each(points: np.ndarray) -> np.ndarray:
    """The mean with each draw left out, shape (draws,); empty of a single draw."""
    return (points.sum() - points) / (len(points) - 1) if len(points) > 1 else np.empty(0)
