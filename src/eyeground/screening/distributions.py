"""How probabilities and quality are distributed over a screening, counted photograph by photograph in constant memory."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyeground.screening.decision import Rule
from eyeground.screening.eye_results import JUDGED
from eyeground.screening.suspicion import describe_disease

BINS = 20
FARTHEST = 2.0  # unfamiliarity; what lies farther counts in the last bin


@dataclass(frozen=True)
class Histogram:
    """Photographs by one number.

    Attributes:
        title: What the number is, in words.
        highest: End of the last of the equally wide bins; the first begins at 0.
        limit: The number from which on a photograph is treated differently; None if there is none.
        counts: Photographs per bin.
    """

    title: str
    highest: float
    limit: float | None
    counts: tuple[int, ...]

    @property
    def heights(self) -> list[float]:
        """Share (0-1) of the fullest bin that each bin holds."""
        return [count / max(1, *self.counts) for count in self.counts]


class Distributions:
    """Counts of the rows of a results table: probabilities of judged photographs, gradability and unfamiliarity of all.

    Args:
        rule: The thresholds that were used; only outputs that decide are counted.
    """

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._counts: dict[str, NDArray[np.int64]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row of the results table."""
        if row["status"] in JUDGED:
            for output in self._rule.deciding:
                self._count(f"probability_{output}", row[f"probability_{output}"], 1.0)
        self._count("gradability", row["gradability"], 1.0)
        self._count("unfamiliarity", row["unfamiliarity"], FARTHEST)

    def histograms(self) -> Iterator[Histogram]:
        """One per deciding output, then gradability and unfamiliarity; none of what no photograph has."""
        shown: list[tuple[str, str, float, float | None]] = [
            (f"probability_{output}", describe_disease(self._rule.targets, output), 1.0, self._rule.thresholds[output])
            for output in self._rule.deciding
        ]
        shown.append(("gradability", "gradability", 1.0, None))
        shown.append(("unfamiliarity", f"unfamiliarity (the last bar: {FARTHEST:g} and more)", FARTHEST, 1.0))
        for column, title, highest, limit in shown:
            if column in self._counts:
                yield Histogram(title, highest, limit, tuple(self._counts[column].tolist()))

    def _count(self, column: str, value: float | None, highest: float) -> None:
        if value is None or not math.isfinite(value):
            return
        counts = self._counts.setdefault(column, np.zeros(BINS, np.int64))
        counts[min(BINS - 1, int(value / highest * BINS))] += 1
