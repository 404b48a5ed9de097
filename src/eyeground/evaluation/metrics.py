"""Names and definitions of metrics at a threshold, and what each needs to be estimable.

They are functions of four counts, which add up over patients: all resamples of a chunk are one matrix product.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.agreement import matthews, ratio
from eyeground.evaluation.estimates import Support

AUROC, AUPRC, BRIER = "auroc", "auprc", "brier"
CALIBRATION_ERROR, SLOPE, INTERCEPT = "ece", "calibration_slope", "calibration_intercept"
WITHIN = "auroc_within_"  # and the column whose levels are meant
POSITIVES, NEGATIVES = "positives", "negatives"

TITLES = {
    AUROC: "AUROC",
    AUPRC: "AUPRC",
    WITHIN + "source": "AUROC within a source",
    WITHIN + "device": "AUROC within a device",
    BRIER: "Brier score",
    CALIBRATION_ERROR: "Expected calibration error",
    SLOPE: "Calibration slope",
    INTERCEPT: "Calibration in the large (log odds)",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV at observed prevalence",
    "npv": "NPV at observed prevalence",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1 score",
    "mcc": "Matthews correlation",
    "macro_auroc": "Macro AUROC",
    "macro_auroc_within_source": "Macro AUROC within a source",
    "macro_auroc_within_device": "Macro AUROC within a device",
    "macro_auprc": "Macro AUPRC",
    "micro_auroc": "Micro AUROC",
    "micro_auprc": "Micro AUPRC",
    "macro_f1": "Macro F1 score",
    "kappa": "Cohen's kappa",
    "quadratic_weighted_kappa": "Quadratic-weighted kappa",
    "mean_auroc_of_folds": "Mean AUROC of folds",
    "sd_auroc_of_folds": "SD of AUROC between folds",
}


def title_of(metric: str) -> str:
    """A metric's name for people.

    >>> title_of("auroc"), title_of("ppv@0.05")
    ('AUROC', 'PPV at a prevalence of 0.05')
    """
    name, _, prevalence = metric.partition("@")
    return f"{name.upper()} at a prevalence of {prevalence}" if prevalence else TITLES[metric]


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

    Attributes:
        name: As in the tables.
        ratios: Pairs of coefficients (numerator, denominator) of true positives, false positives, true negatives and
            false negatives; the metric is the mean of the ratios (one, except for balanced accuracy).
        lacking: For each ratio, what there is none of when its denominator is 0.
        is_proportion: Whether it is a share of photos, so that a Wilson interval applies.
    """

    name: str
    ratios: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    lacking: tuple[str, ...]
    is_proportion: bool = True

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The metric for counts of shape (resamples, 4); NaN where a denominator is 0."""
        values = [ratio(counts @ np.array(above), counts @ np.array(below, float)) for above, below in self.ratios]
        return np.asarray(np.mean(values, axis=0))

    def missing(self, counts: np.ndarray) -> str:
        """What there is none of, or an empty string if the metric can be estimated; counts has shape (4,)."""
        return _first_lacking(counts, self._denominators())

    def support(self, counts: np.ndarray) -> Support:
        """The fewest patients that a ratio rests on, for counts of shape (patients, 4)."""
        return _fewest_patients(counts, self._denominators())

    def _denominators(self) -> "Sums":
        return tuple((below, lacking) for (_, below), lacking in zip(self.ratios, self.lacking, strict=True))


@dataclass(frozen=True)
class MatthewsCorrelation:
    """The Matthews correlation coefficient of decision and truth, -1 to 1 (Matthews, 1975)."""

    name: str = "mcc"
    is_proportion: bool = False

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`; NaN where a class or a decision does not occur."""
        return matthews(counts[:, [[0, 3], [1, 2]]])

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, _ALL_SUMS)

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, _ALL_SUMS)


@dataclass(frozen=True)
class PredictiveValue:
    """PPV or NPV where the prevalence is not the sample's: Bayes' rule on sensitivity and specificity.

    It assumes that sensitivity and specificity are the same in the population of that prevalence.

    Attributes:
        prevalence: Share of positives in the population, above 0 and below 1.
        of_positive: PPV if true, NPV if not.
    """

    prevalence: float
    of_positive: bool
    is_proportion: bool = False

    @property
    def name(self) -> str:
        return f"{'ppv' if self.of_positive else 'npv'}@{self.prevalence:g}"

    def of(self, counts: np.ndarray) -> np.ndarray:
        """As for `CountMetric`; NaN where a class is missing or nothing is decided so."""
        found, wrong, passed, missed = counts.T.astype(float)
        sensitivity, specificity = ratio(found, found + missed), ratio(passed, passed + wrong)
        positives, negatives = self.prevalence, 1 - self.prevalence
        if self.of_positive:
            right, called = sensitivity * positives, sensitivity * positives + (1 - specificity) * negatives
        else:
            right, called = specificity * negatives, specificity * negatives + (1 - sensitivity) * positives
        return ratio(right, called)

    def missing(self, counts: np.ndarray) -> str:
        return _first_lacking(counts, self._sums())

    def support(self, counts: np.ndarray) -> Support:
        return _fewest_patients(counts, self._sums())

    def _sums(self) -> "Sums":
        return (*_CLASSES, _CALLED_POSITIVE if self.of_positive else _CALLED_NEGATIVE)


Sums = tuple[tuple[tuple[int, ...], str], ...]
_CLASSES: Sums = (((1, 0, 0, 1), POSITIVES), ((0, 1, 1, 0), NEGATIVES))
_CALLED_POSITIVE = ((1, 1, 0, 0), "photos called positive")
_CALLED_NEGATIVE = ((0, 0, 1, 1), "photos called negative")
_ALL_SUMS: Sums = (*_CLASSES, _CALLED_POSITIVE, _CALLED_NEGATIVE)

_SENSITIVITY = ((1, 0, 0, 0), (1, 0, 0, 1))
_SPECIFICITY = ((0, 0, 1, 0), (0, 1, 1, 0))
COUNT_METRICS: tuple[CountMetric | MatthewsCorrelation, ...] = (
    CountMetric("sensitivity", (_SENSITIVITY,), (POSITIVES,)),
    CountMetric("specificity", (_SPECIFICITY,), (NEGATIVES,)),
    CountMetric("ppv", (((1, 0, 0, 0), (1, 1, 0, 0)),), ("photos called positive",)),
    CountMetric("npv", (((0, 0, 1, 0), (0, 0, 1, 1)),), ("photos called negative",)),
    CountMetric("accuracy", (((1, 0, 1, 0), (1, 1, 1, 1)),), ("photos with a known truth",)),
    CountMetric("balanced_accuracy", (_SENSITIVITY, _SPECIFICITY), (POSITIVES, NEGATIVES), is_proportion=False),
    CountMetric(
        "f1", (((2, 0, 0, 0), (2, 1, 0, 1)),), ("photos positive in truth or by decision",), is_proportion=False
    ),
    MatthewsCorrelation(),
)


def predictive_values(prevalences: tuple[float, ...]) -> tuple[PredictiveValue, ...]:
    """PPV and NPV at each prevalence."""
    return tuple(PredictiveValue(prevalence, kind) for prevalence in prevalences for kind in (True, False))


def decisions(truth: np.ndarray, probability: np.ndarray, threshold: float) -> np.ndarray:
    """Each photo's place in the confusion matrix, one-hot: shape (photos, 4), in the order of `Confusion`."""
    called, positive = probability >= threshold, truth == 1
    return np.stack([called & positive, called & ~positive, ~called & ~positive, ~called & positive], axis=1)


def per_patient(values: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """Sum the rows of (photos, columns) over each patient: shape (patients, columns)."""
    columns = [np.bincount(patient, weights=column, minlength=patients) for column in values.T.astype(float)]
    return np.stack(columns, axis=1)


def _first_lacking(counts: np.ndarray, sums: Sums) -> str:
    return next((lacking for coefficients, lacking in sums if not counts @ np.array(coefficients)), "")


def _fewest_patients(counts: np.ndarray, sums: Sums) -> Support:
    patients = [int((counts @ np.array(coefficients) > 0).sum()) for coefficients, _ in sums]
    fewest = int(np.argmin(patients))
    return Support(patients[fewest], f"patients with {sums[fewest][1]}")
