"""The photos that are evaluated, with what every analysis of them shares: made once, handed to each.

All analyses of a cohort use the same resamples of patients, so their results can be compared in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.bootstrap import Resampling, drawn_together, one_stratum, strata_of_rarest_truth
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.samples import Sample, folds_of, patient_numbers, samples_of


@dataclass(frozen=True)
class Cohort:
    """Photos in scope. Build it with `cohort_of`, or `entire_cohort` where every photo counts.

    Attributes:
        name: `test`, or `all photos` where the table marks no test photos; of another dataset its name.
        predictions: Rows of the photos in scope.
        remarks: Sentences that a reader of the results must know.
        samples: By output, the photos with a known truth.
        points: By output, the operating points given for it.
        column: Shape (patients,): each patient's column in the weights.
        stratified: Whether patients are resampled within strata of their rarest truth.
    """

    name: str
    predictions: Predictions
    remarks: tuple[str, ...]
    samples: dict[str, Sample]
    points: dict[str, tuple[OperatingPoint, ...]]
    column: np.ndarray
    resampling: Resampling
    stratified: bool

    @property
    def photos(self) -> int:
        """How many there are."""
        return len(self.predictions.table)

    @property
    def patients(self) -> int:
        """How many there are."""
        return len(self.column)

    def known(self, output: str) -> np.ndarray:
        """Which rows have a known truth of an output, shape (photos,): those of its sample."""
        return self.predictions.table[TRUTH + output].notna().to_numpy(dtype=bool)

    def with_at_most(self, resamples: int) -> "Cohort":
        """The same with the first so many resamples, which are enough for a curve."""
        return replace(self, resampling=replace(self.resampling, resamples=min(resamples, self.resampling.resamples)))


def cohort_of(
    predictions: Predictions,
    operating_points: Sequence[OperatingPoint] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
) -> Cohort:
    """The test photos of a predictions table, or all of them where none is marked as test.

    Args:
        operating_points: Thresholds chosen elsewhere; an output may have several or none.
        resamples: Of patients; 0 gives results without intervals.
        seed: Same seed, same resamples, whatever the order of the rows.
        stratified: False draws patients as a cohort study does. True draws within strata of the patients' rarest truth:
            for case-control collections, in which the share of positives was designed.

    Raises:
        UserError: If an operating point is for an output that the table does not have, `resamples` or `seed` is
            negative, or the table is empty.
    """
    points = _points_by_output(predictions, operating_points)
    if resamples < 0 or seed < 0:
        raise UserError(f"resamples ({resamples}) and seed ({seed}) must not be negative")
    if predictions.table.empty:
        raise UserError("there is nothing to evaluate: the predictions table has no rows")
    scope = evaluated_scope(predictions)
    column, strata = _columns(scope.predictions, stratified)
    return Cohort(
        name=scope.name,
        predictions=scope.predictions,
        remarks=scope.remarks,
        samples=samples_of(scope.predictions, scope.name, column),
        points=points,
        column=column,
        resampling=Resampling(strata, resamples, seed),
        stratified=stratified,
    )


def entire_cohort(name: str, predictions: Predictions, resamples: int, seed: int, stratified: bool) -> Cohort:
    """Every photo of a dataset, whatever its split."""
    column, strata = _columns(predictions, stratified)
    return Cohort(
        name=name,
        predictions=predictions,
        remarks=(),
        samples=samples_of(predictions, name, column),
        points={},
        column=column,
        resampling=Resampling(strata, resamples, seed),
        stratified=stratified,
    )


def _points_by_output(
    predictions: Predictions, operating_points: Sequence[OperatingPoint]
) -> dict[str, tuple[OperatingPoint, ...]]:
    for point in operating_points:
        if point.output not in predictions.outputs:
            raise UserError(
                f"there is an operating point for '{point.output}', but the predictions have no such output"
                f"{did_you_mean(point.output, predictions.outputs)}; they have {', '.join(predictions.outputs)}"
            )
    return {
        output: tuple(point for point in operating_points if point.output == output) for output in predictions.outputs
    }


def _columns(predictions: Predictions, stratified: bool) -> tuple[np.ndarray, np.ndarray]:
    """Each patient's column in the weights, and each column's stratum.

    Patients are resampled within folds where the table has them, and within strata of truth if asked.
    """
    table = predictions.table
    patient = patient_numbers(table)
    strata = one_stratum(int(patient.max()) + 1)
    if stratified:
        truths = table[[TRUTH + output for output in predictions.outputs]].to_numpy(dtype=float)
        strata = strata_of_rarest_truth(truths, patient)
    fold = folds_of(predictions)
    if fold is not None:
        # A patient in several folds, which a remark mentions, is drawn with the first.
        first = fold[np.unique(patient, return_index=True)[1]]
        strata = np.unique(np.stack([first, strata]), axis=1, return_inverse=True)[1].astype(np.int64)
    column = drawn_together(strata)
    return column, strata[np.unique(column, return_index=True)[1]]
