"""The methods that an evaluation and its predictions record: photographs, splits, thresholds, metrics and intervals."""

from collections import defaultdict

import pandas as pd

from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.core.words import SPLITS
from eyeground.data.predictions import Predictions
from eyeground.evaluation.flow import NO_SPLIT, flow_table
from eyeground.evaluation.metrics import title_of
from eyeground.evaluation.reporting.wording import counted, describe_rule, joined
from eyeground.evaluation.results import Evaluation

MOST_OUTPUTS_IN_A_SENTENCE = 4
NAMED_AFTER_PEOPLE = ("Brier", "Cohen's", "Matthews", "Youden's")


def evaluation_parts(evaluation: Evaluation, predictions: Predictions, interval: str) -> dict[str, str]:
    """A text for each part of the methods; empty where the evaluation records nothing of it."""
    return {
        "cohort": _cohort(evaluation, flow_table(predictions)),
        "missing": _missing(evaluation),
        "partition": _partition(evaluation, predictions.table),
        "operating_points": _operating_points(evaluation),
        "metrics": _metrics(evaluation),
        "statistics": _statistics(evaluation, interval),
    }


def _cohort(evaluation: Evaluation, flow: pd.DataFrame) -> str:
    evaluated = evaluation.photos_of_patients(evaluation.photos, evaluation.patients)
    where = (
        "the test split" if evaluation.scope == "test" else "the entire table of predictions, which marks no test split"
    )
    sentences = [f"The evaluation was made on {where}: {evaluated}."]
    splits = flow.drop_duplicates("split").set_index("split")
    others = [
        evaluation.photos_of_patients(int(row["photos"]), int(row["patients"]))
        + f" in {'no split' if split == NO_SPLIT else split}"
        for split, row in splits.iterrows()
        if split != "test"
    ]
    if others and evaluation.scope == "test":
        sentences.append(f"The table further held {joined(others)}.")
    if len(evaluation.outputs) <= MOST_OUTPUTS_IN_A_SENTENCE:
        sentences += [
            f"For {describe_output(output.output)}, {output.positives:,} of {counted(output.photos, 'photo')} "
            f"({output.positives / output.photos:.1%}) were positive."
            for output in evaluation.outputs
            if output.photos
        ]
    return " ".join(sentences)


def _missing(evaluation: Evaluation) -> str:
    unknown = {output.output: output.unknown for output in evaluation.outputs if output.unknown}
    if not unknown:
        return "No evaluated photo lacked a truth."
    rule = "A photo without a truth for an output was left out of that output's results and kept for the others"
    if len(unknown) > MOST_OUTPUTS_IN_A_SENTENCE:
        return f"{rule} ({min(unknown.values()):,} to {max(unknown.values()):,} photos for each of {len(unknown)} outputs)."
    return f"{rule} ({joined([f'{describe_output(output)}: {count:,}' for output, count in unknown.items()])})."


def _partition(evaluation: Evaluation, table: pd.DataFrame) -> str:
    if evaluation.scope != "test" or "split" not in table:
        return ""
    patients = {split: set(table.loc[(table["split"] == split).fillna(False), "patient"]) for split in SPLITS}
    others = [split for split in SPLITS if split != "test" and patients[split]]
    if not others:
        return ""
    shared = len(patients["test"] & set().union(*(patients[split] for split in others)))
    if shared:
        return (
            f"{counted(shared, 'patient')} with photos in test also had photos in {joined(others)}, so the splits were "
            "not disjoint by patient."
        )
    return (
        f"No patient with photos in test had photos in {joined(others)}; this was checked in the table of predictions."
    )


def _operating_points(evaluation: Evaluation) -> str:
    points: dict[tuple[str, str], list[OperatingPoint]] = defaultdict(list)
    for output in evaluation.outputs:
        for at in output.at:
            points[at.point.rule, at.point.chosen_on].append(at.point)
    sentences = [
        f"{_origin(rule, split)}: {joined([_threshold(point) for point in chosen])}."
        for (rule, split), chosen in points.items()
    ]
    without = [describe_output(output.output) for output in evaluation.outputs if not output.at]
    if points and without:
        sentences.append(f"No threshold was set for {joined(without)}.")
    return " ".join(sentences)


def _origin(rule: str, split: str) -> str:
    if split == "given":
        return "Thresholds were given, without use of truths"
    on = "the photos they were measured on, which is optimistic," if split == "test" else f"{split} photos"
    return f"Thresholds were chosen on {on} for {describe_rule(rule)}"


def _threshold(point: OperatingPoint) -> str:
    seen = f" ({point.positives:,} positive and {counted(point.negatives, 'negative photo')})"
    return f"{point.threshold:.3f} for {describe_output(point.output)}" + (seen if point.chosen_on != "given" else "")


def _metrics(evaluation: Evaluation) -> str:
    groups = [output.all_estimates() for output in evaluation.outputs] + [evaluation.macro, evaluation.micro]
    for family in evaluation.families:
        groups += [family.estimates, *(decision.estimates for decision in family.decisions)]
    names = [title_of(estimate.metric) for group in groups for estimate in group if estimate.value is not None]
    return f"The metrics were {joined([_in_a_sentence(name) for name in dict.fromkeys(names)])}." if names else ""


def _in_a_sentence(title: str) -> str:
    first = title.split()[0]
    keeps = first in NAMED_AFTER_PEOPLE or any(letter.isupper() or letter.isdigit() for letter in first[1:])
    return title if keeps else title[0].lower() + title[1:]


def _statistics(evaluation: Evaluation, interval: str) -> str:
    if not evaluation.resamples:
        return ""
    drawn = (
        "within strata of their rarest truth, as in a case-control collection"
        if evaluation.stratified
        else "from all patients, as in a cohort"
    )
    unit = "patients, which keeps the photos of a patient together"
    if not evaluation.patients_known:
        unit = "photos, each taken for a patient of its own, because patients are unknown"
    return (
        f"Intervals were of {100 * CONFIDENCE:.0f} % over {unit}. Of AUROCs (but for those within a source or "
        "device) they were score intervals with DeLong's clustered "
        "variance; of shares Wilson's, and of what is made of several shares MOVER's combination of these; of the expected "
        "calibration error those of an inverted test; of all else "
        f"{interval} intervals of the bootstrap: {evaluation.resamples:,} resamples with replacement, drawn {drawn}, seed {evaluation.seed}."
    )
