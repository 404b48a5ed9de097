"""Calibration as a section of the report: a reliability diagram for each output above its histogram of scores."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.calibrating.reliability import Reliabilities, Reliability, ReliabilityBin
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.evaluation.metrics import INTERCEPT, title_of
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled
from eyeground.evaluation.reporting.figures import PANELS_PER_ROW, title
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.shown_outputs import how_many_shown, shown_outputs
from eyeground.evaluation.reporting.wording import counted, joined, notes_of

KEY = "calibration"


def reliability_section(
    result: Reliabilities, estimates: Mapping[str, Sequence[Estimate]] | None = None, remarks: Sequence[str] = ()
) -> Section:
    """The section `calibration` of a report.

    Args:
        estimates: Further columns of the table, such as calibration slope, calibration in the large, calibration error
            and Brier score.
        remarks: What was done to the probabilities, such as `describe_calibration` of a bundle's calibrations.
    """
    paragraphs = [_what_was_done(result), *remarks]
    if result.outputs:
        paragraphs.append(how_many_shown(result.outputs) + _what_came_out(shown_outputs(result.outputs)))
        paragraphs += _in_the_large(result, estimates or {})
    paragraphs += [f"{describe_output(output)}: not estimable: {why}." for output, why in result.not_estimable.items()]
    return Section(
        key=KEY,
        title="Calibration",
        paragraphs=tuple(paragraphs),
        tables=(_table(result, estimates or {}),) if result.outputs else (),
        figures=(_figure(result),) if result.outputs else (),
        results=_rows(result),
    )


def _what_was_done(result: Reliabilities) -> str:
    intervals = (
        f"Intervals ({CONFIDENCE:.0%}) are percentiles of {result.resamples:,} resamples of patients, point by point."
        if result.resamples
        else "No resamples were asked for, so there are no intervals."
    )
    return (
        f"Predicted probabilities were compared with the share of positives ({result.scope}): in bins of equally many photos, "
        f"and as a local linear regression on the photos themselves. {intervals} Perfect calibration lies on the diagonal; below "
        "it probabilities are too high, above it too low."
    )


def _what_came_out(outputs: Sequence[Reliability]) -> str:
    found = []
    for output in outputs:
        off = [one for one in output.bins if not _holds(one)]
        share = output.positives / output.photos
        found.append(
            f"{describe_output(output.output)} was predicted at {output.mean_predicted:.3f} on average and found in {share:.3f}, with "
            f"{len(off)} of {counted(len(output.bins), 'bin')} off the diagonal beyond the interval"
        )
    return "; ".join(found) + "."


def _in_the_large(result: Reliabilities, estimates: Mapping[str, Sequence[Estimate]]) -> list[str]:
    """What calibration in the large means, as odds; of several outputs the table alone has it."""
    if len(result.outputs) > 1:
        return []
    (output,) = result.outputs
    found = next((one for one in estimates.get(output.output, ()) if one.metric == INTERCEPT), None)
    if found is None or found.value is None or found.low is None or found.high is None:
        return []
    odds = [math.exp(value) for value in (found.value, found.low, found.high)]
    reading = (
        "probabilities are too low"
        if found.low > 0
        else "probabilities are too high"
        if found.high < 0
        else "no sign that probabilities are too high or too low"
    )
    return [
        f"Calibration in the large is {as_text(found)} log odds: the odds of a positive are {odds[0]:.2f} ({odds[1]:.2f}–"
        f"{odds[2]:.2f}) times those predicted, so on the whole {reading}."
    ]


def _holds(one: ReliabilityBin) -> bool:
    """Whether the mean probability of a bin lies within the interval of the observed share; True where there is none."""
    if one.observed.low is None or one.observed.high is None:
        return True
    return bool(one.observed.low <= one.predicted <= one.observed.high)


def _table(result: Reliabilities, estimates: Mapping[str, Sequence[Estimate]]) -> TableBlock:
    rows = []
    for output in result.outputs:
        row = {
            "Output": describe_output(output.output),
            "Photos": f"{output.photos:,}",
            "Patients": f"{output.patients:,}",
            "Positives": f"{output.positives:,}",
            "Mean predicted": f"{output.mean_predicted:.3f}",
            "Observed": f"{output.positives / output.photos:.3f}",
        }
        of_output = estimates.get(output.output, ())
        row |= {title_of(estimate.metric): as_text(estimate) for estimate in of_output}
        rows.append(row | {"Note": notes_of(of_output)})
    caption = f"Calibration of each output ({result.scope})."
    if estimates:
        caption += (
            f" In brackets: {CONFIDENCE:.0%} intervals over patients. A slope below 1 means predictions too extreme. "
            "Calibration in the large is in log odds: 0 is right, below 0 probabilities are too high, above 0 too low."
        )
    return TableBlock("calibration", pd.DataFrame(rows).fillna("–"), caption)


def _rows(result: Reliabilities) -> tuple[ResultRow, ...]:
    return tuple(
        ResultRow(
            KEY,
            output.output,
            f"probability {one.lowest:.4g} to {one.highest:.4g}",
            estimate,
            one.photos,
            one.patients,
            one.positives,
        )
        for output in result.outputs
        for one in output.bins
        for estimate in (
            Estimate("mean_predicted", one.predicted, note="no interval: it describes the bin"),
            one.observed,
        )
    )


def _figure(result: Reliabilities) -> FigureBlock:
    shown = shown_outputs(result.outputs)
    with styled():
        columns = min(len(shown), PANELS_PER_ROW)
        rows = math.ceil(len(shown) / columns)
        width, height = (3.2, 4.4) if len(shown) == 1 else (2.3, 3.1)
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[4, 1] * rows)
        for index in range(rows * columns):
            row, column = divmod(index, columns)
            pair = panels[2 * row : 2 * row + 2, column]
            if index >= len(shown):
                for unused in pair:
                    unused.remove()
                continue
            _draw(pair[0], pair[1], shown[index])
            pair[0].set_ylabel("" if column else "Observed share")
    names = joined([describe_output(output.output) for output in shown])
    return FigureBlock(
        name="calibration",
        figure=figure,
        alt=f"Reliability diagrams of {names}. {_what_came_out(shown)}",
        caption=(
            f"Observed share of positives by predicted probability ({result.scope}). {how_many_shown(result.outputs)}Dots: bins of equally many photos, with "
            f"{CONFIDENCE:.0%} intervals over patients. Line and band: local linear regression, without the outermost "
            "photos at either end. Dotted: perfect calibration. Below: photos by probability, positives up, negatives down, "
            "each scaled to its highest bar. Axes end beyond bins and curve; single photos may lie further out."
        ),
    )


def _draw(axes: Axes, scores: Axes, output: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=0.7, linestyle=(0, (1, 3)), zorder=0)
    curve = output.curve
    if len(curve.low):
        axes.fill_between(curve.predicted, curve.low, curve.high, color=COLOURS[0], alpha=0.15, linewidth=0)
    if len(curve.predicted):
        axes.plot(curve.predicted, curve.observed, color=COLOURS[0], linewidth=1.5)
    for one in output.bins:
        if one.observed.low is not None and one.observed.high is not None:
            axes.plot([one.predicted] * 2, [one.observed.low, one.observed.high], color=INK, linewidth=0.9, zorder=3)
    axes.plot(
        [one.predicted for one in output.bins],
        [one.positives / one.photos for one in output.bins],
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor=INK,
        markeredgewidth=1.0,
        zorder=4,
        clip_on=False,
    )
    limit = _limit(output)
    ticks = np.linspace(0, limit, 3)
    labels = [f"{tick:g}" for tick in ticks]
    axes.set(xlim=(0, limit), ylim=(0, limit))
    axes.set_yticks(ticks, labels)
    axes.set_xticks(ticks, [])
    axes.set_box_aspect(1)
    axes.spines[["left", "bottom"]].set_position(("outward", 4))
    title(axes, output.output, f"{output.positives:,} of {counted(output.photos, 'photo')} positive")
    _draw_scores(scores, output)
    scores.set(xlim=(0, limit), ylim=(-1.05, 1.05), xlabel="Predicted probability")
    scores.set_xticks(ticks, labels)
    scores.set_box_aspect(0.22)


def _draw_scores(axes: Axes, output: Reliability) -> None:
    width = np.diff(output.edges)
    for counts, sign, colour in ((output.positives_by_score, 1, COLOURS[0]), (output.negatives_by_score, -1, PALE)):
        axes.bar(
            output.edges[:-1], sign * counts / max(1, counts.max()), width, align="edge", color=colour, linewidth=0
        )
    axes.axhline(0, color=INK, linewidth=0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _limit(output: Reliability) -> float:
    """The end of both axes: a round number beyond bins and curve, so that those of a rare disease can be distinguished."""
    shown = [*output.curve.predicted, *output.curve.observed]
    shown += [max(one.predicted, one.positives / one.photos) for one in output.bins]
    return next((limit for limit in (0.1, 0.2, 0.4, 0.6) if max(shown) < limit), 1.0)
