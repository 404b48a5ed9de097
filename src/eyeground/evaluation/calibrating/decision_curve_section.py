"""Decision curves as a section of the report."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.calibrating.decision_curve import DecisionCurve, DecisionCurves
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, LINES, styled
from eyeground.evaluation.reporting.figures import PANELS_PER_ROW, panels_of, title
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.shown_outputs import how_many_shown, shown_outputs
from eyeground.evaluation.reporting.wording import counted, joined

KEY = "decision_curve"
TABLE_THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
# Net benefits closer than this differ by rounding alone.
NOTHING = 1e-12


def decision_curve_section(result: DecisionCurves) -> Section:
    """The section `decision_curve` of a report."""
    shown = shown_outputs(result.outputs)
    paragraphs = [_what_was_done(result), *filter(None, [how_many_shown(result.outputs).strip()])]
    paragraphs += [_what_came_out(curve) for curve in shown]
    paragraphs += [f"{describe_output(output)}: not estimable: {why}." for output, why in result.not_estimable.items()]
    return Section(
        key=KEY,
        title="Decision curves",
        paragraphs=tuple(paragraphs),
        tables=(_table(result),) if result.outputs else (),
        figures=(_figure(result, shown),) if result.outputs else (),
        results=_rows(result),
    )


def _what_was_done(result: DecisionCurves) -> str:
    given = [curve.prevalence for curve in result.outputs if not curve.is_observed]
    at = f"at a prevalence of {given[0]:.3g}" if given else "at the prevalence observed"
    intervals = (
        f" Intervals ({CONFIDENCE:.0%}) are percentiles of {result.resamples:,} resamples of patients, point by point."
        if result.resamples
        else ""
    )
    return (
        f"Net benefit ({result.scope}, {at}): true positives per photo, less false positives at the odds of the threshold "
        "(Vickers & Elkin 2006). The threshold is the probability from which a photo is acted on, and says how many false "
        "alarms one found case is worth: nineteen at 0.05, one at 0.5. The model is worth using at a threshold where it beats "
        f"acting on every photo and on none.{intervals}"
    )


def _what_came_out(curve: DecisionCurve) -> str:
    name = describe_output(curve.output)
    better = ranges(curve.thresholds, curve.advantage > NOTHING)
    if not better:
        return f"{name}: at no threshold does the model beat acting on all and on none."
    sentence = f"{name}: thresholds at which the model beats acting on all and on none: {better}"
    if not len(curve.advantage_low):
        return sentence + "."
    return f"{sentence}; beyond chance: {ranges(curve.thresholds, curve.advantage_low > NOTHING) or 'none'}."


def ranges(thresholds: np.ndarray, holds: np.ndarray) -> str:
    """The thresholds at which a condition is true, as text; empty where it never is.

    >>> ranges(np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, True, False, True]))
    '0.1 to 0.2 and 0.4'
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]])))
    runs = [(thresholds[first], thresholds[after - 1]) for first, after in edges.reshape(-1, 2)]
    return joined([f"{first:.3g} to {last:.3g}" if last > first else f"{first:.3g}" for first, last in runs])


def _at(curve: DecisionCurve, index: int) -> tuple[Estimate, Estimate]:
    """Net benefit of the model and its advantage over the better of all and none, at one threshold."""
    if not len(curve.low):
        note = "no interval"
        return (
            Estimate("net_benefit", float(curve.model[index]), note=note),
            Estimate("net_benefit_advantage", float(curve.advantage[index]), note=note),
        )
    return (
        Estimate("net_benefit", float(curve.model[index]), float(curve.low[index]), float(curve.high[index])),
        Estimate(
            "net_benefit_advantage",
            float(curve.advantage[index]),
            float(curve.advantage_low[index]),
            float(curve.advantage_high[index]),
        ),
    )


def _table(result: DecisionCurves) -> TableBlock:
    rows = []
    for curve in result.outputs:
        for index in _table_indices(curve):
            model, advantage = (_per_thousand(estimate) for estimate in _at(curve, index))
            rows.append(
                {
                    "Output": describe_output(curve.output),
                    "Threshold": f"{curve.thresholds[index]:.2f}",
                    "Model": model,
                    "All photos": _per_thousand(Estimate("net_benefit_of_all", float(curve.treat_all[index]))),
                    "Model less the better of all and none": advantage,
                }
            )
    caption = (
        f"Net benefit in true positives per 1,000 photos ({result.scope}); acting on no photo has 0. In brackets: "
        f"{CONFIDENCE:.0%} intervals over patients."
    )
    return TableBlock("decision-curve", pd.DataFrame(rows), caption)


def _table_indices(curve: DecisionCurve) -> list[int]:
    """Where the curve's thresholds are nearest those of the table."""
    return sorted({int(np.argmin(np.abs(curve.thresholds - threshold))) for threshold in TABLE_THRESHOLDS})


def _per_thousand(estimate: Estimate) -> str:
    value, low, high = (None if one is None else 1000 * one for one in (estimate.value, estimate.low, estimate.high))
    return as_text(Estimate(estimate.metric, value, low, high), ".1f")


def _rows(result: DecisionCurves) -> tuple[ResultRow, ...]:
    rows = []
    for curve in result.outputs:
        for index in _table_indices(curve):
            subset = f"threshold {curve.thresholds[index]:g}, prevalence {curve.prevalence:.4g}"
            of_all = Estimate("net_benefit_of_all", float(curve.treat_all[index]), note="no interval")
            rows += [
                ResultRow(KEY, curve.output, subset, estimate, curve.photos, curve.patients)
                for estimate in (*_at(curve, index), of_all)
            ]
    return tuple(rows)


def _figure(result: DecisionCurves, shown: Sequence[DecisionCurve]) -> FigureBlock:
    with styled():
        count = len(shown)
        figure, panels = panels_of(count, *((4.4, 3.2) if count == 1 else (2.3, 2.3)))
        for index, (axes, curve) in enumerate(zip(panels, shown, strict=True)):
            _draw(axes, curve)
            if index % PANELS_PER_ROW:
                axes.set_ylabel("")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, handlelength=2.4)
    photos = joined(
        [f"{counted(curve.photos, 'photo')} ({describe_output(curve.output)})" for curve in result.outputs[:1]]
    )
    of = f" of {photos}" if len(result.outputs) == 1 else ""
    return FigureBlock(
        name="decision-curve",
        figure=figure,
        alt="Decision curves. " + " ".join(_what_came_out(curve) for curve in shown),
        caption=(
            f"{how_many_shown(result.outputs)}Net benefit by threshold{of} ({result.scope}): of the model with its {CONFIDENCE:.0%} band over patients, of "
            "acting on every photo, and of acting on none. Acting on the highest of the three is worth most."
        ),
    )


def _draw(axes: Axes, curve: DecisionCurve) -> None:
    if len(curve.low):
        axes.fill_between(curve.thresholds, curve.low, curve.high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(curve.thresholds, curve.model, color=COLOURS[0], linewidth=1.5, linestyle=LINES[0], label="Model")
    axes.plot(
        curve.thresholds, curve.treat_all, color=COLOURS[1], linewidth=1.2, linestyle=LINES[1], label="All photos"
    )
    axes.axhline(0, color=INK, linewidth=0.8, linestyle=LINES[2], label="None")
    top = max(curve.prevalence, *(curve.high if len(curve.high) else curve.model)) * 1.05
    axes.set(xlim=(0, 1), ylim=(-0.15 * top, top), xlabel="Threshold", ylabel="Net benefit")
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    title(axes, curve.output, f"prevalence {curve.prevalence:.3g}{'' if curve.is_observed else ', given'}")
