"""AUROC against severity, one panel per corruption, all panels with the same axes."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled
from eyeground.evaluation.robustness.corrupted_predictions import describe_corruption
from eyeground.evaluation.robustness.robustness import AtSeverity, OutputRobustness, Robustness
from eyeground.evaluation.robustness.severity_curves import CHANCE

PANELS_PER_ROW = 4


def robustness_figure(result: Robustness, output: OutputRobustness) -> Figure:
    """AUROC against severity, one panel per corruption, severity 0 being the clean photos."""
    with styled():
        columns = min(PANELS_PER_ROW, len(result.corruptions))
        rows = math.ceil(len(result.corruptions) / columns)
        figure = Figure(figsize=(1.85 * columns + 0.3, 1.65 * rows + 0.3), layout="constrained")
        panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
        for axes, corruption in zip(panels, result.corruptions, strict=False):
            _draw(axes, output, [at for at in output.at if at.corruption == corruption])
            axes.set_title(describe_corruption(corruption), loc="left", fontsize=8.5, fontweight="bold", pad=4)
        for unused in panels[len(result.corruptions) :]:
            unused.remove()
        panels[0].set_xticks([0, *result.severities])
        panels[0].yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        panels[0].set_ylim(*_limits(output))
        for index, axes in enumerate(panels[: len(result.corruptions)]):
            # The last panel of a column shows the ticks, also where the last row is not full.
            is_last = index + columns >= len(result.corruptions)
            axes.tick_params(labelbottom=is_last)
            axes.set(xlabel="Severity" if is_last else "", ylabel="" if index % columns else "AUROC")
    return figure


def _draw(axes: Axes, output: OutputRobustness, found: Sequence[AtSeverity]) -> None:
    curve = [(0, output.clean), *((at.severity, at.auroc) for at in sorted(found, key=lambda at: at.severity))]
    known = [(severity, one.value) for severity, one in curve if one.value is not None]
    banded = [(severity, one.low, one.high) for severity, one in curve if one.low is not None and one.high is not None]
    if banded:
        places, lows, highs = zip(*banded, strict=True)
        axes.fill_between(places, lows, highs, color=COLOURS[0], alpha=0.18, linewidth=0)
    if output.clean.value is not None:
        axes.axhline(output.clean.value, color=PALE, linewidth=0.6)
    severities, values = zip(*known, strict=True)
    axes.plot(severities, values, color=INK, linewidth=1.2, marker="o", markersize=2.8)
    axes.annotate(
        f"{values[-1]:.2f}",
        (severities[-1], values[-1]),
        xytext=(3, -6),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=7.5,
    )


def _limits(output: OutputRobustness) -> tuple[float, float]:
    """From below the lowest band, chance at the highest, to just above the highest."""
    seen = [output.clean, *(at.auroc for at in output.at)]
    shown = [value for one in seen for value in (one.value, one.low, one.high) if value is not None]
    low, high = min([*shown, 1.0]), max([*shown, CHANCE])
    room = 0.12 * max(high - low, 0.05)
    return max(0.0, low - room), min(1.02, high + room / 2)
