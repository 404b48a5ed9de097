"""Confusion matrices of targets with several classes, one for each way to decide among them.

Cells keep one size as far as an A4 page has room, so a grade of five steps and a choice of twenty diseases are both
legible; from nine classes on, a cell holds its count alone.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.evaluation.reporting.figure_style import styled
from eyeground.evaluation.results import MultiOutputDecision, MultiOutputEvaluation

PAGE = 6.9  # inches
CELL, MARGIN = 0.55, 1.1  # inches
MOST_WITH_SHARES = 8
LONGEST_NAME = 14


def class_figure(evaluation: MultiOutputEvaluation) -> Figure:
    """Photos by class (rows) and decision (columns), shaded by their share of the row."""
    side = min(CELL * len(evaluation.family.classes) + MARGIN, PAGE)
    decisions = evaluation.decisions
    beside = len(decisions) if side * len(decisions) <= PAGE else 1
    rows = -(-len(decisions) // beside)
    with styled():
        figure = Figure(figsize=(side * beside, (side + 0.2) * rows), layout="constrained")
        panels = figure.subplots(rows, beside, squeeze=False).flat
        for axes, decision in zip(panels, decisions, strict=True):
            _draw(axes, decision, evaluation.family.classes)
    return figure


def _draw(axes: Axes, decision: MultiOutputDecision, classes: tuple[str, ...]) -> None:
    counts = np.array(decision.confusion)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    # Half of the colour map's range, so that dark figures stay readable on every cell.
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=2)
    with_shares = len(classes) <= MOST_WITH_SHARES
    for row, column in np.ndindex(*counts.shape):
        share = f"\n{shares[row, column]:.0%}" if with_shares and totals[row] else ""
        size = 7.5 if with_shares else 6.5
        axes.text(column, row, f"{counts[row, column]:,}{share}", ha="center", va="center", fontsize=size)
    names = [name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…" for name in classes]
    upright = max(map(len, names)) > 4
    axes.set_xticks(range(len(classes)), names, rotation=90 if upright else 0)
    axes.set_yticks(range(len(classes)), names)
    axes.set(xlabel="Called", ylabel="Truth")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in np.arange(0.5, len(classes) - 1):
        axes.axhline(edge, color="white", linewidth=1.5)
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.set_title(_in_lines(decision.rule), loc="left", fontsize=7.5, color="#555555")


def _in_lines(rule: str) -> str:
    """The rule, broken before what stands in parentheses."""
    return rule.replace(" at ", "\nat ", 1).replace(" (", "\n(", 1)
