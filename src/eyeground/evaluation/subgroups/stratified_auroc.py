"""AUROC among pairs of one stratum only: does a score order photos of the same camera (or fold) rightly?

Every positive is held against the negatives of its own stratum, and the strata are pooled by their number of such
pairs. So whatever separates whole strata, such as cameras that see more disease, adds nothing. It is a
covariate-adjusted AUROC (Janes and Pepe, Biometrika 96 (2009) 371) with weights by pairs, under which the plain
AUROC is the exact mixture of this one and of the pairs across strata.
"""

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.estimates import Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, per_patient
from eyeground.evaluation.ranking import Ranking, rank
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.groups import restricted


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
        within = restricted(sample, inside)
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
    pairing = restricted(sample, usable)
    classes = [
        Support(pairing.patients(truth), f"patients with {name}") for truth, name in ((1, POSITIVES), (0, NEGATIVES))
    ]

    def of(weights: np.ndarray) -> np.ndarray:
        right, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for ranking, classes_of_patient in parts:
            of_stratum = np.prod(weights @ classes_of_patient, axis=1)
            right += np.where(of_stratum > 0, of_stratum * ranking.auroc(weights), 0)
            pairs += of_stratum
        return ratio(right, pairs)[np.newaxis]

    missing = "" if parts else "stratum with both positives and negatives"
    return Measure((metric,), (missing,), (min(classes, key=lambda one: one.patients),), (False,), of)
