"""Two models on the same photos: the difference of their AUROCs, with the interval of the pair.

Both models are weighed with the same resamples of patients, so what makes a photo hard for both cancels out,
and the interval of the difference is narrower than two separate intervals suggest.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.estimates import Estimate, not_estimable, with_interval
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.measures import Measure, estimates, point_values, ranking_measure, resample
from eyeground.evaluation.samples import samples_of
from eyeground.predictions import TRUTH, Predictions


@dataclass(frozen=True)
class Comparison:
    """Two models on one output.

    Attributes
    ----------
    output : str
    scope : str
        `test`, or `all photos`.
    photos, patients : int
        That both models have, with a known truth.
    only_first, only_second : int
        Photos that one model has and the other does not; they are left out.
    first, second : Estimate
        The models' AUROCs on the shared photos.
    difference : Estimate
        First minus second.
    """

    output: str
    scope: str
    photos: int
    patients: int
    only_first: int
    only_second: int
    first: Estimate
    second: Estimate
    difference: Estimate


def compare(first: Predictions, second: Predictions, output: str, resamples: int = 2000, seed: int = 0) -> Comparison:
    """Compare two models' AUROC on the photos that both have predicted.

    Raises
    ------
    UserError
        If a table lacks the output, one table marks test photos and the other does not, they share no photo, or
        they disagree on the patient or the truth of one.
    """
    for name, predictions in (("first", first), ("second", second)):
        if output not in predictions.outputs:
            raise UserError(
                f"the {name} predictions have no output '{output}'{did_you_mean(output, predictions.outputs)}; "
                f"they have {', '.join(predictions.outputs)}"
            )
    scopes = evaluated_scope(first), evaluated_scope(second)
    if scopes[0].name != scopes[1].name:
        raise UserError("one predictions table marks test photos and the other does not; give both a 'split' column")
    tables = [scope.predictions.table.set_index("photo", drop=False) for scope in scopes]
    shared = tables[0].index.intersection(tables[1].index).sort_values()
    if shared.empty:
        raise UserError(
            "the two predictions tables have no photo in common; do their 'photo' columns name files alike?"
        )
    both = [Predictions(table.loc[shared].reset_index(drop=True)) for table in tables]
    _refuse_disagreement(both[0], both[1], output)
    samples = [samples_of(predictions)[output] for predictions in both]
    measures = [ranking_measure(sample) for sample in samples]
    values = resample(measures, Resampling(one_stratum(samples[0].columns), resamples, seed))
    points = [point_values(measure, samples[0].columns) for measure in measures]
    aurocs = [
        estimates(measure, point, value, scopes[0].name)[0]
        for measure, point, value in zip(measures, points, values, strict=True)
    ]
    return Comparison(
        output=output,
        scope=scopes[0].name,
        photos=len(samples[0].truth),
        patients=samples[0].patients(),
        only_first=len(tables[0]) - len(shared),
        only_second=len(tables[1]) - len(shared),
        first=aurocs[0],
        second=aurocs[1],
        difference=_difference(measures[0], points, values, scopes[0].name),
    )


def _refuse_disagreement(first: Predictions, second: Predictions, output: str) -> None:
    for column in ("patient", TRUTH + output):
        one, other = first.table[column], second.table[column]
        differs = ((one != other) & ~(one.isna() & other.isna())).fillna(True).to_numpy(dtype=bool)
        if differs.any():
            photo = first.table["photo"].iloc[int(differs.argmax())]
            raise UserError(
                f"photo '{photo}': the two predictions tables differ in '{column}' "
                f"(and in {int(differs.sum()) - 1} more photos); they must be of the same photos"
            )


def _difference(measure: Measure, points: list[np.ndarray], values: list[np.ndarray], scope: str) -> Estimate:
    if measure.missing[0]:
        return not_estimable("auroc_difference", f"no {measure.missing[0]} in {scope}")
    return with_interval(
        "auroc_difference", float(points[0][0] - points[1][0]), values[0][0] - values[1][0], measure.bearings[0]
    )
