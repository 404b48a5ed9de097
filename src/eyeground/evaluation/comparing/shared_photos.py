"""The photos that several models have all predicted, in the same order.

Tables that disagree on the patient or the truth of a photo are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.samples import folds_of


@dataclass(frozen=True)
class SharedPhotos:
    """Several models on the same photos.

    Attributes:
        scope: `test`, or `all photos` where no table marks test photos.
        remarks: Sentences that a reader of the results must know.
        models: The same photos in the same order, by name of the model.
        left_out: By name: how many of the model's photos in scope some other model lacks.
    """

    scope: str
    remarks: tuple[str, ...]
    models: dict[str, Predictions]
    left_out: dict[str, int]


def share_photos(models: Mapping[str, Predictions], outputs: tuple[str, ...]) -> SharedPhotos:
    """Keep the photos in scope that every model has.

    Args:
        outputs: On whose truths the tables must agree.

    Raises:
        UserError: If one table marks test photos and another does not, they share no photo, they disagree on the
            patient or the truth of one, or they are cross-validated on different folds.
    """
    scopes = {name: evaluated_scope(predictions) for name, predictions in models.items()}
    marking = {name: scope.name for name, scope in scopes.items()}
    if len(set(marking.values())) > 1:
        marked = next(name for name, scope in marking.items() if scope == "test")
        other = next(name for name, scope in marking.items() if scope != "test")
        raise UserError(
            f"the predictions of '{marked}' mark test photos in a column 'split' and those of '{other}' do not; "
            "mark them in every table or in none"
        )
    tables = {name: scope.predictions.table.set_index("photo", drop=False) for name, scope in scopes.items()}
    shared = _photos_of_all(tables)
    paired = {name: Predictions(table.loc[shared].reset_index(drop=True)) for name, table in tables.items()}
    first, *others = paired
    for other in others:
        _refuse_disagreement((first, paired[first]), (other, paired[other]), outputs)
    paired, remark = _in_the_same_folds(paired)
    remarks = dict.fromkeys([*(remark for scope in scopes.values() for remark in scope.remarks), *remark])
    return SharedPhotos(
        scope=marking[first],
        remarks=tuple(remarks),
        models=paired,
        left_out={name: len(table) - len(shared) for name, table in tables.items()},
    )


def shared_outputs(models: Mapping[str, Predictions], wanted: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the wanted outputs, or all that every model has, in the first model's order.

    Raises:
        UserError: If a model lacks a wanted output, or no output is common to all.
    """
    for output in wanted:
        for name, predictions in models.items():
            if output not in predictions.outputs:
                raise UserError(
                    f"the predictions of '{name}' have no output '{output}'{did_you_mean(output, predictions.outputs)}; "
                    f"they have {', '.join(predictions.outputs)}"
                )
    first, *others = models.values()
    common = tuple(output for output in first.outputs if all(output in other.outputs for other in others))
    if not common:
        listed = "; ".join(f"'{name}' has {', '.join(predictions.outputs)}" for name, predictions in models.items())
        raise UserError(f"the models share no output: {listed}. Rename the columns of outputs that mean the same")
    return tuple(dict.fromkeys(wanted)) or common


def _photos_of_all(tables: Mapping[str, pd.DataFrame]) -> pd.Index:
    shared: pd.Index | None = None
    for table in tables.values():
        shared = table.index if shared is None else shared.intersection(table.index)
    assert shared is not None
    if shared.empty:
        examples = ", ".join(f"'{table.index[0]}' of '{name}'" for name, table in tables.items())
        raise UserError(
            f"no photo is in all of the predictions tables ({examples}); do their columns 'photo' name files alike?"
        )
    return shared.sort_values()


def _in_the_same_folds(models: dict[str, Predictions]) -> tuple[dict[str, Predictions], list[str]]:
    """Give all models the folds of those that are cross-validated, so that all are ranked within the same photos."""
    folds = {name: fold for name, predictions in models.items() if (fold := folds_of(predictions)) is not None}
    if not folds:
        return models, []
    (first, fold), *others = folds.items()
    for other, theirs in others:
        pairs = np.unique(np.stack([fold, theirs]), axis=1)
        if not len(np.unique(fold)) == len(np.unique(theirs)) == pairs.shape[1]:
            raise UserError(
                f"the predictions of '{first}' and '{other}' are of other folds (column 'fold'), so a difference may be of "
                "the folds; cross-validate both on the same"
            )
    without = [name for name in models if name not in folds]
    remark = f"Ranked within the folds of '{first}', though not cross-validated: {', '.join(without)}."
    same = {name: Predictions(predictions.table.assign(fold=fold)) for name, predictions in models.items()}
    return same, [remark] if without else []


def _refuse_disagreement(
    one: tuple[str, Predictions], other: tuple[str, Predictions], outputs: tuple[str, ...]
) -> None:
    (first_name, first), (second_name, second) = one, other
    for column in ("patient", *(TRUTH + output for output in outputs)):
        here, there = first.table[column], second.table[column]
        differs = ((here != there) & ~(here.isna() & there.isna())).fillna(True).to_numpy(dtype=bool)
        if differs.any():
            photo = first.table["photo"].iloc[int(np.argmax(differs))]
            more = int(differs.sum()) - 1
            raise UserError(
                f"photo '{photo}': the predictions of '{first_name}' and '{second_name}' differ in '{column}'"
                f"{f' (and of {more:,} more photos)' if more else ''}; they must be of the same photos"
            )
