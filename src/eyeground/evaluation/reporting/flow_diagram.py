"""The flow of photos through a study as a diagram like STARD's: boxes from top to bottom, losses beside them.

All counts come from the predictions and, if given, the `flow.csv` of `eyeground check`. A loss without a recorded reason is
shown as photos that are not in the predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from eyeground.config.targets import describe_output
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.flow import IN_MANIFEST, NO_SPLIT, READABLE, evaluated_scope, flow_table, patients_known
from eyeground.evaluation.reporting.figure_style import INK, PALE, styled
from eyeground.evaluation.reporting.section import FigureBlock, Section, TableBlock
from eyeground.evaluation.reporting.wording import counted, photos_of_patients

KEY = "flow"
MOST_OUTPUTS, LONGEST_NAME = 12, 40
FILES = ("missing files", "unreadable files")
NOTED = (
    ("of these ungradable by the measures", "ungradable by the measures"),
    ("exact duplicates of one patient", "exact duplicates of one patient"),
    ("exact duplicates across patients", "exact duplicates across patients"),
    ("near duplicates of one patient", "near duplicates of one patient"),
    ("near duplicates across patients", "near duplicates across patients"),
)

_WIDTH, _MAIN, _GAP = 5.6, 3.2, 0.3  # inches
_LINE, _PADDING = 0.165, 0.1


@dataclass(frozen=True)
class Step:
    """A box of the diagram.

    Attributes:
        loss: Lines of the box beside the arrow that leaves this one; empty for none.
    """

    title: str
    lines: tuple[str, ...]
    loss: tuple[str, ...] = ()


def flow_section(predictions: Predictions, checked: pd.DataFrame | None = None) -> Section:
    """What became of the photos: a diagram, a table by split and output, and remarks on the split.

    Args:
        predictions: The entire table, all splits.
        checked: From `flow.read_checked_flow`, of the manifest that the predictions come from.

    Raises:
        UserError: If `checked` counts fewer readable photos than the predictions have.
    """
    scope = evaluated_scope(predictions)
    flow = flow_table(predictions)
    steps = steps_of(predictions, checked)
    evaluated = scope.predictions.table
    counts = _counts(Predictions(evaluated))
    unknown = "Photos whose truth for an output is unknown are left out of its results."
    described = [
        f"{step.title}: {'; '.join(step.lines)}" + (f" ({'; '.join(step.loss)})" if step.loss else "") for step in steps
    ]
    return Section(
        key=KEY,
        title="Flow of photos",
        paragraphs=(f"Evaluated: {scope.name}, {counts}. {unknown}", *scope.remarks),
        tables=(
            TableBlock("flow", _table(flow), "Photos, patients and truths in the predictions, by split and output."),
        ),
        figures=(
            FigureBlock(
                "flow",
                flow_figure(steps, flow, scope.name),
                alt=f"Flow diagram. {'. '.join(described)}. Evaluated: {scope.name}, {counts}.",
                caption="Flow of photos and patients through the study"
                + (", from the manifest as ‘eyeground check’ found it." if checked is not None else "."),
            ),
        ),
    )


def _counts(predictions: Predictions) -> str:
    patients = int(predictions.table["patient"].nunique()) if patients_known(predictions) else None
    return photos_of_patients(len(predictions.table), patients)


def steps_of(predictions: Predictions, checked: pd.DataFrame | None = None) -> tuple[Step, ...]:
    """The boxes from the manifest to the predictions; the predictions alone without `checked`."""
    table = predictions.table
    predicted = Step("In the predictions", (_counts(predictions),))
    if checked is None:
        return (predicted,)
    counts = zip(checked["photos"].tolist(), checked["patients"].tolist(), strict=True)
    by_step = dict(zip(checked["step"].tolist(), counts, strict=True))
    lost = by_step[READABLE][0] - len(table)
    if lost < 0:
        raise UserError(
            f"the flow.csv of `eyeground check` counts {by_step[READABLE][0]:,} readable photos, but the predictions "
            f"hold {len(table):,}; it is of another manifest"
        )
    files = tuple(f"{name}: {by_step[name][0]:,}" for name in FILES if name in by_step)
    noted = tuple(f"{by_step[step][0]:,} {name}" for step, name in NOTED if by_step.get(step, (0, 0))[0])
    reasons = ("used for training or left out",) if lost else ()
    return (
        Step("In the manifest", (photos_of_patients(*by_step[IN_MANIFEST]),), ("Left out", *files)),
        Step(
            "Readable",
            (photos_of_patients(*by_step[READABLE]), *noted),
            ("Not in the predictions", counted(lost, "photo"), *reasons),
        ),
        predicted,
    )


def flow_figure(steps: Sequence[Step], flow: pd.DataFrame, scope: str) -> Figure:
    """Draw the boxes, the splits of the predictions, and the truths of what is evaluated.

    Args:
        steps: From `steps_of`.
        flow: From `flow.flow_table`.
        scope: What is evaluated, `test` or `all photos`.
    """
    splits = flow.drop_duplicates("split").set_index("split")
    has_splits = list(splits.index) != [NO_SPLIT]
    evaluated = flow[flow["split"] == "test"] if scope == "test" else flow
    truths = evaluated.groupby("output", sort=False)[["positives", "negatives", "unknown"]].sum()
    heights = [_height(1 + len(step.lines)) for step in steps]
    split_height = _height(3) if has_splits else 0.0
    rows = min(len(truths), MOST_OUTPUTS) + (len(truths) > MOST_OUTPUTS)
    truth_height = _height(2 + rows)
    total = sum(heights) + len(steps) * _GAP + (split_height + _GAP) * has_splits + truth_height
    with styled():
        figure = Figure(figsize=(_WIDTH, total + 0.1))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(total + 0.05, -0.05))
        axes.axis("off")
        top = _draw_steps(axes, steps, heights)
        from_here = [_MAIN / 2]
        if has_splits:
            from_here = _draw_splits(axes, splits, top, scope)
            top += split_height + _GAP
        for across in from_here:
            _arrow(axes, (across, top - _GAP), (across, top))
        _draw_truths(axes, truths, top, truth_height, scope)
    return figure


def _height(lines: int) -> float:
    return lines * _LINE + 2 * _PADDING


def _draw_steps(axes: Axes, steps: Sequence[Step], heights: Sequence[float]) -> float:
    """Draw the boxes below each other, and return the top of the next one."""
    top = 0.0
    for number, (step, height) in enumerate(zip(steps, heights, strict=True)):
        _box(axes, (0.02, top), (_MAIN, height), (step.title, *step.lines))
        bottom = top + height
        if number + 1 < len(steps):
            _arrow(axes, (_MAIN / 2, bottom), (_MAIN / 2, bottom + _GAP))
        if step.loss:
            loss_height = _height(len(step.loss))
            middle = bottom + _GAP / 2
            left = _MAIN + 0.35
            _arrow(axes, (_MAIN / 2, middle), (left, middle))
            _box(axes, (left, middle - loss_height / 2), (_WIDTH - left - 0.02, loss_height), step.loss, PALE)
        top = bottom + _GAP
    return top


def _draw_splits(axes: Axes, splits: pd.DataFrame, top: float, scope: str) -> list[float]:
    """Draw a box for each split, and return the centres of those that are evaluated."""
    gap = 0.12
    width = (_WIDTH - 0.04 - gap * (len(splits) - 1)) / len(splits)
    middles = [0.02 + place * (width + gap) + width / 2 for place in range(len(splits))]
    bend = top - _GAP / 2
    start = _MAIN / 2
    axes.plot([start, start], [top - _GAP, bend], color=INK, linewidth=0.8)
    axes.plot([min(start, *middles), max(start, *middles)], [bend, bend], color=INK, linewidth=0.8)
    for middle, (name, row) in zip(middles, splits.iterrows(), strict=True):
        _arrow(axes, (middle, bend), (middle, top))
        title = "no split" if name == NO_SPLIT else str(name)
        lines = (title, counted(int(row["photos"]), "photo"), counted(int(row["patients"]), "patient"))
        is_evaluated = scope != "test" or name == "test"
        _box(axes, (middle - width / 2, top), (width, _height(3)), lines, INK if is_evaluated else PALE)
    return [middle for middle, name in zip(middles, splits.index, strict=True) if scope != "test" or name == "test"]


def _draw_truths(axes: Axes, truths: pd.DataFrame, top: float, height: float, scope: str) -> None:
    """Draw the last box: every output with its truths, in columns."""
    _box(axes, (0.02, top), (_WIDTH - 0.04, height), (f"Evaluated: {scope}",))
    columns = {"positives": _WIDTH - 1.75, "negatives": _WIDTH - 0.95, "unknown": _WIDTH - 0.15}
    line = top + _PADDING + 1.5 * _LINE
    for column, right in columns.items():
        axes.text(right, line, column.removesuffix("s"), ha="right", va="center", color="#555555")
    for name, row in truths.head(MOST_OUTPUTS).iterrows():
        line += _LINE
        label = describe_output(str(name))
        label = label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 1]}…"
        axes.text(0.15, line, label, va="center")
        for column, right in columns.items():
            axes.text(right, line, f"{int(row[column]):,}", ha="right", va="center")
    if len(truths) > MOST_OUTPUTS:
        more = f"… and {len(truths) - MOST_OUTPUTS:,} more outputs, in the table"
        axes.text(0.15, line + _LINE, more, va="center", color="#555555")


def _box(
    axes: Axes, corner: tuple[float, float], size: tuple[float, float], lines: Sequence[str], edge: str = INK
) -> None:
    """A box whose first line is its title."""
    axes.add_patch(Rectangle(corner, *size, facecolor="white", edgecolor=edge, linewidth=0.8))
    for number, line in enumerate(lines):
        axes.text(
            corner[0] + 0.12,
            corner[1] + _PADDING + (number + 0.5) * _LINE,
            line,
            va="center",
            fontweight="normal" if number else "bold",
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    how = {"arrowstyle": "-|>", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
    axes.annotate("", end, start, arrowprops=how)


def _table(flow: pd.DataFrame) -> pd.DataFrame:
    shown = flow.assign(
        split=flow["split"].replace(NO_SPLIT, "no split"),
        output=[describe_output(output) for output in flow["output"]],
        **{column: [f"{count:,}" for count in flow[column]] for column in flow.columns[2:]},
    )
    return shown.rename(columns=lambda column: str(column).capitalize())
