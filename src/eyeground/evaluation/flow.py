"""Which photos are evaluated, and what became of the others: test photos, or all where none is marked as test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from eyeground.core.tables import read_table
from eyeground.core.words import SPLITS
from eyeground.data.predictions import IN_TRAINING, TRUTH, Predictions
from eyeground.errors import UserError
from eyeground.evaluation.samples import is_cross_validated

NO_SPLIT = "none"
IN_MANIFEST, READABLE = "in the manifest", "readable"  # steps of `eyeground check`


@dataclass(frozen=True)
class Scope:
    """The photos that are evaluated.

    Attributes:
        name: `test`, or `all photos` where the table marks no test photos.
        predictions: Their rows, ordered by photo, so that the order of the table changes no result.
        remarks: Sentences that a reader of the results must know.
    """

    name: str
    predictions: Predictions
    remarks: tuple[str, ...]


def with_known_truths(predictions: Predictions) -> tuple[Predictions, tuple[str, ...]]:
    """The outputs that have a known truth among the evaluated photos, and a sentence on the others, if there are any.

    Raises:
        UserError: If no output has one.
    """
    scope = evaluated_scope(predictions)
    known = [output for output in predictions.outputs if scope.predictions.table[TRUTH + output].notna().any()]
    if not known:
        raise UserError(
            f"no truth is known of any output ({', '.join(predictions.outputs)}) in {scope.name}, so there is nothing to "
            f"evaluate; fill a column such as '{TRUTH}{predictions.outputs[0]}', or predict again with --truth OUTPUT=COLUMN"
        )
    without = [output for output in predictions.outputs if output not in known]
    if not without:
        return predictions, ()
    return predictions.only(known), (
        f"Not evaluated, because no truth is known in {scope.name}: {', '.join(without)}.",
    )


def external_sources(predictions: Predictions, trained_on: Sequence[str]) -> tuple[str, ...]:
    """The sources of a table that a model was not trained on; empty where it was, or where that is not known.

    Args:
        trained_on: Sources that the model was trained on.
    """
    table = predictions.table
    if not trained_on or "source" not in table or table["source"].isna().any():
        return ()
    if IN_TRAINING in table and (table[IN_TRAINING] == 1).any():
        return ()
    sources = tuple(sorted(table["source"].unique().tolist()))
    return () if set(sources) & set(trained_on) else sources


def _seen_in_training(table: pd.DataFrame) -> tuple[str, ...]:
    """A sentence on the photos that the model was trained on; none unless the table says so of every photo."""
    if IN_TRAINING not in table or table[IN_TRAINING].isna().any():
        return ()
    seen = int((table[IN_TRAINING] == 1).sum())
    learned = "the model was trained on, or had its thresholds chosen on"
    if seen:
        is_one = "is a file" if seen == 1 else "are files"
        return (f"{seen:,} of the evaluated photos {is_one} that {learned}: the results are optimistic.",)
    return (f"None of the evaluated photos is a file that {learned}.",)


def patients_known(predictions: Predictions) -> bool:
    """Whether patients are told apart: not where every photo's own name stands as its patient."""
    table = predictions.table
    return not (table["photo"] == table["patient"]).all()


def _photos_as_patients(predictions: Predictions) -> tuple[str, ...]:
    if patients_known(predictions):
        return ()
    return (
        "Patients are unknown: every photo's own name stands as its patient, so photos are counted where patients are "
        "named, and intervals are too narrow by as much as photos of one patient resemble each other.",
    )


def evaluated_scope(predictions: Predictions) -> Scope:
    """Return the test split, or everything where no photo is marked as test."""
    scope = _scope(predictions.table.sort_values("photo", ignore_index=True))
    further = (*_photos_as_patients(scope.predictions), *_seen_in_training(scope.predictions.table))
    return replace(scope, remarks=scope.remarks + further)


def _scope(table: pd.DataFrame) -> Scope:
    if "split" not in table:
        predictions = Predictions(table)
        if _seen_in_training(table):
            return Scope("all photos", predictions, ("The table has no 'split' column, so all photos are evaluated.",))
        trusted = (
            "each was predicted by a model of the other folds"
            if is_cross_validated(predictions)
            else "none of them was trained or tuned on"
        )
        return Scope(
            "all photos",
            predictions,
            (f"The table has no 'split' column, so all photos are evaluated; that {trusted} is taken on trust.",),
        )
    in_test = (table["split"] == "test").fillna(False).astype(bool)
    if not in_test.any():
        seen = [split for split in SPLITS if (table["split"] == split).any()]
        optimistic = (
            f" Photos of the split {' and '.join(seen)} are among them: the results are optimistic." if seen else ""
        )
        return Scope(
            "all photos",
            Predictions(table),
            ("No photo is marked 'test' in the column 'split', so all photos are evaluated." + optimistic,),
        )
    test, others = table[in_test], table[~in_test]
    shared = len(set(test["patient"]) & set(others.loc[others["split"].notna(), "patient"]))
    remarks = (
        (f"Patients with photos in test and in another split: {shared}. The results are optimistic; split by patient.",)
        if shared
        else ()
    )
    return Scope("test", Predictions(test.reset_index(drop=True)), remarks)


def flow_table(predictions: Predictions) -> pd.DataFrame:
    """Count photos, patients and truths, per split and output.

    Returns:
        One row per split (in the order train, validation, test, `none` for photos without one, as far as they occur)
        and output, with the columns `split`, `output`, `photos`, `patients`, `positives`, `negatives` and `unknown`
        (photos whose truth is missing, which are left out of that output's results).
    """
    table = predictions.table
    split = table["split"].fillna(NO_SPLIT) if "split" in table else pd.Series(NO_SPLIT, index=table.index)
    rows = []
    for name in (*SPLITS, NO_SPLIT):
        within = table[(split == name).to_numpy(dtype=bool)]
        if within.empty:
            continue
        for output in predictions.outputs:
            truth = within[TRUTH + output]
            rows.append(
                {
                    "split": name,
                    "output": output,
                    "photos": len(within),
                    "patients": int(within["patient"].nunique()),
                    "positives": int((truth == 1).sum()),
                    "negatives": int((truth == 0).sum()),
                    "unknown": int(truth.isna().sum()),
                }
            )
    return pd.DataFrame(rows)


def read_checked_flow(path: Path) -> pd.DataFrame:
    """Read the `flow.csv` that `eyeground check` wrote: `step`, `photos` and `patients`.

    Raises:
        UserError: If it cannot be read or is not such a table.
    """
    table = read_table(path)
    wrong = f"{path}: this is not the flow.csv that `eyeground check` writes"
    for column in ("step", "photos", "patients"):
        if column not in table:
            raise UserError(f"{wrong}: it has no column '{column}'. Columns found: {', '.join(table.columns)}")
    counts = table[["photos", "patients"]].apply(pd.to_numeric, errors="coerce")
    if counts.isna().any(axis=None):
        raise UserError(f"{wrong}: a count is no number")
    missing = [step for step in (IN_MANIFEST, READABLE) if step not in set(table["step"])]
    if missing:
        raise UserError(f"{wrong}: it has no step '{missing[0]}'")
    return table[["step"]].astype(str).join(counts.astype(int)).reset_index(drop=True)
