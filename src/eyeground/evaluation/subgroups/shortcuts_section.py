"""Shortcuts as a section of the report, with a verdict for each column."""

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.estimates import as_text, signed
from eyeground.evaluation.reporting.interval_figure import Row, interval_figure
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import DASH, counted
from eyeground.evaluation.subgroups.attribute_probe import COMPONENTS, FOLDS, C
from eyeground.evaluation.subgroups.group_tables import notes_of
from eyeground.evaluation.subgroups.level_alone import CHANCE
from eyeground.evaluation.subgroups.levels import TITLES
from eyeground.evaluation.subgroups.shortcuts import Probe, Shortcuts, WithinLevels

KEY = "shortcuts"
# How much a probe finds, by its AUROC; only words, no decision depends on them.
DEGREES = (
    (0.6, "hardly separate the {}"),
    (0.75, "separate the {} to some degree"),
    (0.9, "separate the {} well"),
    (1.01, "separate the {} almost perfectly"),
)
MOST_SENTENCES = 4


def shortcuts_section(result: Shortcuts) -> Section:
    """The section `shortcuts` of a report."""
    tables = [_probe_table(result)] if result.probes else []
    figures = [_probe_figure(result)] if any(probe.auroc.value is not None for probe in result.probes) else []
    if result.within:
        tables.append(_within_table(result))
        figures.append(_within_figure(result))
    return Section(
        key=KEY,
        title="Shortcuts",
        paragraphs=(
            _what_was_done(result),
            which_source(result),
            *result.remarks,
            *(probe_verdict(probe) for probe in result.probes),
            *_within_verdicts(result.within),
        ),
        tables=tuple(tables),
        figures=tuple(figures),
        results=_rows(result),
    )


def probe_verdict(probe: Probe) -> str:
    """What a probe has shown, in one sentence."""
    name, auroc = _column(probe.column), probe.auroc
    if auroc.value is None:
        return f"Whether the embeddings contain the {name} is {auroc.note}."
    shown = f"macro AUROC {as_text(auroc)}, where {CHANCE} is chance"
    if auroc.low is None or auroc.high is None:
        return f"The embeddings separate the {name}: {shown}."
    if auroc.low <= CHANCE:
        return f"No sign that the embeddings contain the {name}: {shown}."
    degree = next(words for bound, words in DEGREES if auroc.value < bound)
    return f"The embeddings {degree.format(name)}: {shown}. Whether the score uses it is another question."


def which_source(result: Shortcuts) -> str:
    """Whether the score tells the source or the device of a photo: asked of every table, answered where it can be."""
    told = [
        f"{describe_output(pair.output)} tells one {_column(pair.column)} from another with an AUROC of "
        f"{as_text(pair.level_from_score)}"
        for pair in result.within
        if pair.level_from_score is not None
    ]
    asked = "Which dataset is this photo from?"
    if not told:
        return f"{asked} Not known to be told by the scores: the predictions name fewer than two sources or devices."
    return (
        f"{asked} By its probability alone, {'; '.join(told)} (each against the rest, {CHANCE} is chance; a level with more "
        "disease is told by its higher probabilities too)."
    )


def within_verdict(pair: WithinLevels) -> str:
    """What the score's AUROC within levels says, in two sentences."""
    column, output = _column(pair.column), describe_output(pair.output)
    if pair.within.value is None or pair.overall.value is None:
        return f"{output}, within one {column}: {pair.within.note if pair.within.value is None else pair.overall.note}."
    reached = (
        f"{output}: among photos of one {column} the score reaches an AUROC of {as_text(pair.within)}, against "
        f"{as_text(pair.overall)} over all of them"
    )
    alone = ""
    if pair.level_alone.value is not None:
        alone = f" The {column} alone, as a score, would reach {as_text(pair.level_alone)}."
    return f"{reached}{_meaning(pair, column)}.{alone}"


def _within_verdicts(pairs: tuple[WithinLevels, ...]) -> list[str]:
    """A verdict on each pair, or where there are many, on those that call for attention."""
    if len(pairs) <= MOST_SENTENCES:
        return [within_verdict(pair) for pair in pairs]
    suspect = [pair for pair in pairs if pair.within.value is None or _loses(pair)]
    others = f"In {'the other' if suspect else 'all'} {counted(len(pairs) - len(suspect), 'pair')} of output and column"
    return [
        *(within_verdict(pair) for pair in suspect),
        f"{others}, there is no sign that the score rests on the column; the table has the values.",
    ]


def _loses(pair: WithinLevels) -> bool:
    within, difference = pair.within, pair.difference
    return (within.low is not None and within.low <= CHANCE) or (difference.high is not None and difference.high < 0)


def _meaning(pair: WithinLevels, column: str) -> str:
    difference, within = pair.difference, pair.within
    if difference.low is None or difference.high is None or within.low is None:
        return ""
    by = f"(difference {signed(difference)})"
    if within.low <= CHANCE:
        return f"; within one {column} that is not shown to be better than chance, so the score may do no more than separate the levels {by}"
    if difference.high < 0:
        return f"; part of the latter comes from differences between levels of {column} {by}"
    if difference.low > 0:
        return f"; differences between levels of {column} hide more than they help {by}"
    return f"; no sign that the latter rests on the {column} {by}"


def _what_was_done(result: Shortcuts) -> str:
    if not result.within:
        return "No column of the predictions has two known levels, so shortcuts could not be looked for."
    scored = (
        "For each column, the score's AUROC among photos of one level only (pairs pooled over levels) is shown with its "
        "AUROC over the same photos, and with what the level alone would reach as a score, by its share of "
        "positives (optimism taken off)."
    )
    interval = (
        f" Intervals ({CONFIDENCE:.0%}) over all photos are score intervals with DeLong's clustered variance; of differences and of the "
        f"level alone percentiles, of all else BCa, of {result.resamples:,} resamples of patients."
    )
    if result.embedded is None:
        return f"{scored}{interval} No embeddings were given, so they were not probed."
    return (
        f"A linear probe separated each column's levels by the embeddings of {result.embedded:,} of "
        f"{counted(result.photos, 'photo')} ({result.scope}): standardised, at most {COMPONENTS} principal components, "
        f"logistic regression with C = {C}, {FOLDS} folds of patients, no setting tuned. {scored}{interval} Those of "
        "the probes are for the probes as fitted."
    )


def _probe_table(result: Shortcuts) -> TableBlock:
    rows = [
        {
            "Column": TITLES.get(probe.column, probe.column),
            "Levels separated": ", ".join(probe.levels) or "–",
            "Photos": f"{probe.photos:,}",
            "Patients": f"{probe.patients:,}",
            "Left out": f"{probe.left_out:,}",
            "Macro AUROC": as_text(probe.auroc),
            "Note": notes_of([probe.auroc]),
        }
        for probe in result.probes
    ]
    return TableBlock(
        "shortcut-probes",
        pd.DataFrame(rows),
        f"How well a linear probe separates levels by the embeddings, one versus the rest, with {CONFIDENCE:.0%} intervals "
        f"over patients; {CHANCE} is chance. Left out: photos of an unknown level, or of one with few patients.",
    )


def _probe_figure(result: Shortcuts) -> FigureBlock:
    rows = [
        Row(TITLES.get(probe.column, probe.column), (probe.auroc,), (f"{probe.patients:,}", as_text(probe.auroc)))
        for probe in result.probes
    ]
    figure = interval_figure(rows, "Macro AUROC of the probe", columns=("Patients", "Macro AUROC (95 %)"), line=CHANCE)
    shown = "; ".join(f"{_column(probe.column)} {as_text(probe.auroc)}" for probe in result.probes)
    return FigureBlock(
        "shortcut-probes",
        figure,
        alt=f"Macro AUROC with which a linear probe separates levels by the embeddings, with intervals: {shown}.",
        caption=(
            f"What the embeddings contain besides the disease: macro AUROC of linear probes in {result.scope}. Bars: "
            f"{CONFIDENCE:.0%} intervals over patients; broken line: chance."
        ),
    )


def _within_table(result: Shortcuts) -> TableBlock:
    rows = [
        {
            "Output": describe_output(pair.output),
            "Column": TITLES.get(pair.column, pair.column),
            "Photos": f"{pair.photos:,}",
            "AUROC": as_text(pair.overall),
            "Within one level": as_text(pair.within),
            "Difference": signed(pair.difference),
            "Level alone": as_text(pair.level_alone),
            "Level from score": DASH if pair.level_from_score is None else as_text(pair.level_from_score),
            "Note": notes_of([pair.overall, pair.within, pair.difference, pair.level_alone]),
        }
        for pair in result.within
    ]
    return TableBlock(
        "shortcuts-within",
        pd.DataFrame(rows),
        f"AUROC over all photos, among photos of one level, and of the level alone, and how well the "
        f"score tells the source or device, with {CONFIDENCE:.0%} intervals over patients. Photos with a known truth and level.",
    )


def _within_figure(result: Shortcuts) -> FigureBlock:
    rows: list[Row] = []
    for column in dict.fromkeys(pair.column for pair in result.within):
        rows.append(Row(TITLES.get(column, column)))
        rows += [
            Row(
                describe_output(pair.output),
                (pair.overall, pair.within, pair.level_alone),
                (as_text(pair.within), signed(pair.difference)),
            )
            for pair in result.within
            if pair.column == column
        ]
    figure = interval_figure(
        rows,
        "AUROC",
        columns=("Within one level (95 %)", "Minus all photos"),
        series=("all photos", "within one level", "level alone"),
        line=CHANCE,
    )
    worst = min(
        (pair for pair in result.within if pair.difference.value is not None),
        key=lambda pair: float(pair.difference.value or 0),
        default=None,
    )
    largest = ""
    if worst is not None:
        largest = (
            f" The largest loss is that of {describe_output(worst.output)} within one {_column(worst.column)}: "
            f"{signed(worst.difference)}."
        )
    return FigureBlock(
        "shortcuts-within",
        figure,
        alt=f"AUROC of each output over all photos, within one level, and of the level alone, by column.{largest}",
        caption=(
            f"Does the score still separate where a column is no help? AUROC in {result.scope}. Bars: {CONFIDENCE:.0%} "
            "intervals over patients; broken line: chance."
        ),
    )


def _rows(result: Shortcuts) -> tuple[ResultRow, ...]:
    probes = [ResultRow(KEY, "", one.column, one.auroc, one.photos, one.patients) for one in result.probes]
    within = [
        ResultRow(KEY, pair.output, pair.column, estimate, pair.photos, pair.patients)
        for pair in result.within
        for estimate in (pair.overall, pair.within, pair.difference, pair.level_alone, pair.level_from_score)
        if estimate is not None
    ]
    return (*probes, *within)


def _column(column: str) -> str:
    return "age band" if column == "age" else TITLES.get(column, column).lower()
