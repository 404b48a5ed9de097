"""The predictions table: one row per photograph, all that evaluation needs to know of any model.

Columns: `photo`, `patient`, optional `split` and `fold`, and for every output of a model
`truth_<output>` (0 or 1, empty where unknown) and `probability_<output>` (0 to 1). A model that never saw
eyeground can be evaluated by writing this table.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.errors import UserError, did_you_mean
from eyeground.files import read_table, write_table
from eyeground.manifest import SPLITS
from eyeground.recipe import Target

TRUTH, PROBABILITY = "truth_", "probability_"


@dataclass(frozen=True)
class Predictions:
    """A validated predictions table.

    Attributes
    ----------
    table : pandas.DataFrame
        `photo`, `patient` (strings), optional `split` (string), `fold` (nullable integer); `truth_…` (float: 0, 1
        or NaN) and `probability_…` (float in 0-1) for each output. Further columns are kept as they are.
    """

    table: pd.DataFrame

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that have a probability, in the table's order."""
        return tuple(
            column.removeprefix(PROBABILITY) for column in self.table.columns if column.startswith(PROBABILITY)
        )

    def in_split(self, split: str) -> "Predictions":
        """Return the rows of one split; none if the table has no `split` column."""
        if "split" not in self.table:
            return Predictions(self.table.iloc[:0])
        return Predictions(self.table[self.table["split"] == split].reset_index(drop=True))

    def known(self, output: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truths (n,) in {0, 1}, probabilities (n,) in 0-1 and patients (n,) of the rows whose truth of `output` is known."""
        rows = self.table[self.table[TRUTH + output].notna()]
        return (
            rows[TRUTH + output].to_numpy(dtype=float),
            rows[PROBABILITY + output].to_numpy(dtype=float),
            rows["patient"].to_numpy(dtype=object),
        )


def truths(labels: pd.Series, target: Target) -> pd.DataFrame:
    """Turn a label column into one 0/1 column per output of the target; unknown stays NaN.

    Parameters
    ----------
    labels : pandas.Series
        Shape (n,); numbers or class names, missing where unknown.
    target : Target
        With its classes given, unless binary.

    Returns
    -------
    pandas.DataFrame
        Shape (n, outputs), float, columns named by output.

    Raises
    ------
    UserError
        If a label is none of the target's classes.

    Examples
    --------
    >>> grade = Target(name="grade", kind="ordinal", classes=("0", "1", "2"))
    >>> truths(pd.Series([0, 2, None], dtype="Int64"), grade).values.tolist()
    [[0.0, 0.0], [1.0, 1.0], [nan, nan]]
    """
    classes = ("0", "1") if target.kind == "binary" else target.classes
    text = labels.astype("string")
    strange = text[text.notna() & ~text.isin(classes)]
    if len(strange):
        raise UserError(
            f"label '{target.name}' is '{strange.iloc[0]}' for {len(strange)} photographs; "
            f"a {target.kind} target expects {', '.join(classes)} or empty"
        )
    rank = (
        text.map({value: float(index) for index, value in enumerate(classes)})
        .astype("Float64")
        .to_numpy(float, na_value=np.nan)
    )
    unknown = np.isnan(rank)
    if target.kind == "binary":
        columns = [rank]
    elif target.kind == "multiclass":
        columns = [np.where(unknown, np.nan, rank == index) for index in range(len(classes))]
    else:
        columns = [np.where(unknown, np.nan, rank >= index) for index in range(1, len(classes))]
    return pd.DataFrame(dict(zip(target.outputs, columns, strict=True)), index=labels.index)


def read_predictions(path: Path) -> Predictions:
    """Read and validate a predictions table.

    Raises
    ------
    UserError
        Naming file, row, column and fix.
    """
    return validated_predictions(read_table(path), str(path))


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write a predictions table as CSV or Parquet."""
    write_table(predictions.table, path)


def validated_predictions(table: pd.DataFrame, name: str) -> Predictions:
    """Check a table against the schema and give every column its type.

    Raises
    ------
    UserError
        Naming the table, row, column and fix.
    """
    table = table.reset_index(drop=True).copy()
    for column in ("photo", "patient"):
        if column not in table:
            raise UserError(
                f"{name}: there is no column '{column}'{did_you_mean(column, table.columns)}; found {', '.join(table.columns)}"
            )
        table[column] = table[column].astype("string")
        _refuse(name, table, column, table[column].isna(), "is empty")
    if table.empty:
        raise UserError(f"{name}: the table has no rows")
    outputs = [column.removeprefix(PROBABILITY) for column in table.columns if column.startswith(PROBABILITY)]
    if not outputs:
        raise UserError(f"{name}: there is no column named '{PROBABILITY}<output>'; found {', '.join(table.columns)}")
    _refuse(
        name,
        table,
        "photo",
        table["photo"].duplicated(),
        "appears more than once; keep one row per photograph and model",
    )
    for output in outputs:
        truth, probability = TRUTH + output, PROBABILITY + output
        if truth not in table:
            raise UserError(
                f"{name}: '{probability}' has no column '{truth}' beside it{did_you_mean(truth, table.columns)}"
            )
        given = table[truth].notna()
        table[truth] = pd.to_numeric(table[truth], errors="coerce").astype(float)
        _refuse(name, table, truth, given & ~table[truth].isin([0.0, 1.0]), "is not 0, 1 or empty")
        table[probability] = pd.to_numeric(table[probability], errors="coerce").astype(float)
        _refuse(name, table, probability, ~table[probability].between(0, 1), "is not a probability between 0 and 1")
    if "split" in table:
        table["split"] = table["split"].astype("string")
        _refuse(
            name,
            table,
            "split",
            table["split"].notna() & ~table["split"].isin(SPLITS),
            f"is none of {', '.join(SPLITS)}",
        )
    if "fold" in table:
        table["fold"] = pd.to_numeric(table["fold"], errors="coerce").astype("Int64")
    return Predictions(table)


def _refuse(name: str, table: pd.DataFrame, column: str, wrong: "pd.Series[bool]", why: str) -> None:
    if wrong.any():
        index = int(wrong.to_numpy().argmax())
        others = int(wrong.sum()) - 1
        more = f" (and in {others} more rows)" if others else ""
        raise UserError(f"{name}, row {index + 2}: '{column}' is {table[column].iloc[index]!r}, which {why}{more}")
