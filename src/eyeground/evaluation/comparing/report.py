"""A comparison as a section of a report, and as files: `comparison.csv`, `comparison.md` and the forest plot."""

from pathlib import Path

from eyeground.config.targets import describe_output
from eyeground.core.files import write_text
from eyeground.core.markdown import markdown_table
from eyeground.core.tables import write_table
from eyeground.evaluation.comparing.comparison import Comparison
from eyeground.evaluation.comparing.figures import forest
from eyeground.evaluation.comparing.margin import CONVENTION
from eyeground.evaluation.comparing.paired_difference import DECISION_METRICS, Difference
from eyeground.evaluation.comparing.tables import (
    auroc_table,
    comparison_table,
    decisions_table,
    has_decisions,
    minus,
    models_table,
    p_text,
)
from eyeground.evaluation.estimates import signed
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.figure_style import save_figure
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import counted, joined

MOST_LISTED = 3
LEVEL = 0.05


def comparison_section(comparison: Comparison) -> Section:
    """The comparison as a part of a report, with the key `comparison`."""
    tables = [
        TableBlock("comparison-models", models_table(comparison), f"Every model on {_photos(comparison)}."),
        TableBlock("comparison-auroc", auroc_table(comparison), "Differences, first minus second model."),
    ]
    if has_decisions(comparison):
        caption = (
            "Differences at each model's own threshold, first minus second. p, photos: McNemar's test, which takes every "
            "photo for independent. p, patients: of the score interval shown, which does not."
        )
        tables.append(TableBlock("comparison-decisions", decisions_table(comparison), caption))
    figure = forest(comparison)
    blocks = () if figure is None else (FigureBlock("comparison", figure, _alt(comparison), _caption(comparison)),)
    return Section("comparison", "Comparison of models", paragraphs(comparison), tuple(tables), blocks)


def paragraphs(comparison: Comparison) -> tuple[str, ...]:
    """What was compared, what came out, and how: for a report, a file or a terminal."""
    return (_what(comparison), *comparison.remarks, _found(comparison), *_how(comparison))


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write `comparison.csv`, `comparison.md` and `forest` as `.svg` and `.png` into a folder, made if missing.

    Where no AUROC is estimable there is no forest, and one from an earlier comparison is removed.

    Raises:
        UserError: If the folder cannot be written.
    """
    folder = Path(folder)
    section = comparison_section(comparison)
    write_table(comparison_table(comparison), folder / "comparison.csv")
    write_text(folder / "comparison.md", _markdown(section))
    for block in section.figures:
        save_figure(block.figure, folder, "forest")
    if not section.figures:
        for kind in ("svg", "png"):
            (folder / f"forest.{kind}").unlink(missing_ok=True)


def _photos(comparison: Comparison) -> str:
    where = "test photos" if comparison.scope == "test" else "photos"
    if len(comparison.outputs) > 1:
        return f"the {where} that all models have"
    output = comparison.outputs[0]
    return f"{output.photos:,} {where} of {counted(output.patients, 'patient')}, {output.positives:,} of them positive"


def _what(comparison: Comparison) -> str:
    against = f"each with {comparison.reference}" if comparison.reference else "each with each"
    if len(comparison.outputs) == 1:
        on = f"on {describe_output(comparison.outputs[0].output)}, {_photos(comparison)}"
    else:
        on = f"on {counted(len(comparison.outputs), 'output')}, {_photos(comparison)}"
    left_out = [f"{count:,} of {model}" for model, count in comparison.left_out.items() if count]
    lost = f" Left out, because another model lacks them: {joined(left_out)} photos." if left_out else ""
    return f"{joined(comparison.models)} are compared, {against}, {on}.{lost}"


def _found(comparison: Comparison) -> str:
    differences = comparison.differences_in(AUROC)
    if len(differences) <= MOST_LISTED:
        several = len(comparison.outputs) > 1
        shown = [
            f"{describe_output(output.output) + ': ' if several else ''}{_describe_difference(difference)}"
            for output in comparison.outputs
            for difference in output.differences_in(AUROC)
        ]
        return "Difference in AUROC: " + "; ".join(shown) + "."
    estimated = [difference.estimate for difference in differences if difference.estimate.low is not None]
    higher = sum(estimate.low is not None and estimate.low > 0 for estimate in estimated)
    lower = sum(estimate.high is not None and estimate.high < 0 for estimate in estimated)
    adjusted = sum(difference.p_adjusted is not None and difference.p_adjusted < LEVEL for difference in differences)
    return (
        f"Of {counted(len(differences), 'difference')} in AUROC, {len(estimated)} have an interval; {higher} lie above 0 and "
        f"{lower} below. After Holm's adjustment {adjusted} have p below {LEVEL:g}."
    )


def _describe_difference(difference: Difference) -> str:
    if difference.estimate.value is None:
        return f"{minus(difference)} {difference.estimate.note}"
    p = (
        ""
        if difference.p is None
        else f", p {p_text(difference.p)}"
        if difference.p < 0.001
        else f", p = {p_text(difference.p)}"
    )
    verdict = f", {difference.verdict}" if difference.verdict else ""
    return f"{minus(difference)} {signed(difference.estimate)}{p}{verdict}"


def _how(comparison: Comparison) -> list[str]:
    words = [
        "Intervals are 95 %, over patients. Differences in AUROC have DeLong's interval and test (DeLong and others, 1988; "
        "Obuchowski, 1997), by Student's t; those in sensitivity and specificity Tango's score interval (1998) and its test, "
        "for patients (Yang, Sun and Hardin, 2012). Either p is two-sided and below 0.05 exactly where the interval leaves "
        f"out 0. Intervals of single values are BCa and those of differences in AUPRC percentiles, from {comparison.resamples:,} "
        f"resamples of patients (seed {comparison.seed}), the same for all models.",
        _adjustment(comparison),
        _thresholds(comparison),
    ]
    if comparison.margin:
        words.append(f"Margin {comparison.margin:g}, for every metric. {CONVENTION}")
    return words


def _adjustment(comparison: Comparison) -> str:
    aurocs, decisions = (
        sum(difference.p is not None for difference in comparison.differences_in(*metrics))
        for metrics in ((AUROC,), DECISION_METRICS)
    )
    words = f"p, Holm is adjusted (Holm, 1979) for the {counted(aurocs, 'test')} of AUROC made here, over all outputs and pairs"
    if decisions:
        words += f", and apart from them for the {counted(decisions, 'test')} of sensitivity and specificity"
    return f"{words}. Comparisons made elsewhere on these photos are not counted. AUPRC is described and not tested."


def _thresholds(comparison: Comparison) -> str:
    several = len(comparison.outputs) > 1
    used = [
        f"{describe_output(output.output) + ', ' if several else ''}{model.model} {model.threshold.value:.3g} ({model.threshold.origin})"
        for output in comparison.outputs
        for model in output.models
        if model.threshold
    ]
    if used:
        return f"Thresholds, taken as they are: {'; '.join(used)}."
    why = comparison.outputs[0].models[0].estimate(DECISION_METRICS[0]).note.removeprefix("not estimable: ")
    return f"Sensitivity and specificity are not compared: {why}."


def _caption(comparison: Comparison) -> str:
    return (
        f"AUROC of each model (above) and differences (below), with 95 % intervals over patients, on {_photos(comparison)}. "
        "Filled: the interval leaves out 0."
    )


def _alt(comparison: Comparison) -> str:
    models = [
        f"{model.model} {model.estimate(AUROC).value:.3f}"
        for model in comparison.outputs[0].models
        if model.estimate(AUROC).value is not None
    ]
    on = f" on {describe_output(comparison.outputs[0].output)}" if len(comparison.outputs) > 1 else ""
    return f"Forest plot. AUROC{on}: {joined(models) or 'not estimable'}. {_found(comparison)}"


def _markdown(section: Section) -> str:
    lines = [f"# {section.title}", ""]
    for paragraph in section.paragraphs:
        lines += [paragraph, ""]
    for block in section.tables:
        lines += [*markdown_table(list(block.table.columns), block.table.to_numpy().tolist()), "", block.caption, ""]
    return "\n".join(lines)
