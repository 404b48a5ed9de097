"""ROC and precision-recall curves with their bands.

Up to four curves share a panel, since no palette separates more; above, each output gets its own. A figure is at most as
wide as the text of an A4 page, so that it is printed at full size.
"""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.config.targets import describe_output
from eyeground.evaluation.curves import PrecisionRecallCurve, RocCurve
from eyeground.evaluation.estimates import as_text
from eyeground.evaluation.metrics import AUPRC, AUROC, TITLES
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, LINES, PALE, styled
from eyeground.evaluation.results import AtOperatingPoint, Evaluation, OutputEvaluation

MOST_CURVES_PER_PANEL = 4
PANELS_PER_ROW = 3
CHARACTERS_PER_LINE, SMALL_CHARACTERS_PER_LINE = 26, 34

_POINT: dict[str, Any] = {
    "marker": "o",
    "markersize": 5.5,
    "markerfacecolor": "white",
    "markeredgewidth": 1.4,
    "linestyle": "none",
}
_CHANCE: dict[str, Any] = {"linewidth": 0.7, "linestyle": (0, (1, 3)), "zorder": 0}


def roc_figure(evaluation: Evaluation, curves: Mapping[str, RocCurve]) -> Figure:
    """ROC curves with bands and operating points; outputs without a curve are left out."""

    def draw(axes: Axes, output: OutputEvaluation, index: int) -> None:
        curve = curves[output.output]
        _draw_band(axes, curve.grid, curve.low, curve.high, index)
        _draw_line(axes, output, curve.false_positive_rate, curve.true_positive_rate, AUROC, index)
        for at in output.at:
            _draw_point(axes, at.confusion.false_positives / output.negatives, _sensitivity(output, at), index)

    def finish(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], **_CHANCE, color=PALE)
        axes.set(xlabel="1 − specificity", ylabel="Sensitivity")

    return _curves_figure(_with_curve(evaluation, curves), AUROC, draw, finish)


def precision_recall_figure(evaluation: Evaluation, curves: Mapping[str, PrecisionRecallCurve]) -> Figure:
    """Precision-recall curves with bands, operating points, and the prevalence as a dotted line."""

    def draw(axes: Axes, output: OutputEvaluation, index: int) -> None:
        curve = curves[output.output]
        axes.plot([0, 1], [curve.prevalence] * 2, **_CHANCE, color=COLOURS[index])
        _draw_band(axes, curve.grid, curve.low, curve.high, index)
        _draw_line(axes, output, curve.recall, curve.precision, AUPRC, index, drawstyle="steps-pre")
        for at in output.at:
            called = at.confusion.true_positives + at.confusion.false_positives
            if called:
                _draw_point(axes, _sensitivity(output, at), at.confusion.true_positives / called, index)

    def finish(axes: Axes) -> None:
        axes.set(xlabel="Recall (sensitivity)", ylabel="Precision (PPV)")

    return _curves_figure(_with_curve(evaluation, curves), AUPRC, draw, finish)


def panels_of(count: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` panels of a size in inches, `PANELS_PER_ROW` in a row."""
    columns = min(count, PANELS_PER_ROW)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]


def title(axes: Axes, output: str, below: str) -> None:
    """Head a panel with the name of its output, and a line of text below it."""
    lines = textwrap.wrap(below, SMALL_CHARACTERS_PER_LINE)
    axes.set_title(wrapped(output), loc="left", fontsize=8.5, fontweight="bold", pad=8 + 9.5 * len(lines))
    axes.annotate(
        "\n".join(lines), (0, 1), (0, 4), "axes fraction", "offset points", va="bottom", color="#555555", fontsize=7.5
    )


def wrapped(output: str) -> str:
    """An output's name for people, broken into lines."""
    return textwrap.fill(describe_output(output), CHARACTERS_PER_LINE)


Draw = Callable[[Axes, OutputEvaluation, int], None]
Finish = Callable[[Axes], None]


def _with_curve(evaluation: Evaluation, curves: Mapping[str, object]) -> list[OutputEvaluation]:
    return [output for output in evaluation.outputs if output.output in curves]


def _curves_figure(shown: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    with styled():
        if len(shown) <= MOST_CURVES_PER_PANEL:
            return _in_one_panel(shown, metric, draw, finish)
        return _in_panels(shown, metric, draw, finish)


def _in_one_panel(shown: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    # The legend stands below the axes, where it covers no curve.
    figure = Figure(figsize=(4.4, 4.9 + 0.2 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for index, output in enumerate(shown):
        draw(axes, output, index)
    finish(axes)
    _square(axes, ticks=6)
    if any(output.at for output in shown):
        axes.plot([], [], **_POINT, markeredgecolor=INK, label="operating point")
    heading = f"{TITLES[metric]} (95 % interval)"
    figure.legend(
        loc="outside lower left",
        frameon=False,
        handlelength=2.8,
        title=heading if len(shown) == 1 else f"Output, {heading}",
        alignment="left",
    )
    return figure


def _in_panels(shown: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    figure, panels = panels_of(len(shown), width=2.3, height=2.7)
    for index, (axes, output) in enumerate(zip(panels, shown, strict=True)):
        draw(axes, output, 0)
        finish(axes)
        _square(axes, ticks=3)
        title(axes, output.output, f"{TITLES[metric]} {as_text(output.estimate(metric))}")
        if index % PANELS_PER_ROW:
            axes.set_ylabel("")
        if index + PANELS_PER_ROW < len(shown):
            axes.set_xlabel("")
    return figure


def _draw_band(axes: Axes, across: np.ndarray, low: np.ndarray, high: np.ndarray, index: int) -> None:
    if len(across):
        axes.fill_between(across, low, high, color=COLOURS[index], alpha=0.15, linewidth=0)


def _draw_line(
    axes: Axes, output: OutputEvaluation, across: np.ndarray, up: np.ndarray, metric: str, index: int, **how: Any
) -> None:
    axes.plot(
        across,
        up,
        color=COLOURS[index],
        linestyle=LINES[index],
        linewidth=1.5,
        clip_on=False,
        label=f"{wrapped(output.output)}  {as_text(output.estimate(metric))}",
        **how,
    )


def _draw_point(axes: Axes, across: float, up: float, index: int) -> None:
    axes.plot(across, up, **_POINT, markeredgecolor=COLOURS[index], zorder=4, clip_on=False)


def _sensitivity(output: OutputEvaluation, at: AtOperatingPoint) -> float:
    return at.confusion.true_positives / output.positives


def _square(axes: Axes, ticks: int) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xticks(np.linspace(0, 1, ticks))
    axes.set_yticks(np.linspace(0, 1, ticks))
    # Off the data, so that a curve along an edge is seen.
    axes.spines[["left", "bottom"]].set_position(("outward", 5))
