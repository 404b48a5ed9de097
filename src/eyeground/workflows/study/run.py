"""`study`: compute the cells that are not done yet.

Photographs are prepared and embedded once for each start. Probes then run in parallel processes; fine-tunings use all
cores themselves and run one after the other. Shards may share a folder; see docs/study.md.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from itertools import groupby

from rich.console import Console

from eyeground.config.settings import write_recipe
from eyeground.core.files import write_text
from eyeground.core.progress import track
from eyeground.workflows.study.compute import Photos, finetune_cell, probe_cell, released_cell
from eyeground.workflows.study.ledger import Outcome, is_done, keep, sweep
from eyeground.workflows.study.opened import Planned, Study
from eyeground.workflows.study.photos import Prepared, photos_of, prepare_for
from eyeground.workflows.study.settings import StudyTask

RECIPE, WORK = "recipe.yaml", "work"
Done = tuple[Planned, Outcome]
# What the probes of a group share: task, strengths, its own photographs, external ones.
Shared = tuple[StudyTask, tuple[float, ...], Photos, dict[str, Photos]]


def run_study(study: Study, planned: Sequence[Planned], console: Console) -> None:
    """Compute cells, each kept as soon as it is done.

    Raises:
        UserError: If a photo cannot be read, a bundle was trained on one, a label is wrong, or the disk is full.
    """
    folder = study.place.folder
    sweep(folder)
    write_recipe(study.recipe, folder / RECIPE)
    write_text(folder / ".gitignore", "*\n")
    prepared = prepare_for(study, planned, console)
    probes = [one for one in planned if one.cell.method == "probe"]
    for one, outcome in track(_probes(study, prepared, probes), "probes", len(probes), "cells"):
        keep(folder, one.address, one.cell, one.depends_on, outcome)
    others = [one for one in planned if one.cell.method != "probe"]
    for number, one in enumerate(others, start=1):
        if is_done(folder, one.address):  # by another process meanwhile
            continue
        console.print(f"cell {number} of {len(others)}: {one.cell.label}", highlight=False)
        outcome = _other(study, prepared, one, console)
        keep(folder, one.address, one.cell, one.depends_on, outcome)
        console.print(f"  done in {outcome.seconds:.0f} s", highlight=False)


def _probes(study: Study, prepared: Prepared, planned: Sequence[Planned]) -> Iterator[Done]:
    """Compute probes in any order, in as many processes as the study has jobs."""
    if study.place.jobs == 1 or len(planned) < 2:
        for group, arguments in _groups(study, prepared, planned):
            for one in group:
                yield one, probe_cell(one.cell, *arguments)
        return
    # Forked processes would inherit the locks of torch's threads.
    pool = ProcessPoolExecutor(study.place.jobs, multiprocessing.get_context("spawn"))
    try:
        for group, arguments in _groups(study, prepared, planned):
            running: dict[Future[Outcome], Planned] = {
                pool.submit(probe_cell, one.cell, *arguments): one for one in group
            }
            for future in as_completed(running):
                yield running[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C, cells that have not started are dropped


def _groups(study: Study, prepared: Prepared, planned: Sequence[Planned]) -> Iterator[tuple[list[Planned], Shared]]:
    """Probes of one start and task with their shared arguments, so that one group's embeddings are in memory at a time."""
    if study.recipe.probe is None:
        return

    def place(one: Planned) -> tuple[str, str]:
        return one.cell.task, one.cell.initialisation

    for (name, start), group in groupby(sorted(planned, key=place), key=place):
        task = study.recipe.task(name)
        photos = photos_of(study, prepared, study.starts[start], task, embed=True)
        own = photos.pop("")
        yield list(group), (task, study.recipe.probe.C, own, photos)


def _other(study: Study, prepared: Prepared, one: Planned, console: Console) -> Outcome:
    """Compute a cell that runs a network, with all cores."""
    task, start = study.recipe.task(one.cell.task), study.starts[one.cell.initialisation]
    photos = photos_of(study, prepared, start, task, embed=False)
    own = photos.pop("")
    if one.cell.method == "as released":
        return released_cell(one.cell, start, own, photos)
    assert study.recipe.finetune is not None
    work = study.place.folder / WORK / one.address
    return finetune_cell(one.cell, task, study.recipe.finetune, start, own, photos, work)
