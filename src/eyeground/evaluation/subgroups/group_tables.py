"""Groups of photos as rows: tidy for machines, and as text for people."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from eyeground.evaluation.comparing.tables import p_text
from eyeground.evaluation.estimates import Estimate, signed
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.subgroups.gaps import Gap
from eyeground.evaluation.subgroups.groups import CALIBRATION, GROUP_TITLES, Group, GroupEstimate

MOST_NAMED = 6
MINUS, DASH = "\u2212", "–"
COLUMNS = (
    *("section", "output", "subset", "metric", "value", "low", "high", "n_photos", "n_patients", "positives"),
    *("operating_point", "threshold", "p", "p_holm", "note"),
)


def tidy_rows(section: str, output: str, subset: str, group: Group) -> list[dict[str, Any]]:
    """One row for each metric of a group, and one for each gap."""
    counts = {"n_photos": group.photos, "n_patients": group.patients, "positives": group.positives}
    rows = []
    for figure in group.figures:
        shared: dict[str, Any] = {"section": section, "output": output, "subset": subset} | counts
        if figure.point is not None:
            shared |= {"operating_point": figure.point.rule, "threshold": figure.point.threshold}
        rows.append(shared | tidy_estimate(figure.estimate))
        if figure.gap is not None:
            rows.append(shared | tidy_estimate(figure.gap.estimate) | {"p": figure.gap.p, "p_holm": figure.gap.p_holm})
    return rows


def tidy_estimate(estimate: Estimate) -> dict[str, Any]:
    """An estimate as the cells of a tidy row."""
    return {
        "metric": estimate.metric,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "note": estimate.note,
    }


def tidy_table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as the tidy table of a section."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = ["value", "low", "high", "threshold", "p", "p_holm"]
    counts = ["n_photos", "n_patients", "positives"]
    return table.astype(dict.fromkeys(numbers, float) | dict.fromkeys(counts, "Int64"))


def estimate_text(estimate: Estimate) -> str:
    """`0.914 (0.889–0.936)`, `1.000 (no interval)`, or why there is no value.

    >>> estimate_text(Estimate("auroc", 0.9137, 0.8886, 0.936))
    '0.914 (0.889–0.936)'
    >>> estimate_text(Estimate("mean_calibration", -0.0149, -0.043, 0.0121))
    '−0.015 (−0.043 to 0.012)'
    """
    if estimate.value is None:
        return estimate.note
    if estimate.low is None or estimate.high is None:
        return f"{_number(estimate.value)} (no interval)"
    # A dash between signed numbers would read as one more minus.
    is_signed = estimate.metric == CALIBRATION or min(estimate.low, estimate.value) < 0
    return f"{_number(estimate.value)} ({_number(estimate.low)}{' to ' if is_signed else DASH}{_number(estimate.high)})"


def gap_text(gap: Gap | None) -> str:
    """`+0.093 (+0.037 to +0.146; p 0.021)`, without a p where nothing was tested, or a dash."""
    if gap is None:
        return DASH
    text = signed(gap.estimate)
    tested = gap.p_holm is not None and gap.estimate.low is not None
    return f"{text.removesuffix(')')}; p {p_text(gap.p_holm)})" if tested else text


def figure_title(figure: GroupEstimate, rules: int) -> str:
    """The name of a metric as a heading, with its operating point's rule where there are several."""
    title = GROUP_TITLES[figure.estimate.metric]
    return title if figure.point is None or rules < 2 else f"{title} ({figure.point.rule})"


def rules_of(group: Group) -> int:
    """How many operating points a group has figures at."""
    return len({(figure.point.rule, figure.point.threshold) for figure in group.figures if figure.point is not None})


def threshold_words(group: Group) -> str:
    """A sentence, with a blank before it, on the operating points of a group's figures."""
    points = {figure.point.rule: figure.point for figure in group.figures if figure.point is not None}
    if not points:
        return " No operating point was given, so there is no sensitivity or specificity."
    words = [f"{point.threshold:.3g} ({rule}, chosen on {point.chosen_on})" for rule, point in points.items()]
    return f" Sensitivity and specificity at {joined(words)}."


def first_few(findings: Sequence[str]) -> str:
    """Findings in a row, of many only the first six.

    >>> first_few([str(number) for number in range(9)])
    '0; 1; 2; 3; 4; 5; and 3 more (see the tables)'
    """
    more = len(findings) - MOST_NAMED
    return "; ".join([*findings[:MOST_NAMED], *([f"and {more} more (see the tables)"] if more > 0 else [])])


def notes_of(estimates: Sequence[Estimate]) -> str:
    """What a reader of a row must know, each remark once; what its cells say, and counts of resamples, are left out."""
    notes = [part for estimate in estimates if estimate.value is not None for part in estimate.note.split("; ")]
    return "; ".join(dict.fromkeys(note for note in notes if note and "resamples" not in note))


def slug(text: str) -> str:
    """A name as part of a file name: `dr_grade>=2` as `dr_grade_ge_2`.

    >>> slug("dr_grade>=2"), slug("Canon CR-1")
    ('dr_grade_ge_2', 'Canon_CR-1')
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text.replace(">=", "_ge_")).strip("_") or "output"


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}".replace("-", MINUS)
