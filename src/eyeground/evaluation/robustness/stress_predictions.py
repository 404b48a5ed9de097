"""A model's predictions of the same photos, clean and spoilt, as one collection and as one long table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eyeground.config.targets import in_words
from eyeground.core.tables import read_table
from eyeground.data.predictions import TRUTH, Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.flow import Scope, evaluated_scope

Condition = tuple[str, int]  # fault and severity
CLEAN: Condition = ("none", 0)


@dataclass(frozen=True)
class StressPredictions:
    """A model's predictions of the same photos, clean and spoilt.

    Attributes:
        spoilt: `dict of (str, int) to Predictions`. By fault and severity.
    """

    clean: Predictions
    spoilt: Mapping[Condition, Predictions]

    def table(self) -> pd.DataFrame:
        """All in one long table: `fault` (`none` for the clean photos) and `severity`, then a predictions table."""
        parts = {CLEAN: self.clean, **self.spoilt}
        return pd.concat(
            [
                part.table.assign(fault=fault, severity=severity)[["fault", "severity", *part.table.columns]]
                for (fault, severity), part in parts.items()
            ],
            ignore_index=True,
        )


def read_stress(path: Path) -> StressPredictions:
    """Read the `predictions.parquet` that `eyeground stress` wrote.

    Raises:
        UserError: If it cannot be read, is not such a table, or has no clean photos.
    """
    table = read_table(path)
    for column in ("fault", "severity"):
        if column not in table:
            raise UserError(
                f"{path}: there is no column '{column}'; expected the predictions.parquet that `eyeground stress` writes"
            )
    severities = pd.to_numeric(table["severity"], errors="coerce")
    if table["fault"].isna().any() or severities.isna().any():
        raise UserError(f"{path}: a row has no fault or no severity")
    conditions = list(zip(table["fault"].astype(str), severities.astype(int), strict=True))
    parts = {
        condition: validated_predictions(
            table[[one == condition for one in conditions]].drop(columns=["fault", "severity"]), str(path)
        )
        for condition in dict.fromkeys(conditions)
    }
    if CLEAN not in parts:
        raise UserError(f"{path}: there are no clean photos (fault '{CLEAN[0]}', severity {CLEAN[1]})")
    return StressPredictions(parts.pop(CLEAN), parts)


def fault_in_words(fault: str) -> str:
    """A fault's name as people write it.

    >>> fault_in_words("motion_blur"), fault_in_words("jpeg")
    ('motion blur', 'JPEG')
    """
    return "JPEG" if fault == "jpeg" else in_words(fault)


def photos_in_scope(predictions: StressPredictions) -> tuple[Scope, dict[Condition, Predictions]]:
    """The photos that are evaluated, and their predictions by condition, row beside row.

    Raises:
        UserError: If nothing is spoilt, or the tables are not of the same photos, patients, truths and outputs.
    """
    if not predictions.spoilt:
        raise UserError("there are no predictions of spoilt photos; robustness needs at least one fault and severity")
    scope = evaluated_scope(predictions.clean)
    rows = {CLEAN: scope.predictions}
    for condition, spoilt in predictions.spoilt.items():
        rows[condition] = evaluated_scope(spoilt).predictions
        _refuse_other_photos(scope.predictions, rows[condition], condition)
    return scope, rows


def _refuse_other_photos(clean: Predictions, spoilt: Predictions, condition: Condition) -> None:
    """Both are ordered by photo, so the same photos stand in the same rows."""
    where = f"the predictions under '{condition[0]}' at severity {condition[1]}"
    if clean.outputs != spoilt.outputs:
        raise UserError(f"{where} have the outputs {', '.join(spoilt.outputs)}; expected {', '.join(clean.outputs)}")
    if not clean.table["photo"].equals(spoilt.table["photo"]):
        raise UserError(f"{where} are not of the same photos as those of the clean photos; predict the same ones")
    for column in ("patient", *(TRUTH + output for output in clean.outputs)):
        if not clean.table[column].equals(spoilt.table[column]):
            raise UserError(f"{where} differ from those of the clean photos in '{column}'; predict from one manifest")
