"""Subgroups as a section of the report: a forest plot and two tables for each output."""

import re
from typing import Any

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.comparing.tables import p_text
from eyeground.evaluation.estimates import FEW_PATIENTS, signed
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.interval_figure import Row, interval_figure
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import counted, joined
from eyeground.evaluation.subgroups.group_tables import (
    estimate_text,
    figure_title,
    first_few,
    gap_text,
    notes_of,
    rules_of,
    slug,
    threshold_words,
    tidy_rows,
    tidy_table,
)
from eyeground.evaluation.subgroups.groups import PREVALENCE, Group
from eyeground.evaluation.subgroups.levels import TITLES
from eyeground.evaluation.subgroups.subgroups import OutputSubgroups, Subgroups

KEY = "subgroups"
LEVEL = 0.05


def subgroups_section(result: Subgroups) -> Section:
    """The section `subgroups` of a report."""
    shown = [output for output in result.outputs if output.levels]
    rows: list[dict[str, Any]] = []
    for output in shown:
        for column, level in zip(output.columns, output.levels, strict=True):
            rows += tidy_rows(KEY, output.output, f"{column}={level.name}", level)
    return Section(
        key=KEY,
        title="Subgroups",
        paragraphs=(_what_was_done(result), *result.remarks, *(_what_came_out(output) for output in shown)),
        tables=tuple(table for output in shown for table in _tables(output, result)),
        figures=tuple(_figure(output, result) for output in shown),
        metrics=tidy_table(rows),
    )


def _what_was_done(result: Subgroups) -> str:
    if not result.columns:
        return "No column of the predictions tells photos apart, so no subgroup could be looked at."
    names = joined([TITLES.get(column, column).lower() for column in result.columns])
    return (
        f"The figures of {counted(result.photos, 'photo')} of {counted(result.patients, 'patient')} ({result.scope}) "
        f"were computed by {names}. A gap is the figure of a level minus that of all other photos. Intervals "
        f"({CONFIDENCE:.0%}) of levels are BCa and those of gaps percentiles, from {result.resamples:,} resamples of patients, the same for all levels; "
        "p-values are adjusted for the number of gaps of the same metric (Holm). A gap that rests on fewer than "
        f"{FEW_PATIENTS} patients is not tested. A gap without a small p-value is not shown to be absent: its interval "
        "says how large it may be."
    )


def _what_came_out(output: OutputSubgroups) -> str:
    tested, beyond = 0, []
    rules = rules_of(output.overall)
    for place, (column, level) in enumerate(zip(output.columns, output.levels, strict=True)):
        if output.columns.count(column) == 2 and output.columns.index(column) != place:
            continue  # the other level's gap with its sign turned
        for figure in level.figures:
            if figure.gap is None or figure.gap.p_holm is None:
                continue
            tested += 1
            if figure.gap.p_holm < LEVEL:
                beyond.append(
                    f"{figure_title(figure, rules)} in {_named(column, level)} {signed(figure.gap.estimate)}, "
                    f"p {_equals(p_text(figure.gap.p_holm))}"
                )
    name = describe_output(output.output)
    if not tested:
        return f"{name}: no gap could be tested."
    if not beyond:
        return f"{name}: none of {tested} gaps is beyond chance after adjustment."
    return f"{name}: {len(beyond)} of {tested} gaps are beyond chance after adjustment: {first_few(beyond)}."


def _figure(output: OutputSubgroups, result: Subgroups) -> FigureBlock:
    overall = output.overall.figure(AUROC).estimate
    rows = [_row("All photos", output.overall)]
    heading = ""
    for column, level in zip(output.columns, output.levels, strict=True):
        if column != heading:
            rows.append(Row(TITLES.get(column, column)))
            heading = column
        rows.append(_row(level.name, level))
    figure = interval_figure(
        rows, "AUROC", columns=("Patients", "AUROC (95 %)", "Gap to the other photos", "p"), line=overall.value
    )
    name = describe_output(output.output)
    extremes = _extremes(output)
    return FigureBlock(
        name=f"subgroups-{slug(output.output)}",
        figure=figure,
        alt=f"AUROC of {name} by subgroup, in rows with intervals; over all photos {estimate_text(overall)}.{extremes}",
        caption=(
            f"AUROC of {name} in each subgroup of {result.scope} ({counted(output.overall.photos, 'photo')} of "
            f"{counted(output.overall.patients, 'patient')} with a known truth). Bars: {CONFIDENCE:.0%} intervals over "
            "patients; broken line: all photos; p adjusted for the number of gaps (Holm)."
        ),
    )


def _row(label: str, level: Group) -> Row:
    figure = level.figure(AUROC)
    p, gap = "", ""
    if figure.gap is not None:
        p = p_text(figure.gap.p_holm)
        few = re.search(r"only \d+ [\w ]+", f"{figure.gap.estimate.note}; {figure.estimate.note}")
        gap = few[0] if few else signed(figure.gap.estimate)
    return Row(label, (figure.estimate,), (f"{level.patients:,}", estimate_text(figure.estimate), gap, p))


def _extremes(output: OutputSubgroups) -> str:
    known = [
        (estimate.value, f"{_named(column, level)}: {estimate_text(estimate)}")
        for column, level in zip(output.columns, output.levels, strict=True)
        for estimate in [level.figure(AUROC).estimate]
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
    values = [
        {"Subgroup": label, "Photos": f"{one.photos:,}", "Patients": f"{one.patients:,}"}
        | {figure_title(figure, rules): estimate_text(figure.estimate) for figure in one.figures}
        | {"Note": notes_of([figure.estimate for figure in one.figures])}
        for label, one in groups
    ]
    gaps = []
    for label, one in groups[1:]:
        row = {"Subgroup": label}
        for figure in one.figures:
            if figure.estimate.metric != PREVALENCE:
                row[figure_title(figure, rules)] = gap_text(figure.gap)
        gaps.append(row | {"Note": notes_of([figure.gap.estimate for figure in one.figures if figure.gap])})
    at = threshold_words(output.overall)
    return [
        TableBlock(
            f"subgroups-{slug(output.output)}",
            pd.DataFrame(values),
            f"{name} by subgroup ({result.scope}), with {CONFIDENCE:.0%} intervals over patients. Mean calibration is the "
            f"mean probability minus the prevalence.{at}",
        ),
        TableBlock(
            f"subgroup-gaps-{slug(output.output)}",
            pd.DataFrame(gaps),
            f"{name}: each subgroup minus all other photos, with {CONFIDENCE:.0%} intervals over patients and p "
            f"adjusted for the number of gaps in its column (Holm).{at}",
        ),
    ]


def _named(column: str, level: Group) -> str:
    return f"{TITLES.get(column, column).lower()} {level.name}"


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"
