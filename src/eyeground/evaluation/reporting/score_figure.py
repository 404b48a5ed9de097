"""The distribution of a model's probabilities by truth: positives above a common axis, negatives below it.

The axis is linear in log odds: on a linear axis of probability, the scores of a rare disease would share the first bar.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import expit, logit

from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled
from eyeground.evaluation.reporting.figures import PANELS_PER_ROW, panels_of, title
from eyeground.evaluation.results import OutputEvaluation
from eyeground.evaluation.samples import Sample

BINS = 40
LOWEST = 1e-4  # more extreme probabilities are in the outermost bars
TICKS = (0.5, 0.01, 0.99, 0.1, 0.9, 0.001, 0.999, 0.0001, 0.9999)  # the most useful first

_THRESHOLD: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (4, 2))}


def score_figure(shown: Sequence[OutputEvaluation], samples: Mapping[str, Sample]) -> Figure:
    """One panel for each of the outputs, which all have photos with a known truth."""
    with styled():
        width, height = (2.3, 2.2) if len(shown) > 1 else (4.4, 2.8)
        figure, panels = panels_of(len(shown), width, height)
        for index, (axes, output) in enumerate(zip(panels, shown, strict=True)):
            _draw(axes, output, samples[output.output])
            if index % PANELS_PER_ROW:
                axes.set_ylabel("")
            if index + PANELS_PER_ROW < len(shown):
                axes.set_xlabel("")
        handles: list[Artist] = [
            Patch(facecolor=COLOURS[1], label="positive"),
            Patch(facecolor=COLOURS[0], label="negative"),
        ]
        if any(output.at for output in shown):
            handles.append(Line2D([], [], **_THRESHOLD, label="operating point"))
        figure.legend(handles=handles, loc="outside lower left", frameon=False, ncols=3)
    return figure


def _draw(axes: Axes, output: OutputEvaluation, sample: Sample) -> None:
    scores = logit(np.clip(sample.probability, LOWEST, 1 - LOWEST))
    edges = np.linspace(scores.min() - 0.01, scores.max() + 0.01, BINS + 1)
    highest = 0.0
    for value, colour, direction in ((1, COLOURS[1], 1), (0, COLOURS[0], -1)):
        of_truth = scores[sample.truth == value]
        if len(of_truth):
            shares = np.histogram(of_truth, edges)[0] / len(of_truth)
            highest = max(highest, float(shares.max()))
            axes.stairs(direction * shares, edges, fill=True, color=colour, linewidth=0)
    axes.axhline(0, color=PALE, linewidth=0.6)
    for at in output.at:
        axes.axvline(logit(np.clip(at.point.threshold, LOWEST, 1 - LOWEST)), **_THRESHOLD)
    axes.set(
        ylim=(-1.08 * highest, 1.08 * highest), xlabel="Probability (linear in log odds)", ylabel="Share of photos"
    )
    ticks = _ticks(*axes.get_xlim())
    axes.set_xticks([float(logit(tick)) for tick in ticks], [f"{tick:g}" for tick in ticks])
    tick = float(f"{highest:.1g}") if highest < 0.95 else 1.0
    axes.set_yticks([-tick, 0, tick], [f"{tick:.0%}", "0", f"{tick:.0%}"])
    title(axes, output.output, f"{output.positives:,} positive, {output.negatives:,} negative")


def _ticks(low: float, high: float) -> list[float]:
    """Probabilities to label between two log odds: as many as fit, at least one."""
    shown: list[float] = []
    for tick in TICKS:
        free = all(abs(logit(tick) - logit(other)) > 0.23 * (high - low) for other in shown)
        if free and low <= logit(tick) <= high:
            shown.append(tick)
    return shown or [float(expit((low + high) / 2).round(3))]
