"""The photographs of a task as a start sees them: standard photos, truths, and embeddings.

Each is made once and kept in the cache, by the content of the photographs and the weights, so that asking again is
cheap. A bundle that was trained on a photograph of the task is refused here, whatever its file is called.
"""

from collections.abc import Sequence

import numpy as np
from rich.console import Console

from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.protocols.study.compute import Photos
from eyeground.protocols.study.opened import Planned, Study
from eyeground.protocols.study.settings import StudyTask
from eyeground.protocols.study.starts import Start
from eyeground.training.data import PreparedPhotos, prepare_photos
from eyeground.training.probe import embeddings
from eyeground.training_photos import hashes_of_standard

# Start, task, and the name of external data or nothing for the task's own.
Key = tuple[str, str, str]
Prepared = dict[Key, PreparedPhotos]


def prepare_for(study: Study, planned: Sequence[Planned], console: Console) -> Prepared:
    """Make the standard photos that cells need, and the embeddings that probes need; each shows its own progress.

    Raises
    ------
    UserError
        If no photo can be read, a label is wrong, or a bundle was trained on one of the photos.
    """
    prepared: Prepared = {}
    embedded: set[Key] = set()
    for one in planned:
        task, start = study.recipe.task(one.cell.task), study.starts[one.cell.initialisation]
        for name in ("", *task.external):
            key = (start.name, task.name, name)
            if key not in prepared:
                prepared[key] = _prepared(study, start, task, name)
            if one.cell.method == "probe" and key not in embedded:
                _embedded(study, start, task, prepared[key])
                embedded.add(key)
    return prepared


def photos_of(study: Study, prepared: Prepared, start: Start, task: StudyTask, embed: bool) -> dict[str, Photos]:
    """A task's photographs for a start: the task's own under an empty name, external ones by theirs."""
    found = {}
    for name in ("", *task.external):
        photos = prepared[start.name, task.name, name]
        targets = study.external[task.name, name][1] if name else task.targets
        found[name] = Photos(photos, targets, _embedded(study, start, task, photos) if embed else None)
    return found


def _prepared(study: Study, start: Start, task: StudyTask, name: str) -> PreparedPhotos:
    manifest, targets = study.external[task.name, name] if name else (study.tasks[task.name], task.targets)
    photos = prepare_photos(manifest, targets, start.preprocessing, study.place.cache, study.place.jobs)
    if photos.unreadable:
        photo, reason = next(iter(photos.unreadable.items()))
        raise UserError(
            f"{len(photos.unreadable)} photos of '{name or task.data}' cannot be read; the first is {photo}: {reason}. "
            "Set 'clean: true' for these data"
        )
    if start.bundle is not None:
        seen = start.bundle.trained_on(hashes_of_standard(photos.standard))
        if seen:
            raise UserError(
                f"initialisation '{start.name}' was trained on {len(seen)} of the {len(photos.standard)} photos of "
                f"'{name or task.data}' (task '{task.name}'), so its figures there would flatter; hold these patients out"
            )
    return photos


def _embedded(study: Study, start: Start, task: StudyTask, photos: PreparedPhotos) -> np.ndarray:
    def network() -> Classifier:
        return start.classifier(task.targets, study.recipe.seed, Console(quiet=True))

    return embeddings(network, start.identity(), photos, study.place.cache)
