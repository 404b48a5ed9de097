"""`study`: initialisations by task by label fraction by seed by fold, every cell once."""

from pathlib import Path

import typer

from eyeground.cli.build import need_torch
from eyeground.cli.options import CACHE, SET
from eyeground.core.console import Console
from eyeground.errors import UserError


def study(
    recipe: Path = typer.Argument(..., help="Study recipe, YAML; see docs/study.md and recipes/."),
    output: Path | None = typer.Option(
        None,
        "-o",
        "--output",
        help="Folder of the study; `studies/<name>` if not given. A finished cell in it is never computed again.",
    ),
    root: Path | None = typer.Option(None, "--root", help="Folder of the data; the recipe's `root` if not given."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="List the cells, which are done, and how long the others may take."
    ),
    cells: int | None = typer.Option(None, "--cells", min=1, help="Compute at most this many cells, then stop."),
    shard: str = typer.Option(
        "1/1", "--shard", help="Compute every n-th cell only, from the i-th on, as i/n: a part for each machine."
    ),
    jobs: int = typer.Option(1, "--jobs", min=1, help="Processes that read photos, fit probes and compute results."),
    overrides: list[str] = SET,
    cache: Path = CACHE,
) -> None:
    """Compare initialisations on tasks at label fractions, cross-validated, with paired differences and a report.

    A study is resumed by repeating the command, even after a kill. When all cells of a comparison are done, its results
    are in the report. Without the photographs, `dry-run` still lists the cells.

    Example: eyeground study recipes/odir-cpu.yaml --root /path/to/datasets -o studies/odir
    """
    need_torch()
    from eyeground.config.settings import read_recipe
    from eyeground.workflows.study.data import Place, missing_data
    from eyeground.workflows.study.listing import list_cells, list_without_data
    from eyeground.workflows.study.opened import open_study
    from eyeground.workflows.study.report import write_study
    from eyeground.workflows.study.run import run_study
    from eyeground.workflows.study.settings import StudyRecipe

    console = Console(soft_wrap=True)
    settings = read_recipe(StudyRecipe, recipe, overrides)
    place = Place(output or Path("studies") / settings.name, root or Path(settings.root), cache, jobs)
    part = _shard(shard)
    if dry_run and (missing := missing_data(settings, place)):
        list_without_data(settings, place, missing, console)
        return
    opened = open_study(settings, place, console, train=not dry_run and part[1] == 1, clean=not dry_run)
    pending = opened.pending(*part)[:cells]
    if dry_run:
        list_cells(opened, pending, console)
        return
    for start in opened.starts.values():
        if not start.is_there:
            raise UserError(
                f"--shard {shard}: the upstream model of '{start.name}' is not trained yet, and every shard must start from the "
                "same; run the study once without --shard, with --cells 1"
            )
    run_study(opened, pending, console)
    write_study(opened, console)


def _shard(text: str) -> tuple[int, int]:
    part, slash, parts = text.partition("/")
    if not (slash and part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        raise UserError(f"--shard {text}: expected i/n, for example 2/4 for the second of four parts")
    return int(part), int(parts)
