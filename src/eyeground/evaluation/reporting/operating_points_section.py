"""What each threshold does, where it was chosen, and how many referrals a clinic may expect.

Results at a threshold chosen on the same photos have a table of their own, headed "optimistic", so that nobody reads or
averages them with the others.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import describe_output
from eyeground.data.predictions import Predictions
from eyeground.evaluation.estimates import as_text
from eyeground.evaluation.metrics import TITLES
from eyeground.evaluation.reporting.matrix_figure import class_figure, confusion_figure
from eyeground.evaluation.reporting.referrals import SCREENED, Referrals, referrals
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import DASH, joined, notes_of, short_rule
from eyeground.evaluation.results import (
    AtOperatingPoint,
    Evaluation,
    MultiOutputDecision,
    MultiOutputEvaluation,
    OutputEvaluation,
)

KEY = "operating_points"
SHOWN = {"sensitivity": "Sensitivity", "specificity": "Specificity", "ppv": "PPV", "npv": "NPV"}
FURTHER = {metric: TITLES[metric] for metric in ("accuracy", "balanced_accuracy", "f1", "mcc")}
AGREEMENT = ("accuracy", "balanced_accuracy", "macro_f1", "mcc", "kappa", "quadratic_weighted_kappa")

Point = tuple[OutputEvaluation, AtOperatingPoint]


def operating_points_section(evaluation: Evaluation, predictions: Predictions) -> Section:
    """Sensitivity, specificity, predictive values, referrals per 1,000 photos and confusion matrices at every threshold.

    `predictions` is the table that was evaluated. Predictive values and referrals are also given at its `prevalences`.
    """
    points = [(output, at) for output in evaluation.outputs for at in output.at]
    found = referrals(evaluation, predictions)
    return Section(
        key=KEY,
        title="Operating points",
        paragraphs=_paragraphs(evaluation, points, found),
        tables=_tables(evaluation, points, found),
        figures=_figures(evaluation, points),
        results=_rows(evaluation, found),
    )


def _paragraphs(evaluation: Evaluation, points: Sequence[Point], found: Sequence[Referrals]) -> tuple[str, ...]:
    paragraphs = []
    optimistic = [point for point in points if point[1].is_optimistic]
    if optimistic:
        outputs = dict.fromkeys(describe_output(output.output) for output, _ in optimistic)
        paragraphs.append(
            f"Optimistic: thresholds of {joined(list(outputs))} were chosen on the photos they are measured on. Results at "
            "them are better than they would be on other photos, and are no validation."
        )
    if len(optimistic) < len(points):
        paragraphs.append(
            "A photo is called positive from the threshold on. "
            + " ".join(dict.fromkeys(_origin(at.point) for _, at in points if not at.is_optimistic))
        )
    if first := next((one for one in found if one.is_observed and one.point.chosen_on != "test"), None):
        paragraphs.append(_describe_workload(evaluation, first))
    without = [
        f"{describe_output(output.output)}: {output.no_operating_point}."
        for output in evaluation.outputs
        if output.no_operating_point
    ]
    if without:
        paragraphs.append("Not evaluated at a threshold: " + " ".join(without))
    return tuple(paragraphs)


def _origin(point: OperatingPoint) -> str:
    if point.chosen_on == "given":
        return "Thresholds were given beforehand: no truths were used."
    if point.chosen_on == "train":
        return "Thresholds were chosen on training photos, which a model scores better than others."
    if point.chosen_on == "site":
        return "Thresholds were chosen on photos of the site where the model is used."
    return "Thresholds were chosen on validation photos, before these photos were evaluated."


def _describe_workload(evaluation: Evaluation, found: Referrals) -> str:
    referred, right, missed = (as_text(estimate, ".0f") for estimate in found.estimates)
    which = f" for {describe_output(found.output)}" if len(evaluation.outputs) > 1 else ""
    return (
        f"Of {SCREENED:,} photos like these ({found.prevalence:.1%} of them positive), the threshold of {found.point.threshold:.3g}{which} "
        f"({short_rule(found.point.rule)}) refers {referred}, of which {right} are positive; it misses {missed}."
    )


def _tables(evaluation: Evaluation, points: Sequence[Point], found: Sequence[Referrals]) -> tuple[TableBlock, ...]:
    tables = []
    for is_optimistic, suffix, heading in (
        (False, "", ""),
        (True, "_optimistic", "Optimistic, the thresholds were chosen on the photos they are measured on: "),
    ):
        some = [point for point in points if point[1].is_optimistic == is_optimistic]
        if some:
            at = f"{heading}{'at' if heading else 'At'} the operating points, {evaluation.scope}"
            shown = f"{at}, with 95 % intervals over patients. PPV and NPV at the observed prevalence."
            tables.append(TableBlock(f"operating_points{suffix}", _points_table(some, SHOWN), shown))
            further = (
                f"{heading}{'further' if heading else 'Further'} metrics there, with 95 % intervals over patients."
            )
            tables.append(TableBlock(f"further_metrics{suffix}", _points_table(some, FURTHER), further))
            per = f"{heading}{'photos' if heading else 'Photos'} expected to be referred, found and missed"
            tables.append(TableBlock(f"referrals{suffix}", _referrals_table(some, found), f"{per} {_PER}"))
    if points:
        tables.append(
            TableBlock("thresholds", _origin_table(points), "Thresholds, and the photos they were chosen on.")
        )
    decisions = _decisions_table(evaluation)
    if len(decisions):
        caption = f"One decision among the classes of a target, {evaluation.scope}, with 95 % intervals over patients."
        tables.append(TableBlock("classes", decisions, caption))
    return tuple(tables)


_PER = (
    f"per {SCREENED:,} photos screened, at the observed prevalence and at the requested ones, for which sensitivity and "
    "specificity are taken to stay the same."
)


def _points_table(points: Sequence[Point], metrics: Mapping[str, str]) -> pd.DataFrame:
    rows = []
    for output, at in points:
        estimates = {estimate.metric: estimate for estimate in at.estimates}
        shown = [estimates[metric] for metric in metrics]
        rows.append([*_named(output, at), *map(as_text, shown), notes_of(shown)])
    return pd.DataFrame(rows, columns=["Output", "Operating point", *metrics.values(), "Note"])


def _named(output: OutputEvaluation, at: AtOperatingPoint) -> list[str]:
    rule = short_rule(at.point.rule)
    return [describe_output(output.output), f"{rule} (optimistic)" if at.is_optimistic else rule]


def _origin_table(points: Sequence[Point]) -> pd.DataFrame:
    rows = []
    for output, at in points:
        point = at.point
        chosen = {"given": "nothing: given", "test": "these photos"}.get(point.chosen_on, point.chosen_on)
        counts = [DASH, DASH] if point.chosen_on == "given" else [f"{point.positives:,}", f"{point.negatives:,}"]
        rows.append([describe_output(output.output), short_rule(point.rule), f"{point.threshold:.4g}", chosen, *counts])
    return pd.DataFrame(
        rows, columns=["Output", "Operating point", "Threshold", "Chosen on", "Positive photos", "Negative photos"]
    )


def _referrals_table(points: Sequence[Point], found: Sequence[Referrals]) -> pd.DataFrame:
    rows = []
    for output, at in points:
        estimates = {estimate.metric: estimate for estimate in at.estimates}
        for one in found:
            if (one.output, one.point) != (output.output, at.point):
                continue
            suffix = "" if one.is_observed else f"@{one.prevalence:g}"
            values = [estimates[kind + suffix] for kind in ("ppv", "npv")]
            rows.append(
                [
                    *_named(output, at),
                    f"{one.prevalence:.1%}" + (", observed" if one.is_observed else ""),
                    *(as_text(estimate, ".0f") for estimate in one.estimates),
                    *map(as_text, values),
                    notes_of([*one.estimates, *values]),
                ]
            )
    headings = ["Output", "Operating point", "Prevalence", "Referred", "Found", "Missed", "PPV", "NPV", "Note"]
    table = pd.DataFrame(rows, columns=headings)
    # Predictive values at the observed prevalence stand in the table of operating points.
    return table if any(not one.is_observed for one in found) else table.drop(columns=["PPV", "NPV"])


def _decisions_table(evaluation: Evaluation) -> pd.DataFrame:
    rows = []
    for family in evaluation.families:
        for decision in family.decisions:
            estimates = {estimate.metric: estimate for estimate in decision.estimates}
            cells = [as_text(estimates[metric]) if metric in estimates else DASH for metric in AGREEMENT]
            rows.append([describe_output(family.family.target), decision.rule, *cells, notes_of(decision.estimates)])
    headings = [TITLES.get(metric, describe_output(metric)) for metric in AGREEMENT]
    return pd.DataFrame(rows, columns=["Target", "Decided by", *headings, "Note"])


def _figures(evaluation: Evaluation, points: Sequence[Point]) -> tuple[FigureBlock, ...]:
    figures = []
    if points:
        figures.append(
            FigureBlock(
                "confusion",
                confusion_figure(evaluation),
                alt=f"Confusion matrices. {' '.join(_describe_matrix(output, at) for output, at in points)}",
                caption=f"Photos by truth and call at each operating point, with their share of the row ({evaluation.scope}).",
            )
        )
    for family in evaluation.families:
        target = describe_output(family.family.target)
        figures.append(
            FigureBlock(
                f"classes_{family.family.target}",
                class_figure(family),
                alt=f"Confusion matrices of the classes of {target}: {joined([_agreed(family, one) for one in family.decisions])}.",
                caption=f"{target}: {evaluation.photos_of_patients(family.photos, family.patients)} by class and "
                "by decision, with their share of the row.",
            )
        )
    return tuple(figures)


def _describe_matrix(output: OutputEvaluation, at: AtOperatingPoint) -> str:
    found = at.confusion
    return (
        f"{describe_output(output.output)} at {at.point.threshold:.3g}{' (optimistic)' if at.is_optimistic else ''}: "
        f"{found.true_positives:,} true and {found.false_positives:,} false positives, "
        f"{found.true_negatives:,} true and {found.false_negatives:,} false negatives."
    )


def _agreed(family: MultiOutputEvaluation, decision: MultiOutputDecision) -> str:
    agreed = sum(row[index] for index, row in enumerate(decision.confusion))
    return f"{agreed:,} of {family.photos:,} photos classified correctly ({decision.rule})"


def _rows(evaluation: Evaluation, found: Sequence[Referrals]) -> tuple[ResultRow, ...]:
    """Referrals alone: the other estimates are those of the evaluation, which `tables` has."""
    outputs = {output.output: output for output in evaluation.outputs}
    rows = []
    for one in found:
        output = outputs[one.output]
        subset = f"prevalence {one.prevalence:.4g}" + (" (observed)" if one.is_observed else "")
        counts = output.photos, output.patients, output.positives
        rows += [ResultRow(KEY, one.output, subset, estimate, *counts, point=one.point) for estimate in one.estimates]
    return tuple(rows)
