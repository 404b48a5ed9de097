"""AUROC among pairs of one stratum (camera, fold) only, pooled by the number of pairs.

A covariate-adjusted AUROC (Janes and Pepe, Biometrika 96 (2009) 371) with weights by pairs.
"""

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import per_patient
from eyeground.evaluation.ranking import Ranking, rank
from eyeground.evaluation.samples import Sample


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
    parts: list[tuple[Ranking, np.ndarray]] = []
    usable = np.zeros(len(stratum), dtype=bool)
    for value in np.unique(stratum):
        inside = stratum == value
        within = sample.only(inside)
        if within.missing_class():
            continue
        usable |= inside
        by_class = np.stack([within.truth == 1, within.truth == 0], axis=1)
        parts.append(
            (
                rank(within.truth, within.probability, within.patient),
                per_patient(by_class, within.patient, within.columns),
            )
        )

    def of(weights: np.ndarray) -> np.ndarray:
        right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for ranking, classes_of_patient in parts:
            of_stratum = np.prod(weights @ classes_of_patient, axis=1)
            right += np.where(of_stratum > 0, of_stratum * ranking.auroc(weights), 0)
            pairs += of_stratum
        return ratio(right, pairs)[np.newaxis]

    missing = "" if parts else "stratum with both positives and negatives"
    support = sample.only(usable).scarcer_class()
    return Measure((metric,), (missing,), (support,), (False,), of, where=sample.where)
