"""Subgroups as a section of the report: a forest plot and two tables for each output."""

import re

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.comparing.tables import p_text
from eyeground.evaluation.estimates import FEW_PATIENTS, as_text, signed
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.interval_figure import Row, interval_figure
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.shown_outputs import how_many_shown, shown_outputs
from eyeground.evaluation.reporting.wording import counted, joined
from eyeground.evaluation.subgroups.group_tables import (
    GAP_METHODS,
    VALUE_METHODS,
    gap_rows,
    gaps_beyond_chance,
    rows_of_group,
    rules_of,
    slug,
    threshold_words,
    value_rows,
)
from eyeground.evaluation.subgroups.groups import Group
from eyeground.evaluation.subgroups.levels import TITLES
from eyeground.evaluation.subgroups.subgroups import OutputSubgroups, Subgroups

KEY = "subgroups"


def subgroups_section(result: Subgroups) -> Section:
    """The section `subgroups` of a report."""
    divided = [output for output in result.outputs if output.levels]
    shown = shown_outputs(divided)
    rows: list[ResultRow] = []
    for output in divided:
        for column, level in zip(output.columns, output.levels, strict=True):
            rows += rows_of_group(KEY, output.output, f"{column}={level.name}", level)
        all_photos = output.overall.photos, output.overall.patients, output.overall.positives
        for one in output.equity:
            rows += [
                ResultRow(KEY, output.output, one.column, estimate, *all_photos)
                for estimate in (one.worst_auroc, one.scaled)
            ]
    return Section(
        key=KEY,
        title="Subgroups",
        paragraphs=(
            _what_was_done(result),
            *result.remarks,
            *filter(None, [how_many_shown(divided).strip()]),
            *(_what_came_out(output) for output in shown),
            *filter(None, map(_without_equity, shown)),
        ),
        tables=tuple(table for output in shown for table in _tables(output, result)),
        figures=tuple(_figure(output, result) for output in shown),
        results=tuple(rows),
    )


def _what_was_done(result: Subgroups) -> str:
    if not result.columns:
        return "No column of the predictions divides the photos, so there is no subgroup to evaluate."
    names = joined([TITLES.get(column, column).lower() for column in result.columns])
    return (
        f"The results of {counted(result.photos, 'photo')} ({result.scope}) "
        f"were computed by {names}. A gap is the value of a level minus that of all other photos. Intervals "
        f"({CONFIDENCE:.0%}) of levels are {VALUE_METHODS}, from {result.resamples:,} resamples of patients, the same for all levels. {GAP_METHODS}; "
        "p-values are adjusted for the number of gaps of the same metric (Holm). A gap that rests on fewer than "
        f"{FEW_PATIENTS} patients is not tested. A gap without a small p-value is not shown to be absent: its interval "
        "says how large it may be."
    )


def _what_came_out(output: OutputSubgroups) -> str:
    levels = [
        (f"in {_named(column, level)}", level)
        for place, (column, level) in enumerate(zip(output.columns, output.levels, strict=True))
        # Of two levels, the second one's gap is that of the first with its sign turned.
        if output.columns.count(column) != 2 or output.columns.index(column) == place
    ]
    return f"{describe_output(output.output)}: {gaps_beyond_chance(levels, rules_of(output.overall))}"


def _without_equity(output: OutputSubgroups) -> str:
    """Which columns have no worst group, and why; empty where all have one."""
    have = {one.column for one in output.equity}
    lacking = [TITLES.get(column, column).lower() for column in dict.fromkeys(output.columns) if column not in have]
    if not lacking:
        return ""
    return (
        f"{describe_output(output.output)}: no worst-group and no equity-scaled AUROC by {joined(lacking)}, since fewer than two "
        f"groups rest on {FEW_PATIENTS} patients or more of either class."
    )


def _figure(output: OutputSubgroups, result: Subgroups) -> FigureBlock:
    overall = output.overall.metric(AUROC).estimate
    unit = "Photos" if result.patients is None else "Patients"
    rows = [_row("All photos", output.overall, unit)]
    heading = ""
    for column, level in zip(output.columns, output.levels, strict=True):
        if column != heading:
            rows.append(Row(TITLES.get(column, column)))
            heading = column
        rows.append(_row(level.name, level, unit))
    figure = interval_figure(
        rows, "AUROC", columns=(unit, "AUROC (95 %)", "Gap to the other photos", "p"), line=overall.value
    )
    name = describe_output(output.output)
    extremes = _extremes(output)
    return FigureBlock(
        name=f"subgroups-{slug(output.output)}",
        figure=figure,
        alt=f"AUROC of {name} by subgroup, in rows with intervals; over all photos {as_text(overall)}.{extremes}",
        caption=(
            f"AUROC of {name} in each subgroup of {result.scope} ({counted(output.overall.photos, 'photo')} "
            f"with a known truth). Bars: {CONFIDENCE:.0%} intervals over "
            "patients; broken line: all photos; p adjusted for the number of gaps (Holm)."
        ),
    )


def _row(label: str, level: Group, unit: str) -> Row:
    metric = level.metric(AUROC)
    p, gap = "", ""
    if metric.gap is not None:
        p = p_text(metric.gap.p_holm)
        few = re.search(r"only \d+ [\w ]+", f"{metric.gap.estimate.note}; {metric.estimate.note}")
        gap = few[0] if few else signed(metric.gap.estimate)
    return Row(
        label,
        (metric.estimate,),
        (f"{level.photos if unit == 'Photos' else level.patients:,}", as_text(metric.estimate), gap, p),
    )


def _extremes(output: OutputSubgroups) -> str:
    known = [
        (estimate.value, f"{_named(column, level)}: {as_text(estimate)}")
        for column, level in zip(output.columns, output.levels, strict=True)
        for estimate in [level.metric(AUROC).estimate]
        if estimate.value is not None and estimate.low is not None
    ]
    return f" Lowest in {min(known)[1]}, highest in {max(known)[1]}." if known else ""


def _tables(output: OutputSubgroups, result: Subgroups) -> list[TableBlock]:
    name, rules = describe_output(output.output), rules_of(output.overall)
    groups = [("All photos", output.overall)]
    groups += [
        (f"{TITLES.get(column, column)}: {level.name}", level)
        for column, level in zip(output.columns, output.levels, strict=True)
    ]
    at = threshold_words(output.overall)
    evenness = [_equity_table(output, result)] if output.equity else []
    return [
        TableBlock(
            f"subgroups-{slug(output.output)}",
            pd.DataFrame(value_rows("Subgroup", groups, rules)),
            f"{name} by subgroup ({result.scope}), with {CONFIDENCE:.0%} intervals over patients. Mean calibration is the "
            f"mean probability minus the prevalence.{at}",
        ),
        TableBlock(
            f"subgroup-gaps-{slug(output.output)}",
            pd.DataFrame(gap_rows("Subgroup", groups[1:], rules)),
            f"{name}: each subgroup minus all other photos, with {CONFIDENCE:.0%} intervals over patients and p "
            f"adjusted for the number of gaps in its column (Holm).{at}",
        ),
        *evenness,
    ]


def _equity_table(output: OutputSubgroups, result: Subgroups) -> TableBlock:
    rows = [
        {
            "Column": TITLES.get(one.column, one.column),
            "Groups": str(one.groups),
            "Lowest in": one.worst,
            "Worst-group AUROC": as_text(one.worst_auroc),
            "Equity-scaled AUROC": as_text(one.scaled),
            "Note": one.worst_auroc.note,
        }
        for one in output.equity
    ]
    return TableBlock(
        f"equity-{slug(output.output)}",
        pd.DataFrame(rows),
        f"{describe_output(output.output)}: how evenly groups are ranked ({result.scope}), with {CONFIDENCE:.0%} intervals over "
        "patients (DeLong's of each group and gap, combined for several groups; they hold the truth in 95 % of studies or more). "
        "The equity-scaled AUROC is that of all photos over 1 plus the sum of its distances to the groups'; more groups "
        "make it lower, so only tables with the same groups compare.",
    )


def _named(column: str, level: Group) -> str:
    return f"{TITLES.get(column, column).lower()} {level.name}"
