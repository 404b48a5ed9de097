"""A run folder after its work is done, read back completely: the only source of a release."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.core.tables import read_table
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.errors import UserError
from eyeground.training.fit import HISTORY
from eyeground.workflows.build.run_folder import BUNDLE, ENVIRONMENT, MANIFEST, RECIPE

SPEED = "photos_per_second"


@dataclass(frozen=True)
class Compute:
    """What the training took, as the run recorded it.

    Attributes:
        epochs: 0 for a probe.
        seconds: Of all passes over the training photos, by each epoch's speed; without validation and export. None
            where no speed was recorded.
        machine: Such as `Linux x86_64`.
        software: Name and version.
    """

    epochs: int
    seconds: float | None
    machine: str
    software: dict[str, str]

    @property
    def duration(self) -> str:
        """`seconds` in a readable unit; empty where there are none."""
        if self.seconds is None:
            return ""
        return f"{self.seconds:.0f} seconds" if self.seconds < 120 else f"{self.seconds / 60:.0f} minutes"


@dataclass(frozen=True)
class FinishedRun:
    """A finished run, its manifest with the splits that were used."""

    folder: Path
    manifest: Manifest
    bundle: Bundle
    compute: Compute


def read_finished_run(folder: Path) -> FinishedRun:
    """Read a run folder.

    Raises:
        UserError: If it is no run folder, the run is not finished, or a file of it cannot be read.
    """
    folder = Path(folder)
    if not (folder / RECIPE).is_file():
        raise UserError(f"{folder}: no run here; a run is a folder that `eyeground pretrain` or `adapt` wrote")
    if not (folder / BUNDLE / DESCRIPTION).is_file():
        raise UserError(f"{folder}: the run is not finished, it has no bundle; continue it with --resume")
    bundle = open_bundle(folder / BUNDLE)
    manifest = read_manifest(folder / MANIFEST)
    return FinishedRun(folder, manifest, bundle, _compute(folder, bundle.description.training.photos))


def _compute(folder: Path, photos: int) -> Compute:
    path = folder / ENVIRONMENT
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
        machine, packages = str(environment["machine"]), dict(environment["packages"])
        software = {"eyeground": str(environment["eyeground"]), "Python": str(environment["python"])} | packages
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: cannot be read; is this the run's own folder? ({error})") from error
    if not (folder / HISTORY).is_file():
        return Compute(0, None, machine, software)
    history = read_table(folder / HISTORY)
    if SPEED not in history:
        return Compute(len(history), None, machine, software)
    speed = pd.to_numeric(history[SPEED], errors="coerce")
    return Compute(len(history), float((photos / speed).sum()) if (speed > 0).all() else None, machine, software)
