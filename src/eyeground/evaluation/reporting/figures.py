"""The curves of discrimination (ROC, precision-recall) with their bands, and confusion matrices.

Above four outputs each gets a panel of its own, since no palette keeps more curves apart. Figures are as wide as
the text of an A4 page at most, so that their letters are as large on paper as they were drawn.
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
from eyeground.evaluation.reporting.wording import rule_in_brief
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
    """ROC curves with bands and operating points, of at least one output; those without a curve are left out."""

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


def confusion_figure(evaluation: Evaluation) -> Figure:
    """One confusion matrix for each output and operating point, of which there is at least one."""
    drawn = [(output, at) for output in evaluation.outputs for at in output.at]
    with styled():
        figure, panels = panels_of(len(drawn), width=2.3, height=2.7)
        for index, (axes, (output, at)) in enumerate(zip(panels, drawn, strict=True)):
            _draw_confusion(axes, output, at)
            if index % PANELS_PER_ROW:
                axes.set_ylabel("")
    return figure


def panels_of(count: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    """A figure with `count` panels of a size in inches, at most `PANELS_PER_ROW` of them in a row."""
    columns = min(count, PANELS_PER_ROW)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]


def title(axes: Axes, output: str, below: str) -> None:
    """Head a panel with the name of its output, and figures below it."""
    lines = textwrap.wrap(below, SMALL_CHARACTERS_PER_LINE)
    axes.set_title(wrapped(output), loc="left", fontsize=8.5, fontweight="bold", pad=8 + 9.5 * len(lines))
    axes.annotate(
        "\n".join(lines), (0, 1), (0, 4), "axes fraction", "offset points", va="bottom", color="#555555", fontsize=7.5
    )


def wrapped(output: str) -> str:
    """An output's name in words and lines."""
    return textwrap.fill(describe_output(output), CHARACTERS_PER_LINE)


Draw = Callable[[Axes, OutputEvaluation, int], None]
Finish = Callable[[Axes], None]


def _with_curve(evaluation: Evaluation, curves: Mapping[str, object]) -> list[OutputEvaluation]:
    return [output for output in evaluation.outputs if output.output in curves]


def _curves_figure(drawn: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    with styled():
        if len(drawn) <= MOST_CURVES_PER_PANEL:
            return _in_one_panel(drawn, metric, draw, finish)
        return _in_panels(drawn, metric, draw, finish)


def _in_one_panel(drawn: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    # A line of the legend stands below the axes, where it covers no curve.
    figure = Figure(figsize=(4.4, 4.9 + 0.2 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    for index, output in enumerate(drawn):
        draw(axes, output, index)
    finish(axes)
    _square(axes, ticks=6)
    if any(output.at for output in drawn):
        axes.plot([], [], **_POINT, markeredgecolor=INK, label="operating point")
    heading = f"{TITLES[metric]} (95 % interval)"
    figure.legend(
        loc="outside lower left",
        frameon=False,
        handlelength=2.8,
        title=heading if len(drawn) == 1 else f"Output, {heading}",
        alignment="left",
    )
    return figure


def _in_panels(drawn: list[OutputEvaluation], metric: str, draw: Draw, finish: Finish) -> Figure:
    figure, panels = panels_of(len(drawn), width=2.3, height=2.7)
    for index, (axes, output) in enumerate(zip(panels, drawn, strict=True)):
        draw(axes, output, 0)
        finish(axes)
        _square(axes, ticks=3)
        title(axes, output.output, f"{TITLES[metric]} {as_text(output.estimate(metric))}")
        if index % PANELS_PER_ROW:
            axes.set_ylabel("")
        if index + PANELS_PER_ROW < len(drawn):
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


def _draw_confusion(axes: Axes, output: OutputEvaluation, at: AtOperatingPoint) -> None:
    found = at.confusion
    counts = np.array([[found.true_positives, found.false_negatives], [found.false_positives, found.true_negatives]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    # Half of the colour map's range, so that dark figures stay readable on every cell.
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=2)
    for row in range(2):
        for column in range(2):
            share = f"{shares[row, column]:.1%}" if totals[row] else "no photos"
            axes.text(column, row - 0.06, f"{counts[row, column]:,}", ha="center", va="center", fontsize=12)
            axes.text(column, row + 0.2, share, ha="center", va="center", fontsize=7.5)
    axes.set_xticks([0, 1], ["positive", "negative"])
    axes.set_yticks([0, 1], ["positive", "negative"], rotation=90, va="center")
    axes.set(xlabel="Called", ylabel="Truth")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.axhline(0.5, color="white", linewidth=2)
    axes.axvline(0.5, color="white", linewidth=2)
    kind = "optimistic threshold" if at.is_optimistic else "threshold"
    title(axes, output.output, f"{kind} {at.point.threshold:.3g}, {rule_in_brief(at.point.rule)}")
