"""The predictions table: one row per photograph, all that evaluation needs of any model; see docs/predictions.md."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.config.targets import Target
from eyeground.core import columns, words
from eyeground.core.columns import Problem
from eyeground.core.tables import read_table, write_table
from eyeground.core.words import SPLITS
from eyeground.data.manifest import OPTIONAL, REQUIRED, repeated_photos, typed_column
from eyeground.errors import UserError, did_you_mean, unknown

TRUTH, PROBABILITY = "truth_", "probability_"
# What `predict` adds of screening: its status and unfamiliarity, and whether the model learned from this very file.
STATUS, UNFAMILIARITY, IN_TRAINING = "status", "unfamiliarity", "in_training"
DESCRIBING = ("eye", "sex", "age")  # columns of subgroups, which other results do not need
AS_IN_MANIFEST = (*REQUIRED, *DESCRIBING, "split", "fold")


@dataclass(frozen=True)
class Predictions:
    """A validated predictions table.

    Attributes:
        table: `photo`, `patient` (strings), optional `split`, `eye`, `sex` (strings), `fold`, `in_training` (nullable
            integers), `age` (years, float); `truth_…` (float: 0, 1 or NaN) and `probability_…` (float in 0-1) for each
            output. Further columns are kept as they are.
        remarks: Sentences for the user: choices made in reading.
    """

    table: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that have a probability, in the table's order."""
        return tuple(
            column.removeprefix(PROBABILITY) for column in self.table.columns if column.startswith(PROBABILITY)
        )

    def in_split(self, split: str) -> "Predictions":
        """Return the rows of one split (`train`, `validation`, `test`); none if the table has no `split` column."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        if "split" not in self.table:
            return Predictions(self.table.iloc[:0])
        return Predictions(self.table[self.table["split"] == split].reset_index(drop=True))

    def of_every_split(self) -> "Predictions":
        """Return the table without its `split` column: for a model that has seen none of the photos."""
        return replace(self, table=self.table.drop(columns="split", errors="ignore"))

    def require(self, outputs: Iterable[str], name: str = "the predictions") -> None:
        """Check that the table has these outputs; `name` is what to call it in the error.

        Raises:
            UserError: Naming the first output that is not there.
        """
        for output in outputs:
            if output not in self.outputs:
                raise unknown("output", output, self.outputs, name)

    def only(self, outputs: Sequence[str]) -> "Predictions":
        """Return the table with these outputs alone.

        Raises:
            UserError: If there is no such output.
        """
        self.require(outputs)
        others = [output for output in self.outputs if output not in outputs]
        left_out = [prefix + output for output in others for prefix in (TRUTH, PROBABILITY)]
        return replace(self, table=self.table.drop(columns=left_out))

    def known(self, output: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truths (n,) in {0, 1}, probabilities (n,) in 0-1 and patients (n,) of the rows whose truth of `output` is known.

        Raises:
            UserError: If there is no such output.
        """
        self.require([output])
        rows = self.table[self.table[TRUTH + output].notna()]
        return (
            rows[TRUTH + output].to_numpy(dtype=float),
            rows[PROBABILITY + output].to_numpy(dtype=float),
            rows["patient"].to_numpy(dtype=object),
        )


def truths(labels: pd.Series, target: Target) -> pd.DataFrame:
    """Turn a label column into one 0/1 column per output of the target; unknown stays NaN.

    Args:
        labels: Shape (n,); numbers or class names, missing where unknown.
        target: With its classes given, unless binary.

    Returns:
        Shape (n, outputs), float, columns named by output.

    Raises:
        UserError: If a label is none of the target's classes.

    >>> grade = Target(name="grade", kind="ordinal", classes=("0", "1", "2"))
    >>> truths(pd.Series([0, 2, None], dtype="Int64"), grade).values.tolist()
    [[0.0, 0.0], [1.0, 1.0], [nan, nan]]
    """
    classes = target.values
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
    is_missing = np.isnan(rank)
    if target.kind == "binary":
        found = [rank]
    elif target.kind == "multiclass":
        found = [np.where(is_missing, np.nan, rank == index) for index in range(len(classes))]
    else:
        found = [np.where(is_missing, np.nan, rank >= index) for index in range(1, len(classes))]
    return pd.DataFrame(dict(zip(target.outputs, found, strict=True)), index=labels.index)


def compose_predictions(
    rows: pd.DataFrame, truth: pd.DataFrame, predicted: np.ndarray, further: pd.DataFrame | None = None
) -> Predictions:
    """Join a model's probabilities with a manifest's columns.

    Args:
        rows: Shape (n, columns): rows of a manifest; of these, the required and the optional columns are kept.
        truth: Shape (n, outputs): 0, 1 or NaN, columns named by output.
        predicted: Shape (n, outputs), in 0-1.
        further: Shape (n, columns): columns to append.
    """
    parts = [rows[[column for column in REQUIRED + OPTIONAL if column in rows]].reset_index(drop=True)]
    for index, output in enumerate(truth.columns):
        known = truth[output].to_numpy(float)
        parts.append(pd.DataFrame({TRUTH + output: known, PROBABILITY + output: predicted[:, index].astype(float)}))
    if further is not None:
        parts.append(further.reset_index(drop=True))
    return validated_predictions(pd.concat(parts, axis=1), "predictions")


def read_predictions(path: Path, needs: Collection[str] = DESCRIBING) -> Predictions:
    """Read and validate a predictions table.

    Args:
        needs: Which of `eye`, `sex` and `age` have to be right; one whose cells cannot be understood otherwise stays as
            it is.

    Raises:
        UserError: Naming file, row, column and fix, for up to ten problems at once.
    """
    path = Path(path)
    table = read_table(path)
    return validated_predictions(table, str(path), table.index + 2, needs)


def write_predictions(predictions: Predictions, path: Path, for_spreadsheets: bool = False) -> None:
    """Write a predictions table as CSV or Parquet; `for_spreadsheets` as in `write_table`."""
    write_table(predictions.table, path, for_spreadsheets)


def validated_predictions(
    table: pd.DataFrame,
    name: str,
    row_numbers: Sequence[int] | pd.Index | None = None,
    needs: Collection[str] = DESCRIBING,
) -> Predictions:
    """Check a table against the schema and give every column its type.

    Args:
        name: What to call the table in errors.
        row_numbers: Those that a spreadsheet shows, for errors; counted from 2 unless given.
        needs: As in `read_predictions`.

    Raises:
        UserError: Naming the table, row, column and fix, for up to ten problems at once.
    """
    row_numbers = range(2, len(table) + 2) if row_numbers is None else row_numbers
    table = table.reset_index(drop=True)
    _check_column_names(list(table.columns), name)
    if table.empty:
        raise UserError(f"{name}: the table has no rows")
    problems: list[Problem] = []
    typed: dict[str, pd.Series] = {}
    for column in table.columns:
        typed[column], found = _typed(table[column])
        if found and column in DESCRIBING and column not in needs:
            typed[column], found = table[column], []
        problems += found
    columns.refuse(problems + repeated_photos(typed["photo"]), name, row_numbers)
    remark = columns.respelt(table["patient"], typed["patient"])
    return Predictions(pd.DataFrame(typed), (remark,) if remark else ())


def _check_column_names(names: Sequence[str], name: str) -> None:
    found = f"Columns found: {', '.join(names)}"
    for required in REQUIRED:
        if required not in names:
            raise UserError(f"{name}: there is no column '{required}'{did_you_mean(required, names)}. {found}")
    probabilities = [column for column in names if column.startswith(PROBABILITY)]
    if not probabilities:
        raise UserError(f"{name}: there is no column named '{PROBABILITY}<output>'. {found}")
    for probability in probabilities:
        if probability == PROBABILITY:
            raise UserError(f"{name}: '{PROBABILITY}' names no output; call it '{PROBABILITY}<output>'. {found}")
        truth = TRUTH + probability.removeprefix(PROBABILITY)
        if truth not in names:
            raise UserError(f"{name}: '{probability}' has no column '{truth}' beside it{did_you_mean(truth, names)}")


def _typed(cells: pd.Series) -> columns.Typed:
    column = str(cells.name)
    if column in AS_IN_MANIFEST:
        return typed_column(cells)
    if column == IN_TRAINING:
        return columns.number(cells, 0, 1, "0, 1 or empty", whole=True)
    if column.startswith(TRUTH):
        return _as_float(*columns.number(_yes_as_one(cells), 0, 1, "0, 1 or empty", whole=True))
    if column.startswith(PROBABILITY):
        numbers, problems = columns.number(cells, 0, 1, "a probability between 0 and 1")
        absent = pd.Series("", index=cells.index)[columns.text_cells(cells).isna()]
        lacking = columns.problems_of(absent, lambda _: f"'{column}' is empty; expected a probability between 0 and 1")
        return _as_float(numbers, problems + lacking)
    return cells, []


def _yes_as_one(cells: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(cells.dtype) and not pd.api.types.is_bool_dtype(cells.dtype):
        return cells
    return columns.mapped(columns.text_cells(cells), lambda cell: words.meaning("truth", cell) or cell)


def _as_float(cells: pd.Series, problems: list[Problem]) -> columns.Typed:
    return cells.astype("Float64").astype(float), problems
