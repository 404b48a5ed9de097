"""The figures of discrimination: ROC curves with bands, and confusion matrices.

Above four outputs each gets a panel of its own, since no palette keeps more curves apart.
"""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.evaluation.curves import RocCurve
from eyeground.evaluation.evaluate import AtOperatingPoint, Evaluation, OutputEvaluation
from eyeground.evaluation.figure_style import COLOURS, INK, LINES, PALE, save_figure, styled

MOST_CURVES_PER_PANEL = 4
PANELS_PER_ROW = 4
CHARACTERS_PER_LINE = 26

_POINT: dict[str, Any] = {
    "marker": "o",
    "markersize": 5.5,
    "markerfacecolor": "white",
    "markeredgewidth": 1.4,
    "linestyle": "none",
}


def write_roc(evaluation: Evaluation, curves: dict[str, RocCurve], folder: Path) -> None:
    """Write `roc.svg` and `roc.png`; outputs without a curve are left out."""
    drawn = [output for output in evaluation.outputs if output.output in curves]
    with styled():
        if len(drawn) <= MOST_CURVES_PER_PANEL:
            figure = _roc_in_one_panel(drawn, curves)
        else:
            figure = _roc_in_panels(drawn, curves)
        save_figure(figure, folder, "roc")


def write_confusion(evaluation: Evaluation, folder: Path) -> None:
    """Write `confusion.svg` and `confusion.png`: one matrix for each output and operating point."""
    drawn = [(output, at) for output in evaluation.outputs for at in output.at]
    with styled():
        figure, panels = _panels(len(drawn), width=2.5, height=2.6)
        for index, (axes, (output, at)) in enumerate(zip(panels, drawn, strict=True)):
            _draw_confusion(axes, output, at)
            if index % PANELS_PER_ROW:
                axes.set_ylabel("")
        save_figure(figure, folder, "confusion")


def _panels(count: int, width: float, height: float) -> tuple[Figure, Sequence[Axes]]:
    columns = min(count, PANELS_PER_ROW)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]


def _roc_in_one_panel(drawn: Sequence[OutputEvaluation], curves: dict[str, RocCurve]) -> Figure:
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for index, output in enumerate(drawn):
        _draw_curve(axes, output, curves[output.output], index)
    _finish_roc(axes, ticks=6)
    if any(output.at for output in drawn):
        axes.plot([], [], **_POINT, markeredgecolor=INK, label="operating point")
    title = "AUROC (95 % interval)" if len(drawn) == 1 else "Output, AUROC (95 % interval)"
    axes.legend(loc="lower right", frameon=False, handlelength=2.8, title=title, alignment="left")
    return figure


def _roc_in_panels(drawn: Sequence[OutputEvaluation], curves: dict[str, RocCurve]) -> Figure:
    figure, panels = _panels(len(drawn), width=2.3, height=2.5)
    for index, (axes, output) in enumerate(zip(panels, drawn, strict=True)):
        _draw_curve(axes, output, curves[output.output], 0)
        _finish_roc(axes, ticks=3)
        _title(axes, output.output)
        axes.text(0.98, 0.05, "AUROC\n" + _auroc_text(output), ha="right", va="bottom", transform=axes.transAxes)
        if index % PANELS_PER_ROW:
            axes.set_ylabel("")
        if index + PANELS_PER_ROW < len(drawn):
            axes.set_xlabel("")
    return figure


def _wrapped(output: str) -> str:
    """An output's name in words and lines: `dr_grade>=2` as `dr grade ≥ 2`."""
    words = output.replace("_", " ").replace(">=", " ≥ ")
    return textwrap.fill(words, CHARACTERS_PER_LINE)


def _title(axes: Axes, text: str, pad: float = 6) -> None:
    axes.set_title(_wrapped(text), loc="left", fontsize=8.5, fontweight="bold", pad=pad)


def _draw_curve(axes: Axes, output: OutputEvaluation, curve: RocCurve, index: int) -> None:
    colour = COLOURS[index]
    if len(curve.grid):
        axes.fill_between(curve.grid, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        curve.false_positive_rate,
        curve.true_positive_rate,
        color=colour,
        linestyle=LINES[index],
        linewidth=1.5,
        clip_on=False,
        label=f"{_wrapped(output.output)}  {_auroc_text(output)}",
    )
    for at in output.at:
        found = at.confusion
        false_positive_rate = found.false_positives / output.negatives
        sensitivity = found.true_positives / output.positives
        axes.plot(false_positive_rate, sensitivity, **_POINT, markeredgecolor=colour, zorder=4, clip_on=False)


def _auroc_text(output: OutputEvaluation) -> str:
    estimate = output.estimate("auroc")
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})"


def _finish_roc(axes: Axes, ticks: int) -> None:
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=0.7, linestyle=(0, (1, 3)), zorder=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="1 − specificity", ylabel="Sensitivity")
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
    _title(axes, output.output, pad=17)
    threshold = f"threshold {at.point.threshold:.3f}, {at.point.rule}"
    axes.text(0, 1.03, threshold, transform=axes.transAxes, color="#555555", fontsize=7.5)
