"""Names of metrics, and the four counts of a confusion matrix that those at a threshold are functions of."""

from dataclasses import dataclass

import numpy as np

AUROC, AUPRC, BRIER = "auroc", "auprc", "brier"
CALIBRATION_ERROR, SLOPE, INTERCEPT = "ece", "calibration_slope", "calibration_intercept"
WITHIN = "auroc_within_"  # and the column whose levels are meant
# The specificity at which a sensitivity is given whatever the threshold, and from which on the partial AUROC counts.
SPECIFICITY_HELD = 0.9
SENSITIVITY_AT, PARTIAL_AUROC = (
    f"sensitivity_at_specificity_{SPECIFICITY_HELD:g}",
    f"partial_auroc_{SPECIFICITY_HELD:g}",
)
# Of prediction sets.
SET_COVERAGE, SET_SIZE = "set_coverage", "set_size"
ONE_ANSWER, AMBIGUOUS, NO_ANSWER = "one_answer", "ambiguous", "no_answer"
# Of pairs of photos that repeat each other.
AGREEMENT, REPEAT_KAPPA = "agreement", "agreement_kappa"
MEAN_DIFFERENCE, LIMIT_LOW, LIMIT_HIGH = "mean_difference", "limit_of_agreement_low", "limit_of_agreement_high"
POSITIVES, NEGATIVES = "positives", "negatives"

TITLES = {
    AUROC: "AUROC",
    AUPRC: "AUPRC",
    WITHIN + "source": "AUROC within a source",
    WITHIN + "device": "AUROC within a device",
    SENSITIVITY_AT: f"Sensitivity at a specificity of {SPECIFICITY_HELD:.0%}",
    PARTIAL_AUROC: f"Partial AUROC, specificity from {SPECIFICITY_HELD:.0%} on",
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
    "likelihood_ratio_positive": "Positive likelihood ratio",
    "likelihood_ratio_negative": "Negative likelihood ratio",
    "macro_auroc": "Macro AUROC",
    "macro_auroc_within_source": "Macro AUROC within a source",
    "macro_auroc_within_device": "Macro AUROC within a device",
    "macro_auprc": "Macro AUPRC",
    "micro_auroc": "Micro AUROC",
    "micro_auprc": "Micro AUPRC",
    "macro_f1": "Macro F1 score",
    "kappa": "Cohen's kappa",
    "quadratic_weighted_kappa": "Quadratic-weighted kappa",
    SET_COVERAGE: "Coverage",
    SET_SIZE: "Mean number of answers",
    ONE_ANSWER: "One answer",
    AMBIGUOUS: "Ambiguous",
    NO_ANSWER: "No answer",
    AGREEMENT: "Decided alike",
    REPEAT_KAPPA: "Kappa",
    MEAN_DIFFERENCE: "Mean difference",
    LIMIT_LOW: "Lower limit of agreement",
    LIMIT_HIGH: "Upper limit of agreement",
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


def decisions(truth: np.ndarray, probability: np.ndarray, threshold: float) -> np.ndarray:
    """Each photo's place in the confusion matrix, one-hot: shape (photos, 4), in the order of `Confusion`."""
    called, positive = probability >= threshold, truth == 1
    return np.stack([called & positive, called & ~positive, ~called & ~positive, ~called & positive], axis=1)


def per_patient(values: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """Sum the rows of (photos, columns) over each patient: shape (patients, columns)."""
    columns = [np.bincount(patient, weights=column, minlength=patients) for column in values.T.astype(float)]
    return np.stack(columns, axis=1)
