"""Repeatability as a section of the report: decisions and probabilities of photos that repeat each other."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.metrics import TITLES
from eyeground.evaluation.repeatability.repeatability import OutputRepeatability, Repeatability
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled
from eyeground.evaluation.reporting.figures import PANELS_PER_ROW, panels_of, title
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.shown_outputs import MOST_SHOWN
from eyeground.evaluation.reporting.wording import counted, joined, notes_of, short_rule

KEY = "repeatability"
MOST_DOTS = 2000


def repeatability_section(result: Repeatability) -> Section:
    """The section `repeatability` of a report."""
    tables = [_limits_table(result)]
    if any(output.decided for output in result.outputs):
        tables.insert(0, _decisions_table(result))
    return Section(
        key=KEY,
        title="Repeatability",
        paragraphs=(
            _what_was_done(result),
            *(_what_came_out(output, result) for output in result.outputs[:MOST_SHOWN]),
        ),
        tables=tuple(tables),
        figures=(_figure(result),),
        results=_rows(result),
    )


def _what_was_done(result: Repeatability) -> str:
    return (
        f"Photos of one patient with the same '{result.column}' repeat each other: {counted(result.pairs, 'pair')} among "
        f"{counted(result.photos, 'photo')} of {counted(result.patients, 'patient')} ({result.scope}), whatever their truth. Share of "
        "pairs decided alike: Wilson's interval over patients; kappa counts pairs in both orders (Scott's pi), with MOVER's "
        "interval. Differences are of probabilities, the second photo by name minus the first; the limits of agreement are "
        "their mean ± 1.96 standard deviations (Bland and Altman), with intervals by Student's t over patients. "
        "Every other section counts each of these photos as one more of its patient."
    )


def _what_came_out(output: OutputRepeatability, result: Repeatability) -> str:
    found = (
        f"{describe_output(output.output)}: the second probability differs from the first by {signed(output.mean_difference)} "
        f"on average"
    )
    if output.low.value is not None and output.high.value is not None:
        found += (
            f"; 95 % of differences of a normal distribution would lie between {signed(output.low)} and {signed(output.high)}, "
            f"where {output.within:,} of {counted(result.pairs, 'pair')} ({output.within / result.pairs:.1%}) lie"
        )
    if output.decided:
        first = output.decided[0]
        agreement, kappa = first.estimates
        found += (
            f". At the threshold {first.point.threshold:.3g} ({short_rule(first.point.rule)}), decisions agree in "
            f"{as_text(agreement, '.1%')} of pairs, {TITLES[kappa.metric].lower()} {as_text(kappa)}"
        )
    return found + "."


def _decisions_table(result: Repeatability) -> TableBlock:
    rows = [
        {
            "Output": describe_output(output.output),
            "Operating point": short_rule(decided.point.rule),
            "Threshold": f"{decided.point.threshold:.3g}",
            "Both positive": f"{decided.both_positive:,}",
            "Both negative": f"{decided.both_negative:,}",
            "Differ": f"{decided.changed:,}",
            **{TITLES[one.metric]: as_text(one) for one in decided.estimates},
            "Note": notes_of(decided.estimates),
        }
        for output in result.outputs
        for decided in output.decided
    ]
    caption = f"Decisions on pairs of photos that repeat each other, with {CONFIDENCE:.0%} intervals over patients."
    return TableBlock("repeatability-decisions", pd.DataFrame(rows), caption)


def _limits_table(result: Repeatability) -> TableBlock:
    rows = [
        {
            "Output": describe_output(output.output),
            "Pairs": f"{result.pairs:,}",
            "Patients": f"{result.patients:,}",
            **{TITLES[one.metric]: signed(one) for one in _estimates(output)},
            "Pairs within": f"{output.within:,}",
            "Note": notes_of(_estimates(output)),
        }
        for output in result.outputs
    ]
    caption = (
        "Differences of the probabilities of pairs of photos that repeat each other, and their limits of agreement, with "
        f"{CONFIDENCE:.0%} intervals over patients."
    )
    return TableBlock("repeatability", pd.DataFrame(rows), caption)


def _estimates(output: OutputRepeatability) -> tuple[Estimate, ...]:
    return output.mean_difference, output.low, output.high


def _figure(result: Repeatability) -> FigureBlock:
    shown = result.outputs[:MOST_SHOWN]
    with styled():
        single = len(shown) == 1
        figure, panels = _panels(len(shown), single)
        for index, (axes, output) in enumerate(zip(panels, shown, strict=True)):
            _draw(axes, output)
            title(axes, output.output, f"{output.within:,} of {counted(result.pairs, 'pair')} within limits")
            axes.set(xlabel="Mean of both probabilities", ylabel="" if index % PANELS_PER_ROW else "Second minus first")
    names = joined([describe_output(output.output) for output in shown])
    some = f" Dots: {MOST_DOTS:,} pairs, evenly chosen." if result.pairs > MOST_DOTS else " Dots: pairs of photos."
    return FigureBlock(
        "repeatability",
        figure,
        alt=f"Differences of repeated probabilities by their mean, of {names}. "
        + " ".join(f"Limits {signed(output.low)} and {signed(output.high)}." for output in shown),
        caption=(
            f"Bland and Altman's plot ({result.scope}).{some} Line: mean difference; broken lines: limits of agreement; "
            f"bands: their {CONFIDENCE:.0%} intervals over patients."
        ),
    )


def _panels(count: int, single: bool) -> tuple[Figure, list[Axes]]:
    figure, panels = panels_of(count, width=4.2 if single else 2.3, height=3.2 if single else 2.5)
    return figure, list(panels)


def _draw(axes: Axes, output: OutputRepeatability) -> None:
    every = max(1, -(-len(output.differences) // MOST_DOTS))
    axes.plot(
        output.means[::every],
        output.differences[::every],
        linestyle="none",
        marker="o",
        markersize=2.6,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.5,
        clip_on=False,
    )
    for one, dashes in zip(_estimates(output), ("-", (0, (4, 2)), (0, (4, 2))), strict=True):
        if one.value is None:
            continue
        axes.axhline(one.value, color=COLOURS[0], linewidth=1.1, linestyle=dashes)
        if one.low is not None and one.high is not None:
            axes.axhspan(one.low, one.high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.axhline(0, color=PALE, linewidth=0.6, zorder=0)
    reach = max(np.abs(output.differences).max(), *(abs(end) for one in _estimates(output) for end in _ends(one)), 0.01)
    axes.set(xlim=(0, 1), ylim=(-1.08 * reach, 1.08 * reach))


def _ends(one: Estimate) -> tuple[float, ...]:
    return tuple(end for end in (one.low, one.value, one.high) if end is not None) or (0.0,)


def _rows(result: Repeatability) -> tuple[ResultRow, ...]:
    counts = result.photos, result.patients
    subset = f"same {result.column}"
    rows = [
        ResultRow(KEY, output.output, subset, estimate, *counts)
        for output in result.outputs
        for estimate in _estimates(output)
    ]
    return (
        *rows,
        *(
            ResultRow(KEY, output.output, subset, estimate, *counts, point=decided.point)
            for output in result.outputs
            for decided in output.decided
            for estimate in decided.estimates
        ),
    )
