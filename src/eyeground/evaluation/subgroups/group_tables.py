"""Groups of photos as rows of results, and as text for people."""

import re
from collections.abc import Iterable, Sequence

from eyeground.evaluation.comparing.tables import p_text
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.wording import DASH, joined
from eyeground.evaluation.subgroups.gaps import Gap
from eyeground.evaluation.subgroups.groups import GROUP_TITLES, PREVALENCE, Group, GroupEstimate

MOST_NAMED = 6
LEVEL = 0.05
VALUE_METHODS = (
    "score intervals with DeLong's clustered variance of the AUROC, Wilson's of prevalence, sensitivity and specificity, and BCa of all "
    "else"
)
GAP_METHODS = (
    "The interval of a gap is made of those of both groups (AUROC: DeLong's; sensitivity and specificity: Wilson's), with what "
    "shared patients have in common; for other metrics it is of percentiles of the resamples. A p-value is where its interval "
    "begins to hold 0"
)


def rows_of_group(section: str, output: str, subset: str, group: Group) -> list[ResultRow]:
    """One row for each metric of a group, and one for each gap."""
    rows = []
    for metric in group.metrics:
        counts = group.photos, group.patients, group.positives
        rows.append(ResultRow(section, output, subset, metric.estimate, *counts, point=metric.point))
        if metric.gap is not None:
            gap = metric.gap
            rows.append(
                ResultRow(
                    section,
                    output,
                    subset,
                    gap.estimate,
                    *counts,
                    point=metric.point,
                    p=gap.p,
                    p_adjusted=gap.p_holm,
                )
            )
    return rows


def gap_text(gap: Gap | None) -> str:
    """`+0.093 (+0.037 to +0.146; p 0.021)`, without a p where nothing was tested, or a dash."""
    if gap is None:
        return DASH
    text = signed(gap.estimate)
    tested = gap.p_holm is not None and gap.estimate.low is not None
    return f"{text.removesuffix(')')}; p {p_text(gap.p_holm)})" if tested else text


def metric_title(metric: GroupEstimate, rules: int) -> str:
    """The name of a metric as a heading, with its operating point's rule where there are several."""
    title = GROUP_TITLES[metric.estimate.metric]
    return title if metric.point is None or rules < 2 else f"{title} ({metric.point.rule})"


def rules_of(group: Group) -> int:
    """How many operating points a group has metrics at."""
    return len({(metric.point.rule, metric.point.threshold) for metric in group.metrics if metric.point is not None})


def threshold_words(group: Group) -> str:
    """A sentence, with a space before it, on the operating points of a group's metrics."""
    points = {metric.point.rule: metric.point for metric in group.metrics if metric.point is not None}
    if not points:
        return " No operating point was given, so there is no sensitivity or specificity."
    words = [f"{point.threshold:.3g} ({rule}, chosen on {point.chosen_on})" for rule, point in points.items()]
    return f" Sensitivity and specificity at {joined(words)}."


def gaps_beyond_chance(groups: Iterable[tuple[str, Group]], rules: int) -> str:
    """Which gaps are beyond chance, in words.

    Args:
        groups: Each with its place in a sentence, such as `on HRF`.
        rules: Of operating points, as `rules_of` counts them.
    """
    tested = [
        (metric_title(metric, rules), where, metric.gap)
        for where, group in groups
        for metric in group.metrics
        if metric.gap is not None and metric.gap.p_holm is not None
    ]
    return beyond_chance("gap", tested)


def beyond_chance(kind: str, tested: Sequence[tuple[str, str, Gap]]) -> str:
    """How many differences of each family are beyond chance, and the first of them.

    Args:
        kind: What they are called, such as `gap`.
        tested: Each with its family, which is what its p-value is adjusted within, and its place in a sentence.
    """
    if not tested:
        return f"no {kind} could be tested."
    is_beyond = [gap.p_holm is not None and gap.p_holm < LEVEL for _, _, gap in tested]
    families = dict.fromkeys(family for family, _, _ in tested)
    counts = {
        family: [is_one for (of, _, _), is_one in zip(tested, is_beyond, strict=True) if of == family]
        for family in families
    }
    shown = [f"{family} {sum(found) or 'none'} of {len(found)}" for family, found in counts.items()]
    beyond = [
        f"{family} {where} {signed(gap.estimate)}, p {'= ' if p_text(gap.p_holm)[0] != '<' else ''}{p_text(gap.p_holm)}"
        for (family, where, gap), is_one in zip(tested, is_beyond, strict=True)
        if is_one
    ]
    named = f": {first_few(beyond)}" if beyond else ""
    return f"{kind}s beyond chance after adjustment within each metric: {', '.join(shown)}{named}."


def value_rows(heading: str, groups: Sequence[tuple[str, Group]], rules: int) -> list[dict[str, str]]:
    """Every group's values as a table for people; `heading` is that of the groups' names."""
    return [
        {heading: name, "Photos": f"{group.photos:,}", "Patients": f"{group.patients:,}"}
        | {metric_title(metric, rules): as_text(metric.estimate) for metric in group.metrics}
        | {"Note": notes_of([metric.estimate for metric in group.metrics])}
        for name, group in groups
    ]


def gap_rows(heading: str, groups: Sequence[tuple[str, Group]], rules: int) -> list[dict[str, str]]:
    """Every group's gaps as a table for people."""
    return [
        {heading: name}
        | {
            metric_title(metric, rules): gap_text(metric.gap)
            for metric in group.metrics
            if metric.estimate.metric != PREVALENCE
        }
        | {"Note": notes_of([metric.gap.estimate for metric in group.metrics if metric.gap])}
        for name, group in groups
    ]


def first_few(findings: Sequence[str]) -> str:
    """Findings in a row, of many only the first six.

    >>> first_few([str(number) for number in range(9)])
    '0; 1; 2; 3; 4; 5; and 3 more (see the tables)'
    """
    more = len(findings) - MOST_NAMED
    return "; ".join([*findings[:MOST_NAMED], *([f"and {more} more (see the tables)"] if more > 0 else [])])


def notes_of(estimates: Sequence[Estimate]) -> str:
    """The notes of a row, each once, without counts of resamples."""
    notes = [part for estimate in estimates if estimate.value is not None for part in estimate.note.split("; ")]
    return "; ".join(dict.fromkeys(note for note in notes if note and "resamples" not in note))


def slug(text: str) -> str:
    """A name as part of a file name: `dr_grade>=2` as `dr_grade_ge_2`.

    >>> slug("dr_grade>=2"), slug("Canon CR-1")
    ('dr_grade_ge_2', 'Canon_CR-1')
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text.replace(">=", "_ge_")).strip("_") or "output"
