"""Estimates with their intervals in rows, beside their values as text: the forest plot of subgroups, datasets and outputs.

The figure grows with its rows, so that text keeps its size. Series differ by shape, filling and colour, for grey prints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import blended_transform_factory

from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.reporting.figure_style import COLOURS, PALE, styled

MARKERS = (("o", True), ("s", False), ("D", True), ("^", False))
_ROW, _ROW_OF_SERIES, _TOP, _BOTTOM = 0.215, 0.3, 0.34, 0.5  # inches
_AXIS, _GAP, _CHARACTER = 2.3, 0.16, 0.066
_LEGEND = 0.22


@dataclass(frozen=True)
class Row:
    """A row of the figure; with a label alone, a heading.

    Attributes:
        estimates: One for each series; one without a value is not drawn.
        texts: One for each text column.
    """

    label: str
    estimates: tuple[Estimate, ...] = ()
    texts: tuple[str, ...] = ()


def interval_figure(
    rows: Sequence[Row],
    axis: str,
    columns: Sequence[str] = (),
    series: Sequence[str] = (),
    line: float | None = None,
) -> Figure:
    """Draw rows of estimates.

    Args:
        rows: From top to bottom.
        axis: What is measured.
        columns: Headings of the text columns, right of the intervals.
        series: Names of the estimates of a row, for the legend; at most four, and none for a single one.
        line: Where a vertical line marks what to compare with, such as the value of all photos.
    """
    widths = [
        _CHARACTER * max(len(heading), *(len(row.texts[index]) for row in rows if row.texts))
        for index, heading in enumerate(columns)
    ]
    left = _CHARACTER * max(len(row.label) for row in rows) + 2 * _GAP
    top = _TOP + _LEGEND * bool(series)
    row_height = _ROW_OF_SERIES if series else _ROW
    width = left + _AXIS + sum(widths) + _GAP * (len(columns) + 1)
    height = top + row_height * len(rows) + _BOTTOM
    with styled():
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((left / width, _BOTTOM / height, _AXIS / width, row_height * len(rows) / height))
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=axis, xlim=_limits(rows, line))
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        if line is not None:
            axes.axvline(line, color=PALE, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
        beside = blended_transform_factory(figure.dpi_scale_trans, axes.transData)
        for place, row in enumerate(rows):
            _draw(axes, place, row)
            weight = "normal" if row.estimates else "bold"
            indent = _GAP if row.estimates else _GAP / 2
            axes.text(indent, place, row.label, transform=beside, va="center", fontweight=weight)
        right = left + _AXIS + _GAP
        for index, heading in enumerate(columns):
            axes.text(right, -0.5 - 0.1 / row_height, heading, transform=beside, va="center", color="#555555")
            for place, row in enumerate(rows):
                if row.texts:
                    axes.text(right, place, row.texts[index], transform=beside, va="center")
            right += widths[index] + _GAP
        if series:
            figure.legend(
                handles=[
                    Line2D([], [], **_style(index), linewidth=1.2, label=name) for index, name in enumerate(series)
                ],
                loc="upper left",
                bbox_to_anchor=(0, 1),
                ncols=len(series),
                frameon=False,
                borderaxespad=0.2,
                handletextpad=0.4,
            )
    return figure


def _draw(axes: Axes, place: int, row: Row) -> None:
    offsets = np.linspace(-0.24, 0.24, len(row.estimates)) if len(row.estimates) > 1 else np.zeros(1)
    for index, (estimate, offset) in enumerate(zip(row.estimates, offsets, strict=False)):
        if estimate.value is None:
            continue
        if estimate.low is not None and estimate.high is not None:
            axes.plot([estimate.low, estimate.high], [place + offset] * 2, color=COLOURS[index], linewidth=1.2)
        axes.plot(estimate.value, place + offset, **_style(index), markeredgewidth=1.1, linestyle="none")


def _style(index: int) -> dict[str, Any]:
    shape, filled = MARKERS[index]
    colour = COLOURS[index]
    return {"color": colour, "marker": shape, "markersize": 4.2, "markerfacecolor": colour if filled else "white"}


def _limits(rows: Sequence[Row], line: float | None) -> tuple[float, float]:
    shown = [
        value
        for row in rows
        for estimate in row.estimates
        for value in (estimate.low, estimate.value, estimate.high)
        if value is not None
    ]
    shown += [] if line is None else [line]
    if not shown:
        return 0.0, 1.0
    margin = max(0.02, 0.04 * (max(shown) - min(shown)))
    return min(shown) - margin, max(shown) + margin
