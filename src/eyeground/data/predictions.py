"""The predictions table: one row per photograph, all that evaluation needs to know of any model.

Columns: `photo`, `patient`, optional `split` and `fold`, and for every output of a model
`truth_<output>` (0 or 1, empty where unknown) and `probability_<output>` (0 to 1). A model that never saw
eyeground can be evaluated by writing this table.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.config.targets import Target
from eyeground.core import columns, words
from eyeground.core.columns import Problem
from eyeground.core.tables import read_table, write_table
from eyeground.core.words import SPLITS
from eyeground.data.manifest import OPTIONAL, REQUIRED
from eyeground.errors import UserError, did_you_mean

TRUTH, PROBABILITY = "truth_", "probability_"
# What `predict` adds of screening: its status and unfamiliarity, and whether the model learned from this very file.
STATUS, UNFAMILIARITY, IN_TRAINING = "status", "unfamiliarity", "in_training"
DESCRIBING = ("eye", "sex", "age")  # what subgroups are told by and figures do without


@dataclass(frozen=True)
class Predictions:
    """A validated predictions table.

    Attributes:
        table: `photo`, `patient` (strings), optional `split`, `eye`, `sex` (strings), `fold`, `in_training` (nullable
            integers), `age` (years, float); `truth_…` (float: 0, 1 or NaN) and `probability_…` (float in 0-1) for each
            output. Further columns are kept as they are.
        remarks: Sentences for the user: what reading made of the table.
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
            raise UserError(f"'{split}' is not a split{did_you_mean(split, SPLITS)}; use {', '.join(SPLITS)}")
        if "split" not in self.table:
            return Predictions(self.table.iloc[:0])
        return Predictions(self.table[self.table["split"] == split].reset_index(drop=True))

    def of_every_split(self) -> "Predictions":
        """Return the table without its `split` column: for a model that has seen none of the photos."""
        return replace(self, table=self.table.drop(columns="split", errors="ignore"))

    def only(self, outputs: Sequence[str]) -> "Predictions":
        """Return the table with these outputs alone.

        Raises:
            UserError: If there is no such output.
        """
        for output in outputs:
            if output not in self.outputs:
                raise UserError(
                    f"the predictions have no output '{output}'{did_you_mean(output, self.outputs)}; "
                    f"they have {', '.join(self.outputs)}"
                )
        others = [output for output in self.outputs if output not in outputs]
        left_out = [prefix + output for output in others for prefix in (TRUTH, PROBABILITY)]
        return replace(self, table=self.table.drop(columns=left_out))

    def known(self, output: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truths (n,) in {0, 1}, probabilities (n,) in 0-1 and patients (n,) of the rows whose truth of `output` is known.

        Raises:
            UserError: If there is no such output.
        """
        if output not in self.outputs:
            raise UserError(
                f"the predictions have no output '{output}'{did_you_mean(output, self.outputs)}; "
                f"they have {', '.join(self.outputs)}"
            )
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
    unknown = np.isnan(rank)
    if target.kind == "binary":
        columns = [rank]
    elif target.kind == "multiclass":
        columns = [np.where(unknown, np.nan, rank == index) for index in range(len(classes))]
    else:
        columns = [np.where(unknown, np.nan, rank >= index) for index in range(1, len(classes))]
    return pd.DataFrame(dict(zip(target.outputs, columns, strict=True)), index=labels.index)


def compose_predictions(
    rows: pd.DataFrame, truth: pd.DataFrame, predicted: np.ndarray, further: pd.DataFrame | None = None
) -> Predictions:
    """Put a model's probabilities beside what a manifest knows of the photographs.

    Args:
        rows: Shape (n, columns): rows of a manifest; of these, the required and the optional columns are kept.
        truth: Shape (n, outputs): 0, 1 or NaN, columns named by output.
        predicted: Shape (n, outputs), in 0-1.
        further: Shape (n, columns): columns to put after these.
    """
    table = rows[[column for column in REQUIRED + OPTIONAL if column in rows]].reset_index(drop=True)
    parts = [table]
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
    return _validated(table, str(path), table.index + 2, needs)


def write_predictions(predictions: Predictions, path: Path, for_spreadsheets: bool = False) -> None:
    """Write a predictions table as CSV or Parquet; `for_spreadsheets` as in `write_table`."""
    write_table(predictions.table, path, for_spreadsheets)


def validated_predictions(
    table: pd.DataFrame, name: str, row_numbers: Sequence[int] | pd.Index | None = None
) -> Predictions:
    """Check a table against the schema and give every column its type.

    `row_numbers` are those that a spreadsheet shows, for errors; counted from 2 unless given.

    Raises:
        UserError: Naming the table, row, column and fix, for up to ten problems at once.
    """
    return _validated(table, name, range(2, len(table) + 2) if row_numbers is None else row_numbers)


def _validated(
    table: pd.DataFrame,
    name: str,
    row_numbers: Sequence[int] | pd.Index,
    needs: Collection[str] = DESCRIBING,
) -> Predictions:
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
    photos = typed["photo"].dropna()
    problems += columns.problems_of(
        photos[photos.duplicated()],
        lambda photo: f"'photo' is '{photo}', as in an earlier row; keep one row per photograph and model",
    )
    columns.refuse(problems, name, row_numbers)
    remark = columns.respelt(table["patient"], typed["patient"])
    return Predictions(pd.DataFrame(typed), (remark,) if remark else ())


def _check_column_names(names: Sequence[str], name: str) -> None:
    found = f"Columns found: {', '.join(names)}"
    for required in ("photo", "patient"):
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
    if column == "photo":
        return columns.paths(cells, required=True)
    if column == "patient":
        return columns.identifiers(cells)
    if column in ("split", "eye"):
        return columns.choice(cells, column)
    if column == "sex":
        return columns.sex(cells)
    if column == "age":
        return columns.age(cells)
    if column == "fold":
        return columns.number(cells, 0, 999, "a whole number from 0 or empty", whole=True)
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
