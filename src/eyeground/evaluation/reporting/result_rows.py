"""One row for every estimate, in whatever section of the report it stands: the table `results.csv`.

Every section holds its rows; other tables, such as `metrics.csv`, are views of them. See docs/predictions.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.estimates import Estimate

RESULTS = "results.csv"
NUMBERS, COUNTS = ("value", "low", "high", "p", "p_adjusted"), ("photos", "patients", "positives")
COLUMNS = ("section", "output", "subset", "metric", "operating_point", *NUMBERS, *COUNTS, "note")


@dataclass(frozen=True)
class ResultRow:
    """One estimate and what it is of.

    Attributes:
        section: Key of the section of the report.
        output: Or a target of several classes, or what is averaged over; empty where it is of no output.
        subset: Of which photos, or at which setting, such as `sex=female`, `fold 1` or the name of a dataset.
        photos, patients: With a known truth, in the subset.
        positives: Among the photos; None where that is not meant.
        point: The operating point it is measured at.
        decision: How a class was decided, of a target of several.
        p, p_adjusted: Of a difference, where it was tested; see docs/statistics.md.
        fold: For the result of one fold.
    """

    section: str
    output: str
    subset: str
    estimate: Estimate
    photos: int
    patients: int
    positives: int | None = None
    point: OperatingPoint | None = None
    decision: str | None = None
    p: float | None = None
    p_adjusted: float | None = None
    fold: int | None = None

    @property
    def operating_point(self) -> str | None:
        """The rule of its operating point, or how a class was decided."""
        return self.point.rule if self.point else self.decision


def results_table(rows: Iterable[ResultRow]) -> pd.DataFrame:
    """The tidy table.

    Returns:
        Columns `section`, `output`, `subset`, `metric`, `operating_point`, `value`, `low`, `high` (95 % interval), `p`,
        `p_adjusted`, `photos`, `patients`, `positives` and `note`; missing where there is none.
    """
    cells = [
        {
            "section": row.section,
            "output": row.output,
            "subset": row.subset,
            "metric": row.estimate.metric,
            "operating_point": row.operating_point,
            "value": row.estimate.value,
            "low": row.estimate.low,
            "high": row.estimate.high,
            "p": row.p,
            "p_adjusted": row.p_adjusted,
            "photos": row.photos,
            "patients": row.patients,
            "positives": row.positives,
            "note": row.estimate.note,
        }
        for row in rows
    ]
    types = dict.fromkeys(NUMBERS, "float") | dict.fromkeys(COUNTS, "Int64")
    return pd.DataFrame(cells, columns=list(COLUMNS)).astype(types)
