"""A model's predictions of the same photos, clean and corrupted, as one long table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.tables import read_table
from eyeground.data.predictions import TRUTH, Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.flow import evaluated_scope

Condition = tuple[str, int]  # corruption and severity
CLEAN: Condition = ("none", 0)


@dataclass(frozen=True)
class CorruptedPredictions:
    """A model's predictions of the same photos, clean and corrupted.

    Attributes:
        corrupted: `dict of (str, int) to Predictions`. By corruption and severity.
    """

    clean: Predictions
    corrupted: Mapping[Condition, Predictions]

    def table(self) -> pd.DataFrame:
        """All in one long table: `corruption` (`none` for the clean photos) and `severity`, then a predictions table."""
        parts = {CLEAN: self.clean, **self.corrupted}
        return pd.concat(
            [
                part.table.assign(corruption=corruption, severity=severity)[
                    ["corruption", "severity", *part.table.columns]
                ]
                for (corruption, severity), part in parts.items()
            ],
            ignore_index=True,
        )


def read_corrupted(path: Path) -> CorruptedPredictions:
    """Read the `predictions.parquet` that `eyeground robustness` wrote.

    Raises:
        UserError: If it cannot be read, is not such a table, or has no clean photos.
    """
    table = read_table(path)
    for column in ("corruption", "severity"):
        if column not in table:
            raise UserError(
                f"{path}: there is no column '{column}'; expected the predictions.parquet that `eyeground robustness` writes"
            )
    severities = pd.to_numeric(table["severity"], errors="coerce")
    if table["corruption"].isna().any() or severities.isna().any():
        raise UserError(f"{path}: a row has no corruption or no severity")
    conditions = list(zip(table["corruption"].astype(str), severities.astype(int), strict=True))
    parts = {
        condition: validated_predictions(
            table[[one == condition for one in conditions]].drop(columns=["corruption", "severity"]), str(path)
        )
        for condition in dict.fromkeys(conditions)
    }
    if CLEAN not in parts:
        raise UserError(f"{path}: there are no clean photos (corruption '{CLEAN[0]}', severity {CLEAN[1]})")
    return CorruptedPredictions(parts.pop(CLEAN), parts)


def describe_corruption(corruption: str) -> str:
    """A corruption's name as people write it.

    >>> describe_corruption("motion_blur"), describe_corruption("jpeg")
    ('motion blur', 'JPEG')
    """
    return "JPEG" if corruption == "jpeg" else describe_output(corruption)


def corrupted_in_scope(predictions: CorruptedPredictions, clean: Predictions) -> dict[Condition, Predictions]:
    """The evaluated photos' predictions by condition, row beside row.

    Args:
        clean: Of the photos in scope.

    Raises:
        UserError: If nothing is corrupted, or the tables are not of the same photos, patients, truths and outputs.
    """
    if not predictions.corrupted:
        raise UserError(
            "there are no predictions of corrupted photos; robustness needs at least one corruption and severity"
        )
    rows = {condition: evaluated_scope(one).predictions for condition, one in predictions.corrupted.items()}
    for condition, corrupted in rows.items():
        _refuse_other_photos(clean, corrupted, condition)
    return rows


def _refuse_other_photos(clean: Predictions, corrupted: Predictions, condition: Condition) -> None:
    """Both are ordered by photo, so the same photos stand in the same rows."""
    where = f"the predictions under '{condition[0]}' at severity {condition[1]}"
    if clean.outputs != corrupted.outputs:
        raise UserError(f"{where} have the outputs {', '.join(corrupted.outputs)}; expected {', '.join(clean.outputs)}")
    if not clean.table["photo"].equals(corrupted.table["photo"]):
        raise UserError(f"{where} are not of the same photos as those of the clean photos; predict the same ones")
    for column in ("patient", *(TRUTH + output for output in clean.outputs)):
        if not clean.table[column].equals(corrupted.table[column]):
            raise UserError(f"{where} differ from those of the clean photos in '{column}'; predict from one manifest")
