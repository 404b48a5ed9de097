"""How well scores rank positives above negatives, at any threshold: AUROC and AUPRC with curves and distributions.

The section shows estimates of the evaluation, which `tables` writes.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.data.predictions import Predictions
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.curves import (
    RESAMPLES_OF_BAND,
    PrecisionRecallCurve,
    RocCurve,
    has_curve,
    precision_recall_with_band,
    roc_with_band,
)
from eyeground.evaluation.estimates import Estimate, as_text
from eyeground.evaluation.metrics import AUPRC, AUROC, TITLES, WITHIN
from eyeground.evaluation.reporting.figures import precision_recall_figure, roc_figure
from eyeground.evaluation.reporting.interval_figure import Row, interval_figure
from eyeground.evaluation.reporting.score_figure import score_figure
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.shown_outputs import how_many_shown, shown_outputs
from eyeground.evaluation.reporting.wording import DASH, joined, notes_of
from eyeground.evaluation.results import Evaluation, OutputEvaluation
from eyeground.evaluation.samples import Sample

KEY = "discrimination"
AREAS = (AUROC, AUPRC)
FEWEST_FOR_FOREST = 4
KINDS = ("macro", "micro")
_WHY_WITHIN = (
    "The photos are of several sources. The AUROC within a source, over pairs of photos of the same one and weighted by "
    "pairs, is the result to quote: AUROC and AUPRC over all photos also count telling one source from another."
)

_WHAT_IT_IS = (
    "AUROC is the chance that a positive photo scores higher than a negative one: 0.5 is chance, 1 is perfect, and "
    "the share of positives does not matter. AUPRC is the precision averaged over all recalls: chance is the share of "
    "positives, so it compares models on the same photos and not across datasets."
)


def discrimination_section(evaluation: Evaluation, predictions: Predictions) -> Section:
    """AUROC and AUPRC with their curves, score distributions, and a forest over more than three outputs.

    `predictions` is the table that was evaluated.
    """
    resamples = min(evaluation.resamples, RESAMPLES_OF_BAND)
    cohort = cohort_of(predictions, (), resamples, evaluation.seed, evaluation.stratified)
    samples, resampling = cohort.samples, cohort.resampling
    shown = shown_outputs([output for output in evaluation.outputs if has_curve(samples[output.output])])
    with_curve = {output.output: samples[output.output] for output in shown}
    roc = {output: roc_with_band(sample, resampling) for output, sample in with_curve.items()}
    precision_recall = {output: precision_recall_with_band(sample, resampling) for output, sample in with_curve.items()}
    return Section(
        key=KEY,
        title="Discrimination",
        paragraphs=_paragraphs(evaluation),
        tables=(
            TableBlock("discrimination", _table(evaluation), _caption_of_table(evaluation)),
            *_fold_tables(evaluation),
        ),
        figures=_figures(evaluation, samples, roc, precision_recall),
    )


def _paragraphs(evaluation: Evaluation) -> tuple[str, ...]:
    estimable = _estimable(evaluation)
    paragraphs = [_WHAT_IT_IS]
    if len(estimable) == 1:
        output = estimable[0]
        areas = [f"an {TITLES[one.metric]} of {as_text(one)}" for one in _areas(output)]
        paragraphs.append(
            f"For {describe_output(output.output)}, {evaluation.photos_of_patients(output.photos, output.patients)} gave "
            f"{joined(areas)}."
        )
    elif estimable:
        means = [f"the {name} was {as_text(estimate)}" for name, estimate in _summaries(evaluation) if estimate.value]
        sentence = f"AUROC ranged {_range(estimable)}"
        paragraphs.append(f"{sentence}; {joined(means)}." if means else f"{sentence}.")
    if within_source(evaluation):
        paragraphs.append(_WHY_WITHIN)
    if any(output.folds for output in evaluation.outputs):
        paragraphs.append(
            "The predictions are cross-validated. Scores of different models have no common scale, so areas are means "
            "within folds, and curves are the vertical averages of the folds' curves."
        )
    left_out = [
        f"{describe_output(output.output)} ({output.estimate(AUROC).note.removeprefix('not estimable: ')})"
        for output in evaluation.outputs
        if output not in estimable
    ]
    if left_out:
        paragraphs.append(f"Not estimable: {joined(left_out)}.")
    return tuple(paragraphs)


def _estimable(evaluation: Evaluation) -> list[OutputEvaluation]:
    return [output for output in evaluation.outputs if output.estimate(AUROC).value is not None]


def _range(outputs: list[OutputEvaluation]) -> str:
    """From the lowest to the highest AUROC, with the names of both."""
    rising = sorted(outputs, key=lambda output: output.estimate(AUROC).value or 0.0)
    ends = [
        f"{as_text(output.estimate(AUROC))} ({describe_output(output.output)})" for output in (rising[0], rising[-1])
    ]
    return f"from {ends[0]} to {ends[1]}"


def _summaries(evaluation: Evaluation) -> list[tuple[str, Estimate]]:
    """AUROC averaged over all outputs, by name."""
    found = {estimate.metric: estimate for estimate in (*evaluation.macro, *evaluation.micro)}
    return [(f"{kind} AUROC", found[f"{kind}_auroc"]) for kind in KINDS if f"{kind}_auroc" in found]


def _averages(evaluation: Evaluation) -> list[tuple[str, int, int, dict[str, Estimate]]]:
    """Name, photos, patients and estimates of every average, over all outputs and over those of each target."""
    groups = [("All outputs", evaluation.photos, evaluation.patients, (*evaluation.macro, *evaluation.micro))]
    groups += [
        (describe_output(family.family.target), family.photos, family.patients, family.estimates)
        for family in evaluation.families
        if len(family.family.outputs) < len(evaluation.outputs)  # else the averages are those over all outputs
    ]
    found = []
    for name, photos, patients, estimates in groups:
        for kind in KINDS:
            prefix = f"{kind}_"
            by_area = {one.metric.removeprefix(prefix): one for one in estimates if one.metric.startswith(prefix)}
            if by_area:
                found.append((f"{name}, {kind}", photos, patients, by_area))
    return found


def _table(evaluation: Evaluation) -> pd.DataFrame:
    rows = []
    areas = [*filter(None, [within_source(evaluation)]), *AREAS]
    for output in evaluation.outputs:
        by_area = {estimate.metric: estimate for estimate in _areas(output)}
        counts = [f"{output.photos:,}", f"{output.patients:,}", f"{output.positives:,}"]
        rows.append([describe_output(output.output), *counts, *_cells(by_area, areas)])
    for name, photos, patients, by_area in _averages(evaluation):
        rows.append([name, f"{photos:,}", f"{patients:,}", DASH, *_cells(by_area, areas)])
    names = [TITLES[metric] for metric in areas]
    return pd.DataFrame(rows, columns=["Output", "Photos", "Patients", "Positive", *names, "Note"])


def _fold_tables(evaluation: Evaluation) -> tuple[TableBlock, ...]:
    rows = [
        [
            describe_output(output.output),
            f"{fold.fold}",
            f"{fold.photos:,}",
            f"{fold.patients:,}",
            f"{fold.positives:,}",
            as_text(fold.auroc),
            notes_of([fold.auroc]),
        ]
        for output in evaluation.outputs
        for fold in output.folds
    ]
    if not rows:
        return ()
    table = pd.DataFrame(rows, columns=["Output", "Fold", "Photos", "Patients", "Positive", "AUROC", "Note"])
    return (TableBlock("folds", table, "AUROC of each fold, with 95 % intervals over patients."),)


def _cells(by_area: Mapping[str, Estimate], areas: Sequence[str]) -> list[str]:
    """Areas and their notes."""
    return [*(as_text(by_area[metric]) if metric in by_area else DASH for metric in areas), notes_of(by_area.values())]


def within_source(evaluation: Evaluation) -> str:
    """The metric by which pairs of one source are ranked, where the table has several sources or devices; else empty."""
    first = evaluation.outputs[0].ranking.metric
    return first if first.startswith(WITHIN) else ""


def _areas(output: OutputEvaluation) -> list[Estimate]:
    return [one for one in output.estimates if one.metric in AREAS or one.metric.startswith(WITHIN)]


def _caption_of_table(evaluation: Evaluation) -> str:
    averages = (
        " Macro is the mean over outputs; micro pools all pairs of photo and output."
        if len(evaluation.outputs) > 1
        else ""
    )
    return (
        f"Discrimination on {evaluation.scope}, photos with a known truth, with 95 % intervals over patients.{averages}"
    )


def _figures(
    evaluation: Evaluation,
    samples: Mapping[str, Sample],
    roc: Mapping[str, RocCurve],
    precision_recall: Mapping[str, PrecisionRecallCurve],
) -> tuple[FigureBlock, ...]:
    if not roc:
        return ()
    shown = [output for output in evaluation.outputs if output.output in roc]
    band = any(len(curve.grid) for curve in roc.values())
    resamples = min(evaluation.resamples, RESAMPLES_OF_BAND)
    of_all = how_many_shown([output for output in evaluation.outputs if has_curve(samples[output.output])])
    marks = f"Bands: 95 % at each point, from {resamples:,} resamples of patients. " if band else ""
    marks += "Circles: operating points. " if any(output.at for output in shown) else ""
    subject = _subject(shown, evaluation)
    figures = [
        FigureBlock(
            "roc",
            roc_figure(evaluation, roc),
            alt=f"Receiver operating characteristic of {subject}: sensitivity against 1 minus specificity. "
            f"{_describe_areas(shown, AUROC)}",
            caption=f"ROC of {subject}. {of_all}{marks}Dotted: chance.",
        ),
        FigureBlock(
            "precision_recall",
            precision_recall_figure(evaluation, precision_recall),
            alt=f"Precision against recall of {subject}. {_describe_areas(shown, AUPRC)}",
            caption=f"Precision and recall of {subject}. {of_all}{marks}Dotted: the share of positives, which is chance.",
        ),
    ]
    if len(roc) >= FEWEST_FOR_FOREST:
        figures.append(_forest_block(evaluation))
    return (*figures, _score_block(evaluation, samples))


def _forest_block(evaluation: Evaluation) -> FigureBlock:
    shown = shown_outputs(_estimable(evaluation))
    macro = next((estimate for estimate in evaluation.macro if estimate.metric == "macro_auroc"), None)
    rows = [
        Row(
            describe_output(output.output),
            (output.estimate(AUROC),),
            (f"{output.positives:,}", as_text(output.estimate(AUROC))),
        )
        for output in shown
    ]
    if macro is not None:
        rows.append(Row("macro average", (macro,), ("", as_text(macro))))
    return FigureBlock(
        "auroc_forest",
        interval_figure(rows, "AUROC", ("Positive", "AUROC (95 % interval)"), line=macro.value if macro else None),
        alt=f"AUROC of {len(shown)} outputs in rows. {_describe_areas(shown, AUROC)}",
        caption="AUROC of each output with its 95 % interval over patients. "
        f"{how_many_shown(_estimable(evaluation))}Dashed: the macro average.",
    )


def _score_block(evaluation: Evaluation, samples: Mapping[str, Sample]) -> FigureBlock:
    known = [output for output in evaluation.outputs if output.photos]
    shown = shown_outputs(known)
    return FigureBlock(
        "scores",
        score_figure(shown, samples),
        alt=f"Distribution of the probabilities of {_subject(shown, evaluation)}, positives above the axis, negatives below it.",
        caption="Probabilities by truth: the share of positives (above) and of negatives (below) in each of 40 bars. "
        + how_many_shown(known)
        + ("Dashed: operating points." if any(output.at for output in shown) else ""),
    )


def _subject(shown: list[OutputEvaluation], evaluation: Evaluation) -> str:
    if len(shown) > 1:
        return f"{len(shown)} outputs"
    output = shown[0]
    return (
        f"{describe_output(output.output)} ({evaluation.photos_of_patients(output.photos, output.patients)}, "
        f"{output.positives:,} positive)"
    )


def _describe_areas(shown: list[OutputEvaluation], metric: str) -> str:
    name = TITLES[metric]
    areas = [f"{describe_output(output.output)} {as_text(output.estimate(metric))}" for output in shown]
    return f"{name}: {joined(areas)}."
