"""The AUROC of a score that knows a photo's level (such as its camera) and nothing else; see docs/statistics.md.

Its optimism is measured in the resamples and taken off (Harrell, Lee and Mark, Statistics in Medicine 15 (1996) 361).
"""

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.estimates import Estimate, with_interval
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import per_patient
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.weighted_sums import OfSums

LEVEL_ALONE = "auroc_of_level_alone"
CHANCE = 0.5


def level_alone_measure(sample: Sample, level: np.ndarray) -> Measure:
    """AUROC of levels ordered by their share of positives in a resample: in that resample, and on the photos as they are.

    Args:
        sample: Its probabilities are not used.
        level: Shape (photos,): whole numbers from 0.
    """
    levels = int(level.max(initial=0)) + 1
    places = np.arange(levels)
    by_level = [(level[:, np.newaxis] == places) & (sample.truth == truth)[:, np.newaxis] for truth in (1, 0)]
    counts = per_patient(np.concatenate(by_level, axis=1), sample.column, sample.columns)
    everyone = np.split(counts.sum(axis=0)[np.newaxis], 2, axis=1)

    def value(weighted: np.ndarray) -> np.ndarray:
        positives, negatives = np.split(weighted, 2, axis=1)
        # A level without resampled photos gets the share of positives of all levels.
        everywhere = ratio(positives.sum(axis=1), (positives + negatives).sum(axis=1))[:, np.newaxis]
        share = np.where(positives + negatives > 0, ratio(positives, positives + negatives), everywhere)
        return np.stack([_auroc_of_levels(share, positives, negatives), _auroc_of_levels(share, *everyone)])

    support, missing = sample.scarcer_class(), sample.missing_class()
    of = OfSums(counts, value)
    return Measure((LEVEL_ALONE, LEVEL_ALONE), (missing,) * 2, (support,) * 2, (False,) * 2, of, where=sample.where)


def level_alone_estimate(apparent: Sampled, on_all: Sampled) -> Estimate:
    """The AUROC of the level alone, its optimism taken off; without resamples it is left as it is, and says so.

    Args:
        apparent, on_all: Of `level_alone_measure`.
    """
    found, here = apparent.interval(), apparent.resampled
    if found.value is None or not len(here):
        optimistic = "" if found.value is None else "; flattered, since its optimism takes resamples to know"
        return Estimate(LEVEL_ALONE, found.value, note=found.note + optimistic)
    value = found.value - float(np.nanmean(here - on_all.resampled))
    centred = here - float(np.nanmean(here)) + value
    # A score can always ignore the levels, so it never reaches less than chance.
    return with_interval(LEVEL_ALONE, max(value, CHANCE), np.maximum(centred, CHANCE), apparent.support)


def _auroc_of_levels(share: np.ndarray, positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """AUROC when all photos of a level have one score, for shares and counts of shape (resamples, levels)."""
    right = (np.sign(share[:, :, np.newaxis] - share[:, np.newaxis, :]) + 1) / 2
    above = np.einsum("rij,rj->ri", right, np.broadcast_to(negatives, share.shape))
    in_order = (np.broadcast_to(positives, share.shape) * above).sum(axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return ratio(in_order, np.broadcast_to(pairs, in_order.shape))
