"""A run folder: all that a result depends on, written before the work starts, and the rules of resuming it.

```
run/
  recipe.yaml        every setting, defaults included
  manifest.parquet   the photographs with the splits that were used
  environment.json   versions, machine, command
  checkpoints/       the last epoch and the best one
  history.csv        loss and validation AUROC by epoch
  predictions.parquet
  evaluation/        metrics and figures
  bundle/            the model
```
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
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.errors import UserError

RECIPE, MANIFEST, ENVIRONMENT = "recipe.yaml", "manifest.parquet", "environment.json"
PREDICTIONS, EVALUATION, BUNDLE = "predictions.parquet", "evaluation", "bundle"
# Written before the work starts; the recipe is the last of them, because its presence says that the folder is a run.
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
    """Refuse a run folder that cannot be used, before anything slow; or clear it of its run, if that is asked for.

    Raises:
        UserError: If the folder holds a run and neither resuming nor overwriting is asked for, or something else.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / RECIPE).is_file():
        raise UserError(f"{folder}: not empty and not a run; choose another folder with -o")
    if overwrite:
        for name in (*_LATER, *_AT_START):
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    elif not resume and not _is_barely_started(folder):
        raise UserError(
            f"{folder}: holds a run already; add --resume to go on with it or --overwrite to replace it, or choose another folder "
            "with -o"
        )


def open_run(folder: Path, recipe: Settings, manifest: Manifest, resume: bool) -> Manifest:
    """Start a run folder, or check that an existing one can be resumed with the same recipe and photographs.

    A run that stopped before it had done anything, for a wrong target perhaps, is started again.

    Returns:
        As stored in the run folder: its splits are the ones to use.

    Raises:
        UserError: If the folder holds another run, or a run and `resume` is not asked for, or no run and it is.
    """
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
    """In what a run differs from another recipe and manifest, in words; empty if in nothing."""
    stored = read_recipe(type(recipe), folder / RECIPE)
    # The machine changes speed only: a run may go on with other workers or on another device.
    ours, theirs = (settings.model_dump(exclude={"machine"}) for settings in (recipe, stored))
    key = next((key for key in ours if ours[key] != theirs[key]), None)
    if key is not None:
        return f"another recipe: '{key}' is {theirs[key]}, now {ours[key]}"
    before = read_manifest(folder / MANIFEST)
    same = list(before.table["photo"]) == list(manifest.moved_to(folder).table["photo"])
    return "" if same else "another manifest"
