"""Confusion matrices: of every output at each operating point, and of targets with several classes."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.evaluation.reporting.figure_style import styled
from eyeground.evaluation.reporting.figures import PANELS_PER_ROW, panels_of, title
from eyeground.evaluation.reporting.wording import short_rule
from eyeground.evaluation.results import (
    AtOperatingPoint,
    Evaluation,
    MultiOutputDecision,
    MultiOutputEvaluation,
    OutputEvaluation,
)

PAGE = 6.9  # inches
CELL, MARGIN = 0.55, 1.1  # inches; cells keep one size as far as an A4 page has room
MOST_WITH_SHARES = 8  # classes; with more, a cell holds its count alone
LONGEST_NAME = 14


def confusion_figure(evaluation: Evaluation) -> Figure:
    """One confusion matrix for each output and operating point, of which there is at least one."""
    shown = [(output, at) for output in evaluation.outputs for at in output.at]
    with styled():
        figure, panels = panels_of(len(shown), width=2.3, height=2.7)
        for index, (axes, (output, at)) in enumerate(zip(panels, shown, strict=True)):
            _draw_binary(axes, output, at)
            if index % PANELS_PER_ROW:
                axes.set_ylabel("")
    return figure


def class_figure(evaluation: MultiOutputEvaluation) -> Figure:
    """Photos by class (rows) and decision (columns), shaded by their share of the row."""
    classes, decisions = evaluation.family.classes, evaluation.decisions
    side = min(CELL * len(classes) + MARGIN, PAGE)
    columns = len(decisions) if side * len(decisions) <= PAGE else 1
    rows = -(-len(decisions) // columns)
    with styled():
        figure = Figure(figsize=(side * columns, (side + 0.2) * rows), layout="constrained")
        for axes, decision in zip(figure.subplots(rows, columns, squeeze=False).flat, decisions, strict=True):
            _draw_classes(axes, decision, classes)
    return figure


def _draw_binary(axes: Axes, output: OutputEvaluation, at: AtOperatingPoint) -> None:
    found = at.confusion
    counts = np.array([[found.true_positives, found.false_negatives], [found.false_positives, found.true_negatives]])
    shares = _draw_shares(axes, counts, line=2)
    for row, column in np.ndindex(2, 2):
        share = f"{shares[row, column]:.1%}" if counts[row].any() else "no photos"
        axes.text(column, row - 0.06, f"{counts[row, column]:,}", ha="center", va="center", fontsize=12)
        axes.text(column, row + 0.2, share, ha="center", va="center", fontsize=7.5)
    axes.set_xticks([0, 1], ["positive", "negative"])
    axes.set_yticks([0, 1], ["positive", "negative"], rotation=90, va="center")
    kind = "optimistic threshold" if at.is_optimistic else "threshold"
    title(axes, output.output, f"{kind} {at.point.threshold:.3g}, {short_rule(at.point.rule)}")


def _draw_classes(axes: Axes, decision: MultiOutputDecision, classes: tuple[str, ...]) -> None:
    counts = np.array(decision.confusion)
    shares = _draw_shares(axes, counts, line=1.5)
    with_shares = len(classes) <= MOST_WITH_SHARES
    for row, column in np.ndindex(*counts.shape):
        share = f"\n{shares[row, column]:.0%}" if with_shares and counts[row].any() else ""
        size = 7.5 if with_shares else 6.5
        axes.text(column, row, f"{counts[row, column]:,}{share}", ha="center", va="center", fontsize=size)
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=90 if max(map(len, names)) > 4 else 0)
    axes.set_yticks(range(len(classes)), names)
    rule = decision.rule.replace(" at ", "\nat ", 1).replace(" (", "\n(", 1)
    axes.set_title(rule, loc="left", fontsize=7.5, color="#555555")


def _draw_shares(axes: Axes, counts: np.ndarray, line: float) -> np.ndarray:
    """Shade the cells by their share of the row, and return the shares: 0 in a row without photos."""
    totals = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    # Half of the colour map's range, so that dark numbers stay readable on every cell.
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=2)
    axes.set(xlabel="Called", ylabel="Truth")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in np.arange(0.5, len(counts) - 1):
        axes.axhline(edge, color="white", linewidth=line)
        axes.axvline(edge, color="white", linewidth=line)
    return shares
