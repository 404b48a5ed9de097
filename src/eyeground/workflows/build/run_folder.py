"""A run folder: all that a result depends on, written before the work starts, and the rules of resuming it.

What lies in it is in docs/architecture.md.
"""

import json
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

import eyeground
from eyeground.config.settings import Settings, read_recipe, write_recipe
from eyeground.core.files import write_text
from eyeground.core.machine import process_rank
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.errors import UserError

RECIPE, MANIFEST, ENVIRONMENT = "recipe.yaml", "manifest.parquet", "environment.json"
PREDICTIONS, EVALUATION, BUNDLE = "predictions.parquet", "evaluation", "bundle"
# Written before the work starts; the recipe last, because its presence marks the folder as a run.
_AT_START = (ENVIRONMENT, MANIFEST, RECIPE)
_LATER = (PREDICTIONS, EVALUATION, BUNDLE, "checkpoints", "history.csv", "tensorboard", "masks")
_PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "lightning",
    "numpy",
    "pandas",
    "scikit-learn",
    "onnxruntime",
    "opencv-python-headless",
)


def make_room(folder: Path, resume: bool, overwrite: bool) -> None:
    """Refuse a run folder that cannot be used, before anything slow; or delete its run, if `overwrite`.

    Of several processes that train together, the first alone does.

    Raises:
        UserError: If the folder holds something else, or a run that is neither to be resumed nor overwritten.
    """
    if process_rank() or not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / RECIPE).is_file():
        raise UserError(f"{folder}: not empty and not a run; choose another folder with -o")
    if overwrite:
        for name in (*_LATER, *_AT_START):
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    elif not resume and not _is_barely_started(folder):
        raise UserError(
            f"{folder}: holds a run already; add --resume to continue it or --overwrite to replace it, or choose another folder "
            "with -o"
        )


def open_run(folder: Path, recipe: Settings, manifest: Manifest, resume: bool) -> Manifest:
    """Start a run folder, or check that an existing one can be resumed with the same recipe and photographs.

    A run that stopped before it had computed anything, for a wrong target perhaps, is started again. Of several processes
    that train together, the first alone writes.

    Returns:
        The manifest as stored in the run folder, with the splits to use.

    Raises:
        UserError: If the folder holds another run, or a run that is not to be resumed.
    """
    if process_rank():
        folder.mkdir(parents=True, exist_ok=True)  # paths lead through it
        there = resume and (folder / MANIFEST).is_file()
        return read_manifest(folder / MANIFEST) if there else manifest.moved_to(folder)
    make_room(folder, resume, overwrite=False)
    if (folder / RECIPE).is_file() and resume:
        difference = _difference(folder, recipe, manifest)
        if not difference:
            return read_manifest(folder / MANIFEST)
        if not _is_barely_started(folder):
            raise UserError(
                f"{folder}: was started with {difference}; resume with the same, replace the run with --overwrite, or choose "
                "another folder with -o"
            )
    write_manifest(manifest, folder / MANIFEST)
    write_text(folder / ENVIRONMENT, json.dumps(environment(), indent=2) + "\n")
    write_recipe(recipe, folder / RECIPE)
    return read_manifest(folder / MANIFEST)


def _is_barely_started(folder: Path) -> bool:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")} <= set(_AT_START)


def environment() -> dict[str, object]:
    """Versions, machine and command line, without user or host names."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "eyeground": eyeground.__version__,
        "python": platform.python_version(),
        "machine": ", ".join([f"{platform.system()} {platform.machine()}", *_accelerators()]),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "packages": versions,
    }


def _accelerators() -> list[str]:
    """Names of the GPUs that are there for torch; none where nothing has needed torch."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_name(number)) for number in range(torch.cuda.device_count())]


def _difference(folder: Path, recipe: Settings, manifest: Manifest) -> str:
    """What differs between a run and another recipe and manifest, as text; empty if nothing does."""
    stored = read_recipe(type(recipe), folder / RECIPE)
    # The machine changes speed only: a run may continue with other workers or on another device.
    ours, theirs = (settings.model_dump(exclude={"machine"}) for settings in (recipe, stored))
    key = next((key for key in ours if ours[key] != theirs[key]), None)
    if key is not None:
        return f"another recipe: '{key}' is {theirs[key]}, now {ours[key]}"
    before = read_manifest(folder / MANIFEST)
    same = list(before.table["photo"]) == list(manifest.moved_to(folder).table["photo"])
    return "" if same else "another manifest"
