"""One output's photos with a known truth, as arrays over a numbering of patients that all outputs share.

Unknown truths are masked out here and nowhere else. With folds, photos are ranked within their fold only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions
from eyeground.evaluation.bootstrap import drawn_together, one_stratum
from eyeground.evaluation.estimates import Support
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES
from eyeground.evaluation.sampled import scarcer


@dataclass(frozen=True)
class Sample:
    """The photos of one output whose truth is known.

    Attributes:
        truth, probability: Shape (photos,).
        patient: Shape (photos,): each photo's patient, numbered from 0.
        columns: How many columns the patient weights have, patients without a known truth included.
        drawn_with: Shape (patients,): the column of each patient, where patients share one; see
            `bootstrap.drawn_together`.
        fold: Shape (photos,): each photo's fold, where predictions are cross-validated; else None.
        where: What messages call the photos, such as `test`.
    """

    truth: np.ndarray
    probability: np.ndarray
    patient: np.ndarray
    columns: int
    fold: np.ndarray | None = None
    where: str = ""
    drawn_with: np.ndarray | None = None

    @property
    def column(self) -> np.ndarray:
        """Shape (photos,): each photo's column in the patient weights."""
        return self.patient if self.drawn_with is None else self.drawn_with[self.patient]

    @property
    def photos(self) -> int:
        """How many there are."""
        return len(self.truth)

    @property
    def positives(self) -> int:
        """How many are positive."""
        return int((self.truth == 1).sum())

    def patients(self, value: float | None = None) -> int:
        """How many patients there are, or how many with a photo of one truth (0 or 1)."""
        return int(np.count_nonzero(np.bincount(self.patient if value is None else self.patient[self.truth == value])))

    def missing_class(self) -> str:
        """`positives` or `negatives` if there are none of them, else an empty string."""
        if not (self.truth == 1).any():
            return POSITIVES
        return "" if (self.truth == 0).any() else NEGATIVES

    def scarcer_class(self) -> Support:
        """The patients with positives or those with negatives, whichever are fewer."""
        return scarcer(
            Support(self.patients(1), f"patients with {POSITIVES}"),
            Support(self.patients(0), f"patients with {NEGATIVES}"),
        )

    def only(self, photos: np.ndarray, where: str = "") -> "Sample":
        """The photos for which `photos`, shape (photos,), is true, over the same columns of patients."""
        return replace(
            self,
            truth=self.truth[photos],
            probability=self.probability[photos],
            patient=self.patient[photos],
            fold=None if self.fold is None else self.fold[photos],
            where=where or self.where,
        )

    def by_fold(self) -> dict[int, "Sample"]:
        """A sample for each fold, by its number; empty where there are no folds."""
        if self.fold is None:
            return {}
        return {
            number: replace(self.only(self.fold == number, f"fold {number}"), fold=None)
            for number in np.unique(self.fold).tolist()
        }


def samples_of(predictions: Predictions, where: str = "", column: np.ndarray | None = None) -> dict[str, Sample]:
    """The photos with a known truth of every output, over one numbering of the table's patients.

    Args:
        where: What messages call the photos.
        column: Of each patient, where patients are drawn within strata: `Cohort.column`.
    """
    table = predictions.table
    patient = patient_numbers(table)
    drawn_with = drawn_together(one_stratum(int(patient.max(initial=-1)) + 1)) if column is None else column
    columns = int(drawn_with.max(initial=-1)) + 1
    fold = folds_of(predictions)
    samples = {}
    for output in predictions.outputs:
        truth = table[TRUTH + output].to_numpy(dtype=float)
        known = ~np.isnan(truth)
        probability = table[PROBABILITY + output].to_numpy(dtype=float)
        of_fold = None if fold is None else fold[known]
        samples[output] = Sample(truth[known], probability[known], patient[known], columns, of_fold, where, drawn_with)
    return samples


def patient_numbers(table: pd.DataFrame) -> np.ndarray:
    """Each photo's patient, shape (photos,), numbered from 0 in the order of their names."""
    return np.asarray(pd.factorize(table["patient"], sort=True)[0])


def folds_of(predictions: Predictions) -> np.ndarray | None:
    """Each photo's fold, shape (photos,), or None unless all photos have one and there are at least two."""
    table = predictions.table
    if "fold" not in table or table["fold"].isna().any() or table["fold"].nunique() < 2:
        return None
    return table["fold"].to_numpy(dtype=np.int64)


def is_cross_validated(predictions: Predictions) -> bool:
    """Whether every photo was predicted out of its fold, and none belongs to a split."""
    return "split" not in predictions.table and folds_of(predictions) is not None


def pooled(samples: Sequence[Sample]) -> Sample:
    """All pairs of photo and output in one sample: what micro averages are of."""
    folds = [sample.fold for sample in samples if sample.fold is not None]
    return Sample(
        truth=np.concatenate([sample.truth for sample in samples]),
        probability=np.concatenate([sample.probability for sample in samples]),
        patient=np.concatenate([sample.patient for sample in samples]),
        columns=samples[0].columns,
        fold=np.concatenate(folds) if folds else None,
        where=samples[0].where,
        drawn_with=samples[0].drawn_with,
    )


def with_both_classes(samples: Mapping[str, Sample]) -> tuple[dict[str, Sample], dict[str, str]]:
    """The samples that have positives and negatives, and of every other output why it has no result."""
    missing = {output: sample.missing_class() for output, sample in samples.items()}
    return (
        {output: sample for output, sample in samples.items() if not missing[output]},
        {output: f"no {lacking} in {samples[output].where}" for output, lacking in missing.items() if lacking},
    )
