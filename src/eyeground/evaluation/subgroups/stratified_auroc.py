"""AUROC among pairs of one stratum (camera, fold) only, pooled by the number of pairs.

A covariate-adjusted AUROC (Janes and Pepe, Biometrika 96 (2009) 371) with weights by pairs.
"""

from collections.abc import Callable, Sequence

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.linear_areas import linear_areas
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import per_patient
from eyeground.evaluation.ranking import rank
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.weighted_sums import OfSums


def within_levels_measure(sample: Sample, level: np.ndarray, metric: str) -> Measure:
    """AUROC among photos of one level, and of one fold where the sample has folds, pooled by pairs.

    Args:
        level: Shape (photos,): whole numbers from 0.
        metric: What to call it.
    """
    folds = 1 if sample.fold is None else int(sample.fold.max(initial=0)) + 1
    return stratified_auroc_measure(sample, level * folds + (0 if sample.fold is None else sample.fold), metric)


def stratified_auroc_measure(sample: Sample, stratum: np.ndarray, metric: str) -> Measure:
    """AUROC within strata, pooled by pairs.

    Args:
        stratum: Shape (photos,): any numbers. Strata that lack a class have no pairs.
        metric: What to call it.
    """
    parts: list[Sample] = []
    usable = np.zeros(len(stratum), dtype=bool)
    for value in np.unique(stratum):
        inside = stratum == value
        within = sample.only(inside)
        if within.missing_class():
            continue
        usable |= inside
        parts.append(within)
    missing = "" if parts else "stratum with both positives and negatives"
    support = sample.only(usable).scarcer_class()
    return Measure((metric,), (missing,), (support,), (False,), _pooled_auroc(parts), where=sample.where)


def _pooled_auroc(parts: Sequence[Sample]) -> Callable[[np.ndarray], np.ndarray]:
    linear = linear_areas(parts, by_pairs=True)
    if linear is not None:
        return OfSums(linear.sums, lambda sums: _by_pairs(linear.auroc(sums), linear.pairs(sums)))
    ranked = [rank(part.truth, part.probability, part.column) for part in parts]
    classes = [
        per_patient(np.stack([part.truth == 1, part.truth == 0], axis=1), part.column, part.columns) for part in parts
    ]

    def of(weights: np.ndarray) -> np.ndarray:
        if not parts:
            return np.full((1, len(weights)), np.nan)
        pairs = np.array([np.prod(weights @ of_patient, axis=1) for of_patient in classes])
        return _by_pairs(np.array([ranking.auroc(weights) for ranking in ranked]), pairs)

    return of


def _by_pairs(auroc: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Mean over strata, for AUROCs and pairs of shape (strata, resamples); shape (1, resamples)."""
    return ratio(np.where(pairs > 0, auroc * pairs, 0).sum(axis=0), pairs.sum(axis=0))[np.newaxis]
