"""One validation, from predictions to report: every analysis that the inputs allow, in reading order.

The predictions alone give most sections; `ReportInputs` adds the others. The checklists count a section that is left out
as not answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from eyeground.bundle.description import BundleDescription
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import describe_output
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.predictions import Predictions
from eyeground.evaluation.abstention import abstention, has_statuses
from eyeground.evaluation.abstention_section import abstention_section
from eyeground.evaluation.calibrating.decision_curve import decision_curves
from eyeground.evaluation.calibrating.decision_curve_section import decision_curve_section
from eyeground.evaluation.calibrating.reliability import reliabilities
from eyeground.evaluation.calibrating.reliability_section import reliability_section
from eyeground.evaluation.cohort import cohort_of, entire_cohort
from eyeground.evaluation.conformal.conformal import conformal
from eyeground.evaluation.conformal.section import conformal_section
from eyeground.evaluation.curves import RESAMPLES_OF_BAND
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.flow import evaluated_scope, external_sources, patients_known
from eyeground.evaluation.metrics import AUROC, TITLES
from eyeground.evaluation.repeatability.repeatability import repeatability
from eyeground.evaluation.repeatability.section import repeatability_section
from eyeground.evaluation.reporting.discrimination import discrimination_section, within_source
from eyeground.evaluation.reporting.failures import failures_section, most_confident_errors, write_failures
from eyeground.evaluation.reporting.flow_diagram import flow_section
from eyeground.evaluation.reporting.methods import methods_section
from eyeground.evaluation.reporting.operating_points_section import operating_points_section
from eyeground.evaluation.reporting.report import KeyEstimate, Provenance, Report, write_report
from eyeground.evaluation.reporting.section import Section
from eyeground.evaluation.reporting.tables import OF_CALIBRATION, write_evaluation
from eyeground.evaluation.reporting.wording import counted, joined, short_rule
from eyeground.evaluation.results import Evaluation
from eyeground.evaluation.robustness.corrupted_predictions import CorruptedPredictions
from eyeground.evaluation.robustness.robustness import robustness
from eyeground.evaluation.robustness.section import robustness_section
from eyeground.evaluation.subgroups.contamination import Contamination
from eyeground.evaluation.subgroups.external import INTERNAL, external
from eyeground.evaluation.subgroups.external_section import external_section
from eyeground.evaluation.subgroups.shortcuts import shortcuts
from eyeground.evaluation.subgroups.shortcuts_section import shortcuts_section
from eyeground.evaluation.subgroups.subgroups import subgroups
from eyeground.evaluation.subgroups.subgroups_section import subgroups_section

MOST_KEY_ESTIMATES = 4
FAILURES = "failures.csv"


@dataclass(frozen=True)
class Request:
    """How a predictions table is to be evaluated.

    Attributes:
        operating_points: Chosen elsewhere, such as a bundle's.
        rules, prevalences, resamples, seed, stratified: As in `evaluate`.
        subgroups: Further columns to break the results down by.
        repeat: Column whose equal cells say which photos of a patient repeat each other; empty: none do.
        conformal: Coverage of prediction sets for every class, such as 0.9; None: no sets.
        remarks: Sentences on the table that a reader of the results must know.
    """

    operating_points: tuple[OperatingPoint, ...] = ()
    rules: tuple[str, ...] = ()
    prevalences: tuple[float, ...] = ()
    resamples: int = 2000
    seed: int = 0
    stratified: bool = False
    subgroups: tuple[str, ...] = ()
    repeat: str = ""
    conformal: float | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportInputs:
    """What may be given beside the predictions.

    Attributes:
        external: Predictions of the same model on datasets that it has never seen, by name.
        contamination: What `eyeground check --against` found in an external dataset.
        embeddings: From `read_embeddings`.
        corrupted: Predictions of corrupted photos.
        checked_flow: From `read_checked_flow`.
        recipe, description: Of the run and the bundle, for the methods.
        software: Name and version of what trained and predicted.
    """

    external: Mapping[str, Predictions] = field(default_factory=dict)
    contamination: Mapping[str, Contamination] = field(default_factory=dict)
    embeddings: pd.DataFrame | None = None
    corrupted: CorruptedPredictions | None = None
    checked_flow: pd.DataFrame | None = None
    recipe: TrainingRecipe | ProbeRecipe | None = None
    description: BundleDescription | None = None
    software: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Presentation:
    """How the report is titled, and what it shows.

    Attributes:
        fingerprints: Name of each input and its SHA-256.
        photos: Folder that the photos' paths start from, to show the most confident errors; None shows no photo.
        names: Name the photos. Names of files can identify patients.
        for_spreadsheets: As in `write_table`.
    """

    title: str
    command: str
    fingerprints: tuple[tuple[str, str], ...] = ()
    photos: Path | None = None
    names: bool = False
    for_spreadsheets: bool = False


def evaluated(predictions: Predictions, request: Request) -> Evaluation:
    """`evaluate` as requested."""
    found = evaluate(
        predictions,
        request.operating_points,
        resamples=request.resamples,
        seed=request.seed,
        stratified=request.stratified,
        rules=request.rules,
        prevalences=request.prevalences,
    )
    return replace(found, remarks=(*request.remarks, *found.remarks))


def name_of_table(predictions: Predictions, description: BundleDescription | None) -> str:
    """`internal`, or the sources of a table that the bundle was not trained on."""
    sources = external_sources(predictions, description.training.sources if description else ())
    return joined(sources) if sources else INTERNAL


def external_remark(predictions: Predictions, description: BundleDescription | None) -> tuple[str, ...]:
    """A sentence that the table is external to the bundle, if that is known."""
    name = name_of_table(predictions, description)
    if description is None or name == INTERNAL:
        return ()
    scope = evaluated_scope(predictions).predictions.table
    others = len(predictions.table) - len(scope)
    more = (
        f" It was not trained on the other {counted(others, 'photo')} of the table either; --every-photo evaluates all."
        if others
        else ""
    )
    return (
        f"External validation: {description.name} was trained on {joined(description.training.sources)}, and these photos are "
        f"of {name}.{more}",
    )


def write_validation(
    evaluation: Evaluation,
    predictions: Predictions,
    request: Request,
    inputs: ReportInputs,
    presentation: Presentation,
    folder: Path,
) -> None:
    """Write all results of a validation: tables, figures and `report.html`.

    Args:
        evaluation: From `evaluated`, for these predictions and this request.
        folder: Made if missing; gets `metrics.json`, `metrics.csv`, `metrics.md`, `results.csv` (every estimate of
            every section), `flow.csv`, `failures.csv`, `figures/`, `tables/`, `checklist.json` and `report.html`.

    Raises:
        UserError: For anything in the given tables that the user can correct.
    """
    failures = most_confident_errors(evaluation, predictions)
    sections = (
        *sections_of(evaluation, predictions, request, inputs),
        failures_section(failures, presentation.photos, presentation.names),
    )
    if not any(map(patients_known, (evaluated_scope(predictions).predictions, *inputs.external.values()))):
        sections = tuple(map(_of_photos, sections))
    # Everything is computed before anything is written, so that an error in the tables leaves no partial report.
    name = name_of_table(predictions, inputs.description)
    report = _report(evaluation, sections, request, inputs, presentation, name)
    further = tuple(row for section in sections for row in section.results)
    write_evaluation(evaluation, predictions, folder, name, further, presentation.for_spreadsheets)
    write_failures(failures, folder / FAILURES, presentation.for_spreadsheets)
    write_report(report, folder, presentation.for_spreadsheets)


def sections_of(
    evaluation: Evaluation, predictions: Predictions, request: Request, inputs: ReportInputs
) -> tuple[Section, ...]:
    """Every section but the errors, in reading order."""
    points = tuple(at.point for output in evaluation.outputs for at in output.at)
    how = request.resamples, request.seed, request.stratified
    cohort = cohort_of(predictions, points, *how)
    curves = cohort.with_at_most(RESAMPLES_OF_BAND)
    of_outputs = {
        output.output: [one for one in output.estimates if one.metric in OF_CALIBRATION]
        for output in evaluation.outputs
    }
    sections = [
        methods_section(evaluation, predictions, inputs.recipe, inputs.description, inputs.software),
        flow_section(predictions, inputs.checked_flow),
        discrimination_section(evaluation, predictions),
        operating_points_section(evaluation, predictions),
        reliability_section(reliabilities(curves), of_outputs),
        decision_curve_section(decision_curves(curves)),
        subgroups_section(subgroups(cohort, request.subgroups)),
        shortcuts_section(shortcuts(cohort, inputs.embeddings, request.subgroups)),
    ]
    if request.repeat:
        sections.append(repeatability_section(repeatability(cohort, request.repeat)))
    name = name_of_table(predictions, inputs.description)
    everywhere = {name: cohort} | {
        one: replace(entire_cohort(one, table, *how), points=cohort.points) for one, table in inputs.external.items()
    }
    if request.conformal is not None:
        sections.append(conformal_section(conformal(predictions, everywhere, request.conformal)))
    if any(has_statuses(one.predictions) for one in everywhere.values()):
        sections.append(abstention_section(abstention(everywhere)))
    if inputs.external:
        across = external(cohort, inputs.external, inputs.contamination, name)
        sections.append(external_section(across))
    if inputs.corrupted:
        sections.append(robustness_section(robustness(inputs.corrupted, points, request.resamples, request.seed)))
    return tuple(sections)


def _report(
    evaluation: Evaluation,
    sections: Sequence[Section],
    request: Request,
    inputs: ReportInputs,
    presentation: Presentation,
    name: str,
) -> Report:
    what = "test photos" if evaluation.scope == "test" else evaluation.scope
    model = f"{inputs.description.name}: " if inputs.description else ""
    where = "" if name == INTERNAL else f"external validation on {name}, "
    return Report(
        title=presentation.title,
        subtitle=f"{model}{where}{what}: {evaluation.photos_of_patients(evaluation.photos, evaluation.patients)}",
        date=datetime.now(UTC).strftime("%d %B %Y").lstrip("0"),
        summary=_key_estimates(evaluation),
        remarks=evaluation.remarks,
        sections=tuple(sections),
        provenance=Provenance(
            presentation.command, request.seed, request.resamples, fingerprints=presentation.fingerprints
        ),
    )


def _key_estimates(evaluation: Evaluation) -> tuple[KeyEstimate, ...]:
    """The average first, then the first outputs; for a single output also sensitivity and specificity.

    Those at a threshold that was chosen on these photos are left out.
    """
    keys = [KeyEstimate(_named(estimate), as_text(estimate), estimate.note) for estimate in evaluation.macro[:1]]
    single = len(evaluation.outputs) == 1
    for output in evaluation.outputs:
        name = describe_output(output.output)
        keys.append(KeyEstimate(f"{_named(output.ranking)}, {name}", as_text(output.ranking), output.ranking.note))
        if single and within_source(evaluation):
            pooled = output.estimate(AUROC)
            keys.append(KeyEstimate(f"Pooled AUROC, {name}", as_text(pooled), pooled.note))
        if single and output.at and not output.at[0].is_optimistic:
            point = output.at[0].point
            where = f"at {point.threshold:.3g} ({short_rule(point.rule)})"
            keys += [
                KeyEstimate(TITLES[metric], as_text(output.estimate(metric)), where)
                for metric in ("sensitivity", "specificity")
            ]
    return tuple(keys[:MOST_KEY_ESTIMATES])


def _of_photos(section: Section) -> Section:
    """A section without the columns of patients, where every photo stands as its own."""
    tables = (replace(block, table=block.table.drop(columns="Patients", errors="ignore")) for block in section.tables)
    return replace(section, tables=tuple(tables))


def _named(estimate: Estimate) -> str:
    return TITLES[estimate.metric]
