"""The bundle: a folder that holds a model and everything needed to use it honestly.

`bundle.json` describes the network, the whole preprocessing, the outputs, the operating points and what the
model was trained on, and carries the SHA-256 of every other file. Opening a bundle verifies all of it before
a single weight is used. Nothing in a bundle is ever unpickled, and this module needs no torch, so that a
screening install can open one.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open

import eyeground
from eyeground.errors import UserError
from eyeground.files import sha256_of
from eyeground.recipe import Architecture, Preprocessing, Settings, Target

DESCRIPTION, WEIGHTS, ONNX, CARD = "bundle.json", "model.safetensors", "model.onnx", "README.md"
RELEASED = Path(__file__).parent / "released"


class OperatingPoint(Settings):
    """A threshold on one output, and where it came from."""

    output: str = Field(description="Output it applies to.")
    threshold: float = Field(ge=0, le=1, description="A photo counts as positive from this probability on.")
    rule: str = Field(description="How it was chosen, for example 'youden' or 'sensitivity=0.95'.")
    chosen_on: Literal["validation", "train"] = Field(
        description="Split whose truths were looked at to choose it; never test."
    )
    positives: int = Field(ge=0, description="Positive photos it was chosen on.")
    negatives: int = Field(ge=0, description="Negative photos it was chosen on.")


class TrainingRecord(Settings):
    """What the weights were fitted to."""

    manifest_fingerprint: str = Field(description="SHA-256 of the training manifest's content.")
    photos: int = Field(ge=0, description="Photos trained on.")
    patients: int = Field(ge=0, description="Patients trained on.")
    initialisation: str = Field(description="Where the weights started.")
    method: Literal["pretrain", "finetune", "probe"] = Field(description="How they were fitted.")
    epochs: int = Field(ge=0, description="Epochs trained; 0 for a probe.")
    seed: int = Field(ge=0, description="Seed.")


class BundleDescription(Settings):
    """The content of `bundle.json`."""

    format: Literal[1] = Field(1, description="Version of this layout.")
    name: str = Field(min_length=1, description="Name of the model.")
    created: str = Field(description="When it was made (UTC, ISO 8601).")
    made_by: str = Field(description="Version of eyeground that made it.")
    architecture: Architecture = Field(description="The network.")
    preprocessing: Preprocessing = Field(description="Photograph to tensor, whole.")
    targets: tuple[Target, ...] = Field(min_length=1, description="Label map: what the outputs mean, in order.")
    embedding_size: int = Field(ge=1, description="Length of the embedding.")
    tensors: dict[str, tuple[int, ...]] = Field(description="Name and shape of every tensor in model.safetensors.")
    operating_points: tuple[OperatingPoint, ...] = Field((), description="Thresholds chosen on validation data.")
    training: TrainingRecord = Field(description="What it was trained on.")
    licence: str = Field(description="Licence of the weights.")
    files: dict[str, str] = Field({}, description="SHA-256 of every other file of the bundle.")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs, in order."""
        return tuple(output for target in self.targets for output in target.outputs)

    def threshold(self, output: str) -> float | None:
        """The first operating point of an output, or None where none was chosen."""
        return next((point.threshold for point in self.operating_points if point.output == output), None)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    folder: Path
    description: BundleDescription

    @property
    def weights_path(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def onnx_path(self) -> Path:
        return self.folder / ONNX

    @property
    def identity(self) -> str:
        """Name and first twelve digits of the weights' SHA-256: what a finding cites."""
        return f"{self.description.name}@{self.description.files[WEIGHTS][:12]}"


def now() -> str:
    """The current time in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_bundle(folder: Path, description: BundleDescription, writers: Mapping[str, Callable[[Path], None]]) -> Bundle:
    """Write a bundle whole or not at all.

    Parameters
    ----------
    folder : pathlib.Path
        Where it goes; a bundle already there is replaced.
    description : BundleDescription
        Its `files` are filled in here.
    writers : mapping of file name to a function of a path
        Each writes one file; `model.safetensors` and `model.onnx` are required.

    Raises
    ------
    UserError
        If a required file is missing, or `folder` holds something that is not a bundle.
    """
    for required in (WEIGHTS, ONNX, CARD):
        if required not in writers:
            raise UserError(f"a bundle needs {required}")
    if folder.exists() and any(folder.iterdir()) and not (folder / DESCRIPTION).is_file():
        raise UserError(f"{folder}: not empty and not a bundle; choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        for name, write in writers.items():
            write(partial / name)
        hashes = {name: sha256_of(partial / name) for name in sorted(writers)}
        complete = description.model_copy(update={"files": hashes, "made_by": eyeground.__version__})
        (partial / DESCRIPTION).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
        partial.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Bundle(folder, complete)


def released() -> tuple[str, ...]:
    """Names of the bundles that come with this install."""
    return tuple(sorted(path.parent.name for path in RELEASED.glob(f"*/{DESCRIPTION}")))


def open_bundle(name_or_path: str | Path) -> Bundle:
    """Open and verify a bundle by path, or by the name of one that comes with this install.

    Raises
    ------
    UserError
        If it is not there, not a bundle, of another format, or if any file's hash, any tensor's name or shape
        differs from what `bundle.json` says.
    """
    folder = Path(name_or_path)
    if not folder.is_dir() and (RELEASED / str(name_or_path) / DESCRIPTION).is_file():
        folder = RELEASED / str(name_or_path)
    if not (folder / DESCRIPTION).is_file():
        names = ", ".join(released()) or "none"
        raise UserError(
            f"{name_or_path}: no bundle here; a bundle is a folder with {DESCRIPTION}. Released with this install: {names}"
        )
    description = _read_description(folder / DESCRIPTION)
    _verify_files(folder, description)
    _verify_tensors(folder / WEIGHTS, description)
    return Bundle(folder, description)


def _read_description(path: Path) -> BundleDescription:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if isinstance(content, dict) and content.get("format") != 1:
        raise UserError(
            f"{path}: format {content.get('format')!r} is not known to eyeground {eyeground.__version__}; update it"
        )
    try:
        return BundleDescription.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise UserError(f"{path}: '{place}': {problem['msg']}") from error


def _verify_files(folder: Path, description: BundleDescription) -> None:
    for required in (WEIGHTS, ONNX):
        if required not in description.files:
            raise UserError(f"{folder / DESCRIPTION}: 'files' does not list {required}; the bundle is incomplete")
    for name, expected in description.files.items():
        path = folder / name
        if Path(name).name != name:
            raise UserError(f"{folder / DESCRIPTION}: '{name}' is not a plain file name")
        if not path.is_file():
            raise UserError(f"{path}: missing; the bundle is incomplete")
        found = sha256_of(path)
        if found != expected:
            raise UserError(
                f"{path}: SHA-256 is {found[:12]}…, bundle.json says {expected[:12]}…; the file was changed or damaged"
            )


def _verify_tensors(path: Path, description: BundleDescription) -> None:
    try:
        with safe_open(path, framework="numpy") as weights:
            found = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {error}") from error
    expected = description.tensors
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            raise UserError(f"{path}: tensor '{name}' is missing")
        if name not in expected:
            raise UserError(f"{path}: tensor '{name}' is not in bundle.json")
        if found[name] != tuple(expected[name]):
            raise UserError(
                f"{path}: tensor '{name}' has shape {found[name]}, bundle.json says {tuple(expected[name])}"
            )
