"""The forest plot of a comparison: the AUROC of each model, and under it their differences.

A filled mark is a difference whose interval leaves out 0, which a grey print shows as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import blended_transform_factory

from eyeground.config.targets import describe_output
from eyeground.evaluation.comparing.comparison import Comparison
from eyeground.evaluation.comparing.tables import minus
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled

# Inches, so that rows keep their height and letters their size however many rows there are.
_ROW, _TOP, _BETWEEN, _BOTTOM = 0.225, 0.12, 0.72, 0.68
_SIDES, _GREY = 34, "#555555"  # points
_AXIS, _GAP, _CHARACTER, _TEXT = 2.9, 0.18, 0.068, 1.95


@dataclass(frozen=True)
class _Row:
    """A row of a panel; without an estimate, a heading."""

    label: str
    estimate: Estimate | None = None
    text: str = ""
    filled: bool = True


def forest(comparison: Comparison) -> Figure | None:
    """Draw the AUROC of every model and, under them, the differences; None where no AUROC is estimable."""
    models, differences = _model_rows(comparison), _difference_rows(comparison)
    if not any(row.estimate for row in models):
        return None
    label = _CHARACTER * max(len(row.label) for row in models + differences) + 2 * _GAP
    width = label + _AXIS + _GAP + _TEXT
    heights = [_ROW * len(rows) for rows in (models, differences)]
    height = _TOP + heights[0] + _BETWEEN + heights[1] + _BOTTOM
    with styled():
        figure = Figure(figsize=(width, height))
        bottoms = (_BOTTOM + heights[1] + _BETWEEN, _BOTTOM)
        upper, lower = (
            figure.add_axes((label / width, bottom / height, _AXIS / width, tall / height))
            for bottom, tall in zip(bottoms, heights, strict=True)
        )
        right = label + _AXIS + _GAP
        _draw(upper, models, right, centred=None)
        upper.set_xlabel("AUROC")
        _draw(lower, differences, right, centred=comparison.margin or 0.0)
        _finish_differences(lower, comparison)
    return figure


def _model_rows(comparison: Comparison) -> list[_Row]:
    rows = []
    for output in comparison.outputs:
        rows += _headed(comparison, output.output)
        for model in output.models:
            estimate = model.estimate(AUROC)
            drawn = None if estimate.value is None else estimate
            rows.append(_Row(model.model, drawn, as_text(estimate)))
    return rows


def _difference_rows(comparison: Comparison) -> list[_Row]:
    rows = []
    for output in comparison.outputs:
        rows += _headed(comparison, output.output)
        for difference in output.differences_in(AUROC):
            estimate = difference.estimate
            apart = estimate.low is not None and estimate.high is not None and not estimate.low <= 0 <= estimate.high
            drawn = None if estimate.value is None else estimate
            rows.append(_Row(minus(difference), drawn, signed(estimate), filled=apart))
    return rows


def _headed(comparison: Comparison, output: str) -> list[_Row]:
    return [_Row(describe_output(output))] if len(comparison.outputs) > 1 else []


def _draw(axes: Axes, rows: Sequence[_Row], right: float, centred: float | None) -> None:
    """Draw rows from top to bottom, texts from `right` (inches); `centred` on 0 with at least that much on either side."""
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(*_limits(rows, centred))
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    figure_inches = blended_transform_factory(axes.figure.dpi_scale_trans, axes.transData)
    for place, row in enumerate(rows):
        heading = not row.text
        axes.text(
            _GAP / 2 if heading else _GAP,
            place,
            row.label,
            transform=figure_inches,
            va="center",
            fontweight="bold" if heading else "normal",
        )
        axes.text(right, place, row.text, transform=figure_inches, va="center")
        if row.estimate:
            _draw_estimate(axes, place, row.estimate, row.filled)


def _draw_estimate(axes: Axes, place: int, estimate: Estimate, filled: bool) -> None:
    colour = COLOURS[0]
    assert estimate.value is not None
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=1.3, solid_capstyle="butt")
    axes.plot(
        estimate.value,
        place,
        marker="s",
        markersize=4.6,
        color=colour,
        markerfacecolor=colour if filled else "white",
        markeredgewidth=1.2,
        linestyle="none",
        clip_on=False,
    )


def _finish_differences(axes: Axes, comparison: Comparison) -> None:
    axes.axvline(0, color=INK, linewidth=0.7, zorder=0)
    if comparison.margin:
        axes.axvspan(-comparison.margin, comparison.margin, color=PALE, alpha=0.13, linewidth=0, zorder=-1)
        for edge in (-comparison.margin, comparison.margin):
            axes.axvline(edge, color=PALE, linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.3g}".replace("-", "−") if value else "0"))
    second = comparison.reference or "second"
    axes.set_xlabel("Difference in AUROC" + (f", dashed: margin of {comparison.margin:g}" if comparison.margin else ""))
    for place, text, side in ((0.48, f"← {second} higher", "right"), (0.52, "first higher →", "left")):
        axes.annotate(text, (place, 0), (0, -_SIDES), "axes fraction", "offset points", ha=side, va="top", color=_GREY)


def _limits(rows: Sequence[_Row], centred: float | None) -> tuple[float, float]:
    ends = [
        value
        for row in rows
        if row.estimate
        for value in (row.estimate.low, row.estimate.value, row.estimate.high)
        if value is not None
    ]
    if centred is None:
        room = 0.06 * (max(ends) - min(ends)) or 0.01
        return min(ends) - room, min(1.0, max(ends) + room)
    reach = 1.1 * max([centred, *map(abs, ends)]) or 0.01
    return -reach, reach
