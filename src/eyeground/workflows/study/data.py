"""The photographs of a study: each dataset read, cleaned and split once, and kept as a manifest in the study's folder.

Cells are computed from the kept manifest; a recipe that asks for other photographs is refused.
"""

import json
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from eyeground.config.targets import Target
from eyeground.core.files import write_text
from eyeground.data.joining import join, patients_apart, with_source
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.data.splits import fold_patients, split_patients
from eyeground.datasets import DATASETS
from eyeground.errors import UserError, did_you_mean
from eyeground.imaging.prepared_photos import labelled
from eyeground.workflows.check import check_manifest
from eyeground.workflows.study.settings import StudyData, StudyRecipe, StudyTask

DATA = "data"
TABLES = (".csv", ".parquet")


@dataclass(frozen=True)
class Place:
    """Where a study reads and writes.

    Attributes:
        folder: The study's own.
        root: Folder that relative paths of the recipe start from.
        cache: Folder of standard photos and embeddings.
        jobs: Processes that work at once.
    """

    folder: Path
    root: Path
    cache: Path
    jobs: int

    def find(self, name: str) -> Path | None:
        """A path of the recipe, relative to the root or to here; None if it does not exist."""
        return next((path for path in (self.root / name, Path(name)) if path.exists()), None)


def open_data(
    recipe: StudyRecipe, place: Place, console: Console, as_they_are: Collection[str] = ()
) -> dict[str, Manifest]:
    """Read every dataset of a study, or its kept manifest.

    Args:
        as_they_are: Data that are neither cleaned, which reads every photo, nor kept.

    Raises:
        UserError: If data are missing, or were kept from other settings.
    """
    return {
        name: _opened(name, settings, place, console, name not in as_they_are) for name, settings in recipe.data.items()
    }


def uncleaned_data(recipe: StudyRecipe, place: Place) -> tuple[str, ...]:
    """Names of the datasets that are to be cleaned and have not been yet."""
    return tuple(
        name for name, settings in recipe.data.items() if settings.clean and not _kept_as(name, place)[0].is_file()
    )


def missing_data(recipe: StudyRecipe, place: Place) -> list[str]:
    """Names of the datasets that are neither kept nor there to be read."""
    kept = {path.stem for path in (place.folder / DATA).glob("*.parquet")}
    return [name for name, settings in recipe.data.items() if name not in kept and place.find(settings.folder) is None]


def task_photos(task: StudyTask, manifests: dict[str, Manifest], seed: int) -> Manifest:
    """The photos of a task that have at least one of its labels, with the fold of each patient.

    Where one dataset is left out at a time, the number of its dataset is a photo's fold, and patients are named after theirs.

    Raises:
        UserError: If the data lack the split or a label, or have fewer patients than folds.
    """
    if task.datasets:
        return _datasets_as_folds(task, manifests)
    manifest = manifests[task.data]
    if task.split:
        manifest = manifest.in_split(task.split)
    manifest = labelled(manifest, task.targets)
    if not len(manifest):
        raise UserError(f"task '{task.name}': no photo of '{task.data}' has any of its labels")
    # Columns that no prediction depends on must not change the address of a cell; of splits, a cell uses its folds only.
    used = Manifest(manifest.table[_used(manifest, task.targets)], manifest.root)
    return fold_patients(used, task.folds, [target.name for target in task.targets], seed)


def _datasets_as_folds(task: StudyTask, manifests: dict[str, Manifest]) -> Manifest:
    found: dict[str, Manifest] = {}
    for name in task.datasets:
        manifest = manifests[name].in_split(task.split) if task.split and name == task.data else manifests[name]
        used, _ = external_photos(task, name, {name: manifest})
        found[name] = with_source(Manifest(used.table, used.root.resolve()), name, name)
    root = Path(os.path.commonpath([manifest.root for manifest in found.values()]))
    joined = join(patients_apart(found), root)
    fold = joined.table["source"].map({name: number for number, name in enumerate(task.datasets)}).astype("Int64")
    return replace(joined, table=joined.table.drop(columns="source").assign(fold=fold))


def external_photos(task: StudyTask, name: str, manifests: dict[str, Manifest]) -> tuple[Manifest, tuple[Target, ...]]:
    """Photos of another dataset that have labels of a task, and the targets of which they have any.

    Raises:
        UserError: If they have none.
    """
    manifest = manifests[name]
    labels = [name for name in manifest.labels if manifest.table[name].notna().any()]
    shared = tuple(target for target in task.targets if target.name in labels)
    if not shared:
        wanted = ", ".join(target.name for target in task.targets)
        raise UserError(f"task '{task.name}': the data '{name}' have none of its labels ({wanted})")
    found = labelled(manifest, shared)
    return Manifest(found.table[_used(found, shared)], found.root), shared


def _used(manifest: Manifest, targets: tuple[Target, ...]) -> list[str]:
    return ["photo", "patient", *(target.name for target in targets)]


def _kept_as(name: str, place: Place) -> tuple[Path, Path]:
    return place.folder / DATA / f"{name}.parquet", place.folder / DATA / f"{name}.json"


def _opened(name: str, settings: StudyData, place: Place, console: Console, is_final: bool) -> Manifest:
    kept, how = _kept_as(name, place)
    found = place.find(settings.folder)
    read = _read(name, settings, found) if found else None
    wanted = settings.model_dump(mode="json", exclude={"folder"})
    if read is not None:
        wanted["read"] = read.fingerprint()
    if kept.is_file() and how.is_file():
        before = json.loads(how.read_text(encoding="utf-8"))
        if {**before, **wanted} != before:
            raise UserError(
                f"{kept}: was made from other photographs, labels or settings of '{name}' than now; choose another "
                "folder with -o, or delete it to read the data again"
            )
        return read_manifest(kept)
    if found is None or read is None:
        raise UserError(
            f"data '{name}': there is neither {place.root / settings.folder} nor {settings.folder}; give the folder of "
            f"the data with --root FOLDER, or change 'data.{name}.folder' in the recipe"
        )
    manifest: Manifest = read
    if settings.clean and is_final:
        console.print(f"'{name}': looking for unreadable photos and for duplicates across patients")
        manifest = check_manifest(manifest, place.cache, place.jobs).clean
    if settings.shares:
        manifest = split_patients(manifest, settings.shares, settings.stratify, settings.seed)
    state = "" if is_final else ", not cleaned yet"
    console.print(f"'{name}': {len(manifest):,} photos of {manifest.patients:,} patients{state}", highlight=False)
    if not is_final:
        return manifest
    write_manifest(manifest, kept)
    write_text(how, json.dumps(wanted, indent=2) + "\n")
    return read_manifest(kept)


def _read(name: str, settings: StudyData, found: Path) -> Manifest:
    if found.suffix in TABLES:
        return read_manifest(found)
    if settings.dataset not in DATASETS:
        wrong = f"'{settings.dataset}' is no adapter{did_you_mean(settings.dataset, DATASETS)}"
        raise UserError(
            f"data '{name}': {wrong if settings.dataset else 'a folder needs an adapter'}; set 'data.{name}.dataset' to one "
            f"of {', '.join(sorted(DATASETS))}"
        )
    return DATASETS[settings.dataset].read(found)
