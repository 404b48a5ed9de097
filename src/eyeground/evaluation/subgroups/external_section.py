"""External validation as a section of the report."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eyeground.config.targets import describe_output
from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.comparing.tables import p_text
from eyeground.evaluation.curves import RocCurve
from eyeground.evaluation.estimates import FEW_PATIENTS, as_text, signed
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, LINES, PALE, styled
from eyeground.evaluation.reporting.figures import MOST_CURVES_PER_PANEL, PANELS_PER_ROW, panels_of, wrapped
from eyeground.evaluation.reporting.interval_figure import Row, interval_figure
from eyeground.evaluation.reporting.result_rows import ResultRow
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import DASH, joined, photos_of_patients
from eyeground.evaluation.subgroups.external import External, OutputAcrossDatasets
from eyeground.evaluation.subgroups.group_tables import (
    GAP_METHODS,
    VALUE_METHODS,
    gap_rows,
    gaps_beyond_chance,
    metric_title,
    rows_of_group,
    rules_of,
    slug,
    threshold_words,
    value_rows,
)
from eyeground.evaluation.subgroups.groups import SENSITIVITY, SPECIFICITY, Group

KEY = "external"
FOREST = (AUROC, SENSITIVITY, SPECIFICITY)


def external_section(result: External) -> Section:
    """The section `external` of a report."""
    shown = [output for output in result.outputs if output.external]
    rows: list[ResultRow] = []
    for output in shown:
        for one in (output.internal, *output.external):
            rows += rows_of_group(KEY, output.output, one.name, one)
    figures = [figure for output in shown for figure in (_roc(output, result), _forest(output, result)) if figure]
    return Section(
        key=KEY,
        title="External validation",
        paragraphs=(
            _what_was_done(result),
            *result.remarks,
            *result.contamination,
            *(_what_came_out(output) for output in result.outputs),
        ),
        tables=tuple(table for output in shown for table in _tables(output, result)),
        figures=tuple(figures),
        results=tuple(rows),
    )


def _what_was_done(result: External) -> str:
    names = [f"{name} ({photos_of_patients(photos, patients)})" for name, photos, patients in result.datasets]
    return (
        f"The results on {names[0]} are compared with those on {joined(names[1:])}, at the same operating points. A gap is "
        f"external minus {result.internal}. Intervals ({CONFIDENCE:.0%}) of values are {VALUE_METHODS}, from {result.resamples:,} resamples "
        f"of patients, in each dataset by itself. {GAP_METHODS}; p-values are adjusted for the number of datasets of a metric "
        f"(Holm), and what rests on fewer than {FEW_PATIENTS} patients is not tested. A gap may come from the patients, "
        "the cameras and the annotators as well as from the model; AUPRC, Brier score and mean calibration change with the "
        "prevalence."
    )


def _what_came_out(output: OutputAcrossDatasets) -> str:
    name, rules = describe_output(output.output), rules_of(output.internal)
    lacking = f" Not labelled there: {joined(output.not_labelled)}." if output.not_labelled else ""
    if not output.external:
        return f"{name}: labelled in no external dataset."
    found = gaps_beyond_chance([(f"on {one.name}", one) for one in output.external], rules)
    return f"{name}: AUROC {_aurocs(output)}; {found}{lacking}"


def _aurocs(output: OutputAcrossDatasets) -> str:
    groups = (output.internal, *output.external)
    return joined([f"{as_text(one.metric(AUROC).estimate)} on {one.name}" for one in groups])


def _roc(output: OutputAcrossDatasets, result: External) -> FigureBlock | None:
    if not output.curves:
        return None
    groups = {one.name: one for one in (output.internal, *output.external) if one.name in output.curves}
    with styled():
        figure = _in_one_panel(output, groups) if len(groups) <= MOST_CURVES_PER_PANEL else _in_panels(output, groups)
    name = describe_output(output.output)
    aurocs = [f"{dataset} {as_text(one.metric(AUROC).estimate)}" for dataset, one in groups.items()]
    bands = f"Bands: {CONFIDENCE:.0%}, point by point, over patients. " if result.resamples else ""
    internal = "" if len(groups) <= MOST_CURVES_PER_PANEL else f"Dotted: {result.internal}. "
    points = "Circles: the operating points, the same on every dataset." if rules_of(output.internal) else ""
    return FigureBlock(
        name=f"external-roc-{slug(output.output)}",
        figure=figure,
        alt=f"ROC curves of {name} on {joined(list(groups))}; AUROC {joined(aurocs)}.",
        caption=f"ROC curves of {name} on each dataset. {bands}{internal}{points}".strip(),
    )


def _in_one_panel(output: OutputAcrossDatasets, groups: dict[str, Group]) -> Figure:
    figure = Figure(figsize=(4.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for index, (dataset, one) in enumerate(groups.items()):
        _draw(axes, output.curves[dataset], one, index)
    _finish(axes, 6)
    if rules_of(output.internal):
        axes.plot([], [], "o", markersize=5, markerfacecolor="white", markeredgecolor=INK, label="operating point")
    axes.legend(
        loc="lower right", frameon=False, handlelength=2.8, title=f"Dataset, AUROC ({CONFIDENCE:.0%})", alignment="left"
    )
    return figure


def _in_panels(output: OutputAcrossDatasets, groups: dict[str, Group]) -> Figure:
    """A panel for each dataset, the internal curve dotted behind the external ones."""
    figure, panels = panels_of(len(groups), width=2.3, height=2.5)
    behind = output.curves.get(output.internal.name)
    for index, (axes, (dataset, one)) in enumerate(zip(panels, groups.items(), strict=True)):
        if behind is not None and dataset != output.internal.name:
            axes.plot(
                behind.false_positive_rate, behind.true_positive_rate, color=PALE, linewidth=1, linestyle=(0, (1, 1.5))
            )
        _draw(axes, output.curves[dataset], one, 0)
        _finish(axes, 3)
        axes.set_title(wrapped(dataset), loc="left", fontsize=8.5, fontweight="bold")
        text = "AUROC\n" + as_text(one.metric(AUROC).estimate)
        axes.text(0.98, 0.05, text, ha="right", va="bottom", transform=axes.transAxes)
        if index % PANELS_PER_ROW:
            axes.set_ylabel("")
    return figure


def _draw(axes: Axes, curve: RocCurve, one: Group, index: int) -> None:
    colour = COLOURS[index]
    if len(curve.grid):
        axes.fill_between(curve.grid, curve.low, curve.high, color=colour, alpha=0.13, linewidth=0)
    axes.plot(
        curve.false_positive_rate,
        curve.true_positive_rate,
        color=colour,
        linestyle=LINES[index],
        linewidth=1.5,
        clip_on=False,
        label=f"{wrapped(one.name)}  {as_text(one.metric(AUROC).estimate)}",
    )
    for metric in one.metrics:
        if metric.estimate.metric != SENSITIVITY or metric.estimate.value is None:
            continue
        specificity = one.metric(SPECIFICITY, metric.point).estimate.value
        if specificity is not None:
            axes.plot(
                1 - specificity,
                metric.estimate.value,
                marker="o",
                markersize=5.5,
                markerfacecolor="white",
                markeredgecolor=colour,
                markeredgewidth=1.4,
                zorder=4,
                clip_on=False,
            )


def _finish(axes: Axes, ticks: int) -> None:
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=0.7, linestyle=(0, (1, 3)), zorder=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="1 − specificity", ylabel="Sensitivity")
    axes.set_xticks(np.linspace(0, 1, ticks))
    axes.set_yticks(np.linspace(0, 1, ticks))
    axes.spines[["left", "bottom"]].set_position(("outward", 5))


def _forest(output: OutputAcrossDatasets, result: External) -> FigureBlock:
    rows: list[Row] = []
    rules = rules_of(output.internal)
    unit = "Photos" if all(patients is None for _, _, patients in result.datasets) else "Patients"
    for index, metric in enumerate(output.internal.metrics):
        if metric.estimate.metric not in FOREST:
            continue
        rows.append(Row(metric_title(metric, rules)))
        for one in (output.internal, *output.external):
            found = one.metrics[index]
            gap = signed(found.gap.estimate) if found.gap else ""
            p = p_text(found.gap.p_holm) if found.gap else ""
            rows.append(
                Row(
                    one.name,
                    (found.estimate,),
                    (f"{one.photos if unit == 'Photos' else one.patients:,}", as_text(found.estimate), gap, p),
                )
            )
    name = describe_output(output.output)
    return FigureBlock(
        name=f"external-forest-{slug(output.output)}",
        figure=interval_figure(rows, name, columns=(unit, "Estimate (95 %)", f"Gap to {result.internal}", "p")),
        alt=f"AUROC, sensitivity and specificity of {name} on each dataset, in rows with intervals; AUROC {_aurocs(output)}.",
        caption=(
            f"{name} on each dataset. Bars: {CONFIDENCE:.0%} intervals over patients; p of the gap, adjusted for the number "
            f"of datasets (Holm).{threshold_words(output.internal)}"
        ),
    )


def _tables(output: OutputAcrossDatasets, result: External) -> list[TableBlock]:
    name, rules = describe_output(output.output), rules_of(output.internal)
    external = [(one.name, one) for one in output.external]
    values = value_rows("Dataset", [(output.internal.name, output.internal), *external], rules)
    values += [
        {"Dataset": one} | dict.fromkeys(list(values[0])[1:-1], DASH) | {"Note": "not labelled there"}
        for one in output.not_labelled
    ]
    at = threshold_words(output.internal)
    return [
        TableBlock(
            f"external-{slug(output.output)}",
            pd.DataFrame(values),
            f"{name} on each dataset, with {CONFIDENCE:.0%} intervals over patients. Mean calibration is the mean "
            f"probability minus the prevalence.{at}",
        ),
        TableBlock(
            f"external-gaps-{slug(output.output)}",
            pd.DataFrame(gap_rows("Dataset", external, rules)),
            f"{name}: each external dataset minus {result.internal}, with {CONFIDENCE:.0%} intervals over patients and p "
            f"adjusted for the number of datasets (Holm).{at}",
        ),
    ]
