"""What is measured: names, definitions, and what each needs to be estimable.

Everything at a threshold is a ratio of sums of the four counts of a confusion matrix, and those sums add up
over patients. So a metric is two rows of coefficients, and its value for every resample is one matrix product
of resample weights with per-patient counts. Metrics that depend on the order of scores are in `ranking`.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.estimates import Bearing

AUROC, AUPRC, BRIER = "auroc", "auprc", "brier"
POSITIVES, NEGATIVES = "positives", "negatives"

TITLES = {
    AUROC: "AUROC",
    AUPRC: "AUPRC",
    BRIER: "Brier score",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV at observed prevalence",
    "npv": "NPV at observed prevalence",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1 score",
    "macro_auroc": "Macro AUROC",
    "macro_auprc": "Macro AUPRC",
}


@dataclass(frozen=True)
class Confusion:
    """Photos by decision and truth at one threshold."""

    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int


@dataclass(frozen=True)
class CountMetric:
    """A mean of ratios of confusion counts.

    Attributes
    ----------
    name : str
        As in the tables.
    ratios : tuple
        Pairs of coefficients (numerator, denominator) of true positives, false positives, true negatives and
        false negatives; the metric is the mean of the ratios (one, except for balanced accuracy).
    lacking : tuple of str
        For each ratio, what there is none of when its denominator is 0.
    is_proportion : bool
        Whether it is a share of photos, so that a Wilson interval applies.
    """

    name: str
    ratios: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    lacking: tuple[str, ...]
    is_proportion: bool = True

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The metric for counts of shape (resamples, 4); NaN where a denominator is 0."""
        values = []
        for numerator, denominator in self.ratios:
            below = counts @ np.array(denominator, dtype=float)
            above = counts @ np.array(numerator, dtype=float)
            values.append(np.divide(above, below, out=np.full(len(counts), np.nan), where=below > 0))
        return np.asarray(np.mean(values, axis=0))

    def missing(self, counts: np.ndarray) -> str:
        """What there is none of, or an empty string if the metric can be estimated; counts has shape (4,)."""
        for (_, denominator), lacking in zip(self.ratios, self.lacking, strict=True):
            if not counts @ np.array(denominator):
                return lacking
        return ""

    def bearing(self, counts: np.ndarray) -> Bearing:
        """The fewest patients that a ratio rests on, for counts of shape (patients, 4)."""
        patients = [int((counts @ np.array(denominator) > 0).sum()) for _, denominator in self.ratios]
        fewest = int(np.argmin(patients))
        return Bearing(patients[fewest], f"patients with {self.lacking[fewest]}")


_SENSITIVITY = ((1, 0, 0, 0), (1, 0, 0, 1))
_SPECIFICITY = ((0, 0, 1, 0), (0, 1, 1, 0))
COUNT_METRICS = (
    CountMetric("sensitivity", (_SENSITIVITY,), (POSITIVES,)),
    CountMetric("specificity", (_SPECIFICITY,), (NEGATIVES,)),
    CountMetric("ppv", (((1, 0, 0, 0), (1, 1, 0, 0)),), ("photos called positive",)),
    CountMetric("npv", (((0, 0, 1, 0), (0, 0, 1, 1)),), ("photos called negative",)),
    CountMetric("accuracy", (((1, 0, 1, 0), (1, 1, 1, 1)),), ("photos with a known truth",)),
    CountMetric("balanced_accuracy", (_SENSITIVITY, _SPECIFICITY), (POSITIVES, NEGATIVES), is_proportion=False),
    CountMetric(
        "f1", (((2, 0, 0, 0), (2, 1, 0, 1)),), ("photos positive in truth or by decision",), is_proportion=False
    ),
)


def decisions(truth: np.ndarray, probability: np.ndarray, threshold: float) -> np.ndarray:
    """Each photo's place in the confusion matrix, one-hot: shape (photos, 4), in the order of `Confusion`."""
    called, positive = probability >= threshold, truth == 1
    return np.stack([called & positive, called & ~positive, ~called & ~positive, ~called & positive], axis=1)


def per_patient(values: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """Sum the rows of (photos, columns) over each patient: shape (patients, columns)."""
    columns = [np.bincount(patient, weights=column, minlength=patients) for column in values.T.astype(float)]
    return np.stack(columns, axis=1)
