"""Label-efficiency curves: the AUROC of every start against the share of labels used, with intervals."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from eyeground.evaluation.reporting.figure_style import COLOURS, LINES, PALE, styled
from eyeground.workflows.study.results import StudyResult

MARKS = ("o", "s", "^", "D", "v", "P", "X")
# The colours of all reports, then two more of the same palette.
HUES = (*COLOURS, "#E69F00", "#56B4E9")
_WIDTH, _HEIGHT = 4.5, 3.0  # inches
_DODGE = 1.035  # neighbours' intervals side by side on the logarithmic axis


def curves(results: Sequence[StudyResult], starts: Sequence[str]) -> Figure:
    """Draw the results of one task, data and method, one line for each start; colours go with the order of `starts`."""
    with styled():
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        axes = figure.add_subplot()
        for index, start in enumerate(starts):
            _line(axes, index, [one for one in results if one.initialisation == start], start, len(starts))
        fractions = sorted({one.comparison.fraction for one in results})
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(fractions))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        axes.axhline(0.5, color=PALE, linewidth=0.6, linestyle=(0, (1, 2)))
        axes.set_xlabel("Share of training patients with labels")
        axes.set_ylabel("AUROC")
        # Above the axes, where no curve can run into it.
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def _line(axes: Axes, index: int, results: Sequence[StudyResult], start: str, starts: int) -> None:
    ordered = sorted(results, key=lambda one: one.comparison.fraction)
    points = [(one.comparison.fraction, one.auroc) for one in ordered if one.auroc.value is not None]
    places = np.array([fraction for fraction, _ in points]) * _DODGE ** (index - (starts - 1) / 2)
    values, lows, highs = (
        np.array([(auroc.value, auroc.low, auroc.high) for _, auroc in points], float).reshape(-1, 3).T
    )
    # A value without an interval has no bar.
    reach = np.nan_to_num([values - lows, highs - values])
    axes.errorbar(
        places,
        values,
        yerr=reach,
        label=start,
        color=HUES[index % len(HUES)],
        linestyle=LINES[index % len(LINES)],
        marker=MARKS[index % len(MARKS)],
        markersize=3.5,
        linewidth=1.2,
        elinewidth=0.7,
    )
