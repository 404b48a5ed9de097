"""Photos that screening would not judge, as a section of the report."""

from collections.abc import Sequence

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.abstention import METRICS, NOT_JUDGED, OutputAbstention
from eyeground.evaluation.estimates import FEW_PATIENTS, as_text
from eyeground.evaluation.refusals import LEFT_OUT, REFERRED, WRONG
from eyeground.evaluation.refusals import METRICS as METRICS_WITH_REFUSALS
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import Section, TableBlock
from eyeground.evaluation.reporting.wording import short_rule
from eyeground.evaluation.subgroups.group_tables import beyond_chance, gap_text, notes_of

KEY = "abstention"
TITLES = {NOT_JUDGED: "Not judged", "ungradable": "Ungradable", "unfamiliar": "Unfamiliar"}


def abstention_section(found: Sequence[OutputAbstention]) -> Section:
    """The section `abstention` of a report."""
    rows = pd.DataFrame([row for one in found for row in _rows(one, several=len({o.dataset for o in found}) > 1)])
    caption = (
        f"Share of photos that screening would not judge, with {CONFIDENCE:.0%} intervals over patients, and positives minus "
        "negatives with p adjusted for the number of rows (Holm)."
    )
    tables = [TableBlock(KEY, rows, caption)]
    if any(one.decided for one in found):
        tables.append(_refusals_table(found))
    return Section(
        key=KEY,
        title="Photos that screening would not judge",
        paragraphs=(_what_was_done(), _what_came_out(found), *map(_with_refusals, filter(_is_told, found))),
        tables=tuple(tables),
        results=tuple(row for one in found for row in _result_rows(one)),
    )


def _what_was_done() -> str:
    return (
        "All other results count all photos. Screening judges fewer: it asks for ungradable photos to be taken again, "
        "and for unfamiliar ones to be looked at. If those with a disease are among them more often than those without, "
        f"screening sees fewer of those with a disease. Differences that rest on fewer than {FEW_PATIENTS} patients are not tested."
    )


def _what_came_out(found: Sequence[OutputAbstention]) -> str:
    tested = [
        (TITLES[metric].lower(), f"for {describe_output(one.output)} ({one.dataset})", gap)
        for one in found
        for metric, gap in zip(METRICS, one.gaps, strict=True)
        if gap.p_holm is not None
    ]
    return f"Positives and negatives: {beyond_chance('difference', tested)}"


def _is_told(one: OutputAbstention) -> bool:
    return any(decided.point.chosen_on != "test" for decided in one.decided)


def _with_refusals(one: OutputAbstention) -> str:
    """What refusals do to sensitivity and specificity at the first operating point that was not chosen on these photos."""
    point = next(decided.point for decided in one.decided if decided.point.chosen_on != "test")
    ways = {decided.way: decided.estimates for decided in one.decided if decided.point == point}
    shown = [
        f"{metric} is {as_text(ways[LEFT_OUT][place])} where refused photos are left out, {as_text(ways[REFERRED][place])} where "
        f"they count as positive, since they are referred, and {as_text(ways[WRONG][place])} where they count as wrong"
        for place, metric in enumerate(METRICS_WITH_REFUSALS)
    ]
    return f"{describe_output(one.output)} ({one.dataset}), at {point.threshold:.3g} ({short_rule(point.rule)}): {'; '.join(shown)}."


def _refusals_table(found: Sequence[OutputAbstention]) -> TableBlock:
    rows = [
        {
            "Output": describe_output(one.output),
            "Dataset": one.dataset,
            "Operating point": short_rule(decided.point.rule),
            "Refusals": decided.way.removeprefix("refusals "),
            "Photos": f"{decided.photos:,}",
            "Positive": f"{decided.positives:,}",
            **{estimate.metric.capitalize(): as_text(estimate) for estimate in decided.estimates},
            "Note": notes_of(decided.estimates),
        }
        for one in found
        for decided in one.decided
    ]
    caption = (
        f"Sensitivity and specificity with photos that screening would not judge, with {CONFIDENCE:.0%} intervals over "
        "patients: left out; as positive, since they are referred; as wrong (positives missed, negatives false alarms)."
    )
    return TableBlock("refusals", pd.DataFrame(rows), caption)


def _rows(one: OutputAbstention, several: bool) -> list[dict[str, str]]:
    rows = []
    for place, subset in enumerate(one.subsets):
        row = {"Output": describe_output(one.output)} | ({"Dataset": one.dataset} if several else {})
        row |= {"Truth": subset.subset, "Photos": f"{subset.photos:,}", "Patients": f"{subset.patients:,}"}
        row |= {
            TITLES[metric]: as_text(estimate, ".1%") for metric, estimate in zip(METRICS, subset.estimates, strict=True)
        }
        row["Positives minus negatives, not judged"] = "" if place else gap_text(one.gaps[0])
        rows.append(row | {"Note": notes_of(subset.estimates)})
    return rows


def _result_rows(one: OutputAbstention) -> list[ResultRow]:
    rows = [
        ResultRow(
            KEY,
            one.output,
            f"{one.dataset}: {subset.subset}",
            estimate,
            subset.photos,
            subset.patients,
            subset.positives,
        )
        for subset in one.subsets
        for estimate in subset.estimates
    ]
    between = f"{one.dataset}: positives minus negatives"
    counts = one.photos, one.patients, one.positives
    rows += [
        ResultRow(
            KEY,
            one.output,
            f"{one.dataset}: {decided.way}",
            estimate,
            decided.photos,
            decided.patients,
            decided.positives,
            point=decided.point,
        )
        for decided in one.decided
        for estimate in decided.estimates
    ]
    return rows + [
        ResultRow(KEY, one.output, between, gap.estimate, *counts, p=gap.p, p_adjusted=gap.p_holm) for gap in one.gaps
    ]
