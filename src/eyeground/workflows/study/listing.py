"""`--dry-run`: the cells of a study, which of them are done, and how long the others may take.

The time of a cell is the mean of the finished ones of its method; before there are any, a rough estimate for two CPU
cores, marked as such.
"""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from eyeground.workflows.study.cells import ADDRESS_LENGTH, Cell, cells_of
from eyeground.workflows.study.data import Place
from eyeground.workflows.study.ledger import seconds_by_method
from eyeground.workflows.study.opened import Planned, Study
from eyeground.workflows.study.settings import StudyRecipe

# Rough estimates: seconds of a probe for each target, and of a photo in a network of 224 px, predicted and trained.
PROBE, PREDICTED, TRAINED = 0.5, 0.02, 0.05
USUAL_SIDE = 224
MOST_LISTED = 40


def list_cells(study: Study, pending: Sequence[Planned], console: Console) -> None:
    """Print the cells that would be computed, with an estimate of the time."""
    planned = study.planned()
    measured = {method: sum(all_of) / len(all_of) for method, all_of in seconds_by_method(study.place.folder).items()}
    table = _table("address", "cell", "about")
    for one in pending[:MOST_LISTED]:
        table.add_row(_address(one, study), one.cell.label, _duration(_seconds(one.cell, study, measured)))
    console.print(table)
    if len(pending) > MOST_LISTED:
        console.print(f"… and {len(pending) - MOST_LISTED:,} more")
    total = sum(_seconds(one.cell, study, measured) for one in pending) / study.place.jobs
    guessed = sorted({one.cell.method for one in pending} - measured.keys())
    how = (
        f"; a rough estimate for {' and '.join(guessed)}, of which none is done"
        if guessed
        else ", by the cells that are done"
    )
    console.print(
        f"{len(planned):,} cells, {len(planned) - len(study.pending()):,} done; {len(pending):,} to compute, "
        f"about {_duration(total)}{how}",
        highlight=False,
    )
    if study.uncleaned:
        console.print(
            f"{' and '.join(study.uncleaned)} will be cleaned first, which reads every photo; their cells get addresses then"
        )


def list_without_data(recipe: StudyRecipe, place: Place, missing: Sequence[str], console: Console) -> None:
    """Print how many cells there are of each kind, for a study whose photographs are not there."""
    table = _table("method", "task", "starts", "cells")
    cells = cells_of(recipe)
    for (method, task), count in Counter((cell.method, cell.task) for cell in cells).items():
        starts = {cell.initialisation for cell in cells if (cell.method, cell.task) == (method, task)}
        table.add_row(method, task, str(len(starts)), str(count))
    console.print(table)
    console.print(f"{len(cells):,} cells, and those of the bundles' own heads")
    for name in missing:
        console.print(
            f"[yellow]data '{name}' are not there:[/] neither {place.root / recipe.data[name].folder} nor "
            f"{recipe.data[name].folder}; give their folder with --root"
        )


def _address(planned: Planned, study: Study) -> str:
    """The address, or the step after which there is one."""
    task = study.recipe.task(planned.cell.task)
    if {task.data, *task.external} & set(study.uncleaned):
        return "after cleaning"
    return planned.address if study.starts[planned.cell.initialisation].is_there else "after upstream"


def _seconds(cell: Cell, study: Study, measured: dict[str, float]) -> float:
    if cell.method in measured:
        return measured[cell.method]
    task, photos = study.recipe.task(cell.task), len(study.tasks[cell.task])
    scale = (study.starts[cell.initialisation].preprocessing.side / USUAL_SIDE) ** 2
    if cell.method == "probe":
        return PROBE * len(task.targets)
    if cell.method == "as released" or study.recipe.finetune is None:
        return PREDICTED * scale * photos
    plan = study.recipe.finetune
    trained = photos * cell.fraction * (1 - 1 / task.parts) * plan.optimisation.epochs * len(plan.learning_rates)
    return scale * (TRAINED * trained + PREDICTED * photos)


def _duration(seconds: float) -> str:
    """A time in a readable unit.

    >>> _duration(0.4), _duration(100), _duration(9000), _duration(400000)
    ('1 s', '2 min', '2.5 h', '4.6 days')
    """
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 86400 else f"{seconds / 86400:.1f} days"


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        # A narrow terminal cuts the name of a cell, never its address, which one may want to copy.
        width = ADDRESS_LENGTH if heading == "address" else None
        is_number = heading in ("about", "cells", "starts")
        table.add_column(heading, no_wrap=True, justify="right" if is_number else "left", min_width=width)
    return table
