"""The photographs of a task as a start needs them: standard photos, truths and embeddings, kept in the cache.

A bundle that was trained on a photograph of the task is refused here, whatever the file is called.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from eyeground.bundle.training_photos import hashes_of_standard
from eyeground.config.training_recipe import Preprocessing
from eyeground.core.machine import keep_freed_memory
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.probing.embedding import Embed, embeddings
from eyeground.workflows.study.compute import Photos
from eyeground.workflows.study.opened import Planned, Study
from eyeground.workflows.study.settings import StudyTask
from eyeground.workflows.study.starts import Start

# Preprocessing, task, and the name of external data or nothing for the task's own.
Key = tuple[Preprocessing, str, str]
Prepared = dict[Key, PreparedPhotos]


def prepare_for(study: Study, planned: Sequence[Planned], console: Console) -> Prepared:
    """Make the standard photos that cells need, and the embeddings that probes need; each shows its own progress.

    Raises:
        UserError: If a photo cannot be read, is in two folds or in external data as well, or a bundle was trained
            on it.
    """
    prepared: Prepared = {}
    for start, task, methods in _needed(study, planned):
        names = ("", *task.external)
        for name in names:
            if (start.preprocessing, task.name, name) not in prepared:
                prepared[start.preprocessing, task.name, name] = _prepared(study, start.preprocessing, task, name)
        photos = {name: prepared[start.preprocessing, task.name, name] for name in names}
        _refuse_leakage(task, photos)
        _refuse_known(start, task, photos, console)
        for of in photos.values() if "probe" in methods else ():
            _embedded(study, start, task, of)
    return prepared


def photos_of(study: Study, prepared: Prepared, start: Start, task: StudyTask, embed: bool) -> dict[str, Photos]:
    """A task's photographs for a start: the task's own under an empty name, external ones under theirs."""
    found = {}
    for name in ("", *task.external):
        photos = prepared[start.preprocessing, task.name, name]
        targets = study.external[task.name, name][1] if name else task.targets
        found[name] = Photos(photos, targets, _embedded(study, start, task, photos) if embed else None)
    return found


def _needed(study: Study, planned: Sequence[Planned]) -> list[tuple[Start, StudyTask, set[str]]]:
    """Starts and tasks that cells have, and by which methods."""
    methods: dict[tuple[str, str], set[str]] = {}
    for one in planned:
        methods.setdefault((one.cell.initialisation, one.cell.task), set()).add(one.cell.method)
    return [(study.starts[start], study.recipe.task(task), of) for (start, task), of in methods.items()]


def _prepared(study: Study, preprocessing: Preprocessing, task: StudyTask, name: str) -> PreparedPhotos:
    manifest, targets = study.external[task.name, name] if name else (study.tasks[task.name], task.targets)
    photos = prepare_photos(manifest, targets, preprocessing, study.place.cache, study.place.jobs)
    if photos.unreadable:
        photo, reason = next(iter(photos.unreadable.items()))
        raise UserError(
            f"{len(photos.unreadable)} photos of '{name or task.data}' cannot be read; the first is {photo}: {reason}. "
            "Set 'clean: true' for these data, or fix their paths"
        )
    return photos


def _refuse_leakage(task: StudyTask, photos: dict[str, PreparedPhotos]) -> None:
    """Refuse a photograph in two folds or datasets; standard photos of equal files have equal names."""
    own = photos[""]
    folds: dict[str, int] = {}
    for path, fold in zip(own.standard, own.manifest.table["fold"], strict=True):
        if folds.setdefault(path.name, int(fold)) != fold:
            raise UserError(
                f"task '{task.name}': one photograph is in two {'datasets' if task.datasets else 'folds'}, under different "
                f"patients; set 'clean: true' for '{task.data}', or leave one of them out"
            )
    for name, of in photos.items():
        shared = folds.keys() & {path.name for path in of.standard} if name else set()
        if shared:
            raise UserError(
                f"task '{task.name}': {len(shared)} photographs of the external data '{name}' are its own, too"
            )


def _refuse_known(start: Start, task: StudyTask, photos: dict[str, PreparedPhotos], console: Console) -> None:
    if start.bundle is None:
        return
    for name, of in photos.items():
        seen = start.bundle.trained_on(hashes_of_standard(of.standard))
        if seen is None:
            console.print(
                f"[yellow]'{start.name}' does not list the photos it was trained on:[/] whether these include photos of "
                f"'{name or task.data}' cannot be checked"
            )
        elif seen:
            raise UserError(
                f"initialisation '{start.name}' was trained on {len(seen)} of the {len(of.standard)} photos of "
                f"'{name or task.data}' (task '{task.name}'), so its metrics there would be too good; hold these patients out"
            )


def _embedded(study: Study, start: Start, task: StudyTask, photos: PreparedPhotos) -> np.ndarray:
    def network() -> Embed:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        keep_freed_memory()
        classifier = start.classifier(task.targets, study.recipe.seed, Console(quiet=True)).to(device).eval()

        def embed(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            with torch.inference_mode():
                embedded: NDArray[np.float32] = classifier.embed(torch.from_numpy(pixels).to(device)).cpu().numpy()
            return embedded

        return embed

    return embeddings(network, start.identity(), photos.standard, study.place.cache)
