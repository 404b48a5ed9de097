"""One output's photos with a known truth, as arrays over a numbering of patients that all outputs share.

An unknown truth is masked out here and nowhere else, so no metric can take it for a negative.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.metrics import NEGATIVES, POSITIVES
from eyeground.predictions import PROBABILITY, TRUTH, Predictions


@dataclass(frozen=True)
class Sample:
    """The photos of one output whose truth is known.

    Attributes
    ----------
    truth, probability : numpy.ndarray
        Shape (photos,).
    patient : numpy.ndarray
        Shape (photos,): each photo's column in the patient weights.
    columns : int
        How many columns the patient weights have, patients without a known truth included.
    """

    truth: np.ndarray
    probability: np.ndarray
    patient: np.ndarray
    columns: int

    def patients(self, value: float | None = None) -> int:
        """How many patients there are, or how many with a photo of one truth (0 or 1)."""
        return len(np.unique(self.patient if value is None else self.patient[self.truth == value]))

    def missing_class(self) -> str:
        """`positives` or `negatives` if there are none of them, else an empty string."""
        if not (self.truth == 1).any():
            return POSITIVES
        return "" if (self.truth == 0).any() else NEGATIVES


def samples_of(predictions: Predictions) -> dict[str, Sample]:
    """The photos with a known truth of every output, over one numbering of the table's patients."""
    table = predictions.table
    patients, patient = np.unique(table["patient"].to_numpy(dtype=str), return_inverse=True)
    samples = {}
    for output in predictions.outputs:
        truth = table[TRUTH + output].to_numpy(dtype=float)
        known = ~np.isnan(truth)
        probability = table[PROBABILITY + output].to_numpy(dtype=float)
        samples[output] = Sample(truth[known], probability[known], patient[known], len(patients))
    return samples
