"""Robustness as a section of a report, and as a tidy table."""

import re
from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from eyeground.config.targets import describe_output
from eyeground.evaluation.estimates import Estimate, as_text, signed
from eyeground.evaluation.reporting.result_rows import ResultRow, results_table
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import counted
from eyeground.evaluation.robustness.corrupted_predictions import describe_corruption
from eyeground.evaluation.robustness.figure import robustness_figure
from eyeground.evaluation.robustness.robustness import AtSeverity, OutputRobustness, Robustness

KEY = "robustness"
SHOWN_SEVERITIES = (1, 3, 5)
_COLUMNS = (
    *("section", "output", "subset", "corruption", "severity", "metric", "value", "low", "high"),
    *("n_photos", "n_patients", "positives", "operating_point", "threshold", "note"),
)


def robustness_section(result: Robustness) -> Section:
    """Robustness as a section, its key `robustness`."""
    first = result.outputs[0]
    worst = min(
        (at for at in first.at if at.difference.value is not None),
        key=lambda at: at.difference.value or 0,
        default=None,
    )
    came_out = "The change in AUROC is not estimable."
    if worst is not None:
        came_out = (
            f"For {describe_output(first.output)}, the clean photos' AUROC is {as_text(first.clean)}; the largest change is "
            f"{signed(worst.difference)}, under {describe_corruption(worst.corruption)} at severity {worst.severity}."
        )
    return Section(
        key=KEY,
        title="Robustness",
        paragraphs=(*_paragraphs(result), came_out, *result.remarks),
        tables=_blocks(result),
        figures=_figure_blocks(result),
        results=tuple(row for _, _, row in _rows(result)),
    )


def _paragraphs(result: Robustness) -> tuple[str, ...]:
    first = result.outputs[0]
    done = (
        f"The photos were corrupted by {counted(len(result.corruptions), 'corruption')} of fundus photography in "
        f"{counted(len(result.severities), 'grade')} of severity, and predicted again: {counted(first.photos, 'photo')} of "
        f"{counted(first.patients, 'patient')} ({result.scope}). Clean and corrupted photos are compared in pairs, on the "
        f"same {result.resamples:,} resamples of patients, so changes have narrower intervals than the AUROCs suggest."
    )
    read = (
        "Discrimination lost is the share of the clean AUROC's excess over chance (0.5) that is lost. Decisions flip "
        "where a photo falls on the other side of its operating point, to negative or to positive; thresholds stay "
        "those of clean photos. Intervals are for each value by itself: of many, some leave out 0 by chance. The "
        "corruptions are models of what cameras do, and a model that withstands them may still fail on real ones."
    )
    return done, read


def _blocks(result: Robustness) -> tuple[TableBlock, ...]:
    blocks = []
    for output in result.outputs:
        name = describe_output(output.output)
        suffix = "" if len(result.outputs) == 1 else "-" + re.sub(r"\W+", "-", output.output)
        blocks.append(
            TableBlock(
                f"robustness-means{suffix}",
                mean_table(output),
                f"{name[:1].upper()}{name[1:]}: means over {counted(len(result.corruptions), 'corruption')}, with 95 % intervals.",
            )
        )
        point = f" Decisions at {output.point.threshold:.3f} ({output.point.rule})." if output.point else ""
        blocks.append(
            TableBlock(
                f"robustness-corruptions{suffix}",
                corruption_table(result, output),
                f"{name[:1].upper()}{name[1:]}: by corruption and severity, with 95 % intervals.{point}",
            )
        )
    return tuple(blocks)


def _figure_blocks(result: Robustness) -> tuple[FigureBlock, ...]:
    first = result.outputs[0]
    if first.clean.value is None:
        return ()
    ends = [
        f"{describe_corruption(at.corruption)} {at.auroc.value:.3f}"
        for at in first.at
        if at.severity == result.severities[-1]
    ]
    return (
        FigureBlock(
            "robustness",
            robustness_figure(result, first),
            alt=(
                f"AUROC for {describe_output(first.output)} against severity, a panel per corruption. Clean: "
                f"{first.clean.value:.3f}. At severity {result.severities[-1]}: {', '.join(ends)}."
            ),
            caption=(
                f"AUROC for {describe_output(first.output)} against the severity of each corruption, {counted(first.photos, 'photo')} of "
                f"{counted(first.patients, 'patient')}; severity 0 and the thin line are the clean photos. Bands: 95 % "
                "intervals over patients. The number is the AUROC at the highest severity."
            ),
        ),
    )


def robustness_table(result: Robustness) -> pd.DataFrame:
    """All estimates, tidy.

    Returns:
        Columns `section`, `output`, `subset`, `corruption`, `severity`, `metric`, `value`, `low`, `high` (95 % interval),
        `n_photos`, `n_patients`, `positives`, `operating_point`, `threshold`, `note`; missing where there is none.
    """
    rows = _rows(result)
    table = results_table(row for _, _, row in rows).rename(columns={"photos": "n_photos", "patients": "n_patients"})
    thresholds = [row.point.threshold if row.point else None for _, _, row in rows]
    table = table.assign(
        corruption=[corruption for corruption, _, _ in rows],
        severity=[severity for _, severity, _ in rows],
        threshold=pd.Series(thresholds, dtype=float),
    )
    return table[list(_COLUMNS)]


def _rows(result: Robustness) -> list[tuple[str, int, ResultRow]]:
    """Corruption (`none` for clean photos, `mean` over all), severity, and the result."""
    rows = []
    for output in result.outputs:
        rows.append(("none", 0, _row(output, "clean", output.clean)))
        for at in output.at:
            subset = f"{at.corruption}, severity {at.severity}"
            estimates = (at.auroc, at.difference, at.flipped, at.flipped_to_negative)
            rows += [(at.corruption, at.severity, _row(output, subset, estimate)) for estimate in estimates]
        for mean in output.means:
            subset = f"mean over {counted(mean.corruptions, 'corruption')}, severity {mean.severity}"
            estimates_of_mean = (mean.auroc, mean.difference, mean.lost)
            rows += [("mean", mean.severity, _row(output, subset, estimate)) for estimate in estimates_of_mean]
    return rows


def _row(output: OutputRobustness, subset: str, estimate: Estimate) -> ResultRow:
    point = output.point if estimate.metric.startswith("flipped") else None
    return ResultRow(
        KEY, output.output, subset, estimate, output.photos, output.patients, output.positives, point=point
    )


def mean_table(output: OutputRobustness) -> pd.DataFrame:
    """Means over corruptions by severity, for people."""
    rows = [
        {
            "Severity": str(mean.severity),
            "Mean AUROC": as_text(mean.auroc),
            "Change": signed(mean.difference),
            "Discrimination lost": as_text(mean.lost, ".0%"),
        }
        for mean in output.means
    ]
    clean = {"Severity": "clean", "Mean AUROC": as_text(output.clean), "Change": "", "Discrimination lost": ""}
    return pd.DataFrame([clean, *rows])


def corruption_table(result: Robustness, output: OutputRobustness) -> pd.DataFrame:
    """AUROCs by corruption at some severities, and change and flipped decisions at the middle one, for people."""
    shown = _shown(result)
    middle = shown[len(shown) // 2]
    by_condition = {(at.corruption, at.severity): at for at in output.at}
    rows = []
    for corruption in result.corruptions:
        row = {"Corruption": describe_corruption(corruption)}
        for severity in shown:
            row[f"AUROC at {severity}"] = _of(by_condition.get((corruption, severity)), lambda at: as_text(at.auroc))
        at_middle = by_condition.get((corruption, middle))
        row[f"Change at {middle}"] = _of(at_middle, lambda at: signed(at.difference))
        if output.point is not None:
            row[f"Flipped at {middle}"] = _of(at_middle, lambda at: as_text(at.flipped, ".0%"))
            row[f"Flipped to negative at {middle}"] = _of(at_middle, lambda at: as_text(at.flipped_to_negative, ".0%"))
        rows.append(row)
    return pd.DataFrame(rows)


def brief_table(result: Robustness, output: OutputRobustness) -> pd.DataFrame:
    """What fits a terminal: AUROCs by corruption without intervals, change and flipped decisions with them."""
    plain = tuple(replace(at, auroc=replace(at.auroc, low=None)) for at in output.at)
    table = corruption_table(result, replace(output, at=plain))
    kept = [name for name in table.columns if not name.startswith("Flipped to")]
    return table[kept].set_axis(["AUROC at", *(name.removeprefix("AUROC at ").lower() for name in kept[1:])], axis=1)


def _shown(result: Robustness) -> list[int]:
    """The severities that tables for people show, so that they fit a page."""
    return [severity for severity in result.severities if severity in SHOWN_SEVERITIES] or list(result.severities)


def _of(at: AtSeverity | None, text: Callable[[AtSeverity], str]) -> str:
    """A cell; empty where a corruption has no such severity."""
    return "" if at is None else text(at)
