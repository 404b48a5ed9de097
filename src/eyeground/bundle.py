"""The bundle: a folder that holds a model and everything needed to use it honestly.

`bundle.json` describes the network, the whole preprocessing, the outputs, calibration, operating points and what the
model was trained on, and carries the SHA-256 of every other file. Opening a bundle verifies all of it before
a single weight is used. Nothing in a bundle is ever unpickled, and this module needs no torch, so that a
screening install can open one.
"""

import errno
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open

import eyeground
from eyeground.calibration import Calibration, refuse_misfits
from eyeground.errors import UserError
from eyeground.files import UMASK, flush_to_disk, sha256_of
from eyeground.recipe import Architecture, Preprocessing, Settings, Target, refuse_equal_names

DESCRIPTION, WEIGHTS, ONNX, CARD = "bundle.json", "model.safetensors", "model.onnx", "README.md"
REQUIRED_FILES = (WEIGHTS, ONNX, CARD)
RELEASED = Path(__file__).parent / "released"


class OperatingPoint(Settings):
    """A threshold on one output, and where it came from."""

    output: str = Field(description="Output it applies to.")
    threshold: float = Field(ge=0, le=1, description="A photo counts as positive from this probability on.")
    rule: str = Field(description="How it was chosen, for example 'youden' or 'sensitivity=0.95'.")
    chosen_on: Literal["validation", "train", "test", "given"] = Field(
        description="Split whose truths were looked at to choose it, or 'given' where none were; never test in a bundle."
    )
    positives: int = Field(ge=0, description="Positive photos it was chosen on.")
    negatives: int = Field(ge=0, description="Negative photos it was chosen on.")


class TrainingRecord(Settings):
    """What the weights were fitted to."""

    manifest_fingerprint: str = Field(description="SHA-256 of the training manifest's content.")
    photos: int = Field(ge=0, description="Photos trained on.")
    patients: int = Field(ge=0, description="Patients trained on.")
    sources: tuple[str, ...] = Field((), description="Datasets trained on, by the manifest's `source`.")
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
    calibrations: tuple[Calibration, ...] = Field((), description="What calibrates the network's probabilities.")
    operating_points: tuple[OperatingPoint, ...] = Field((), description="Thresholds chosen on validation data.")
    training: TrainingRecord = Field(description="What it was trained on.")
    licence: str = Field(description="Licence of the weights.")
    files: dict[str, str] = Field({}, description="SHA-256 of every other file of the bundle.")

    @model_validator(mode="after")
    def _outputs_are_whole(self) -> "BundleDescription":
        refuse_equal_names(self.targets)
        for target in self.targets:
            if not target.outputs:
                raise ValueError(f"target '{target.name}' is {target.kind} and lists no classes")
        for point in self.operating_points:
            if point.output not in self.outputs:
                raise ValueError(f"an operating point is for '{point.output}', which is no output")
            if point.chosen_on == "test":
                raise ValueError(
                    f"the operating point of '{point.output}' was chosen on test photos; choose on validation"
                )
        refuse_misfits(self.calibrations, {one.outputs: one.kind == "multiclass" for one in self.targets})
        return self

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
        Its `files` and `made_by` are filled in here.
    writers : mapping of file name to a function of a path
        Each writes one file; `model.safetensors`, `model.onnx` and `README.md` are required.

    Raises
    ------
    UserError
        If a required file is missing, `folder` holds anything but a bundle, or the disk is full.
    """
    folder = Path(folder).resolve()
    for required in REQUIRED_FILES:
        if required not in writers:
            raise UserError(f"a bundle needs {required}")
    _refuse_other_content(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}.", suffix=".partial", dir=folder.parent))
        try:
            complete = _fill(partial, description, writers)
            _put_in_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise UserError(f"{folder}: the bundle cannot be written: {error.strerror or error}") from error
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


def _refuse_other_content(folder: Path) -> None:
    """What is replaced is deleted, so it must be a bundle and nothing else."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: a file, where the bundle's folder should go; choose another name")
    found = {path.name for path in folder.iterdir()}
    if not found:
        return
    if DESCRIPTION not in found:
        raise UserError(f"{folder}: not empty and not a bundle; choose another folder")
    others = found - {DESCRIPTION} - _read_description(folder / DESCRIPTION).files.keys()
    if others:
        raise UserError(
            f"{folder}: holds '{min(others)}', which is no part of the bundle there; move it away or choose another folder"
        )


def _fill(
    partial: Path, description: BundleDescription, writers: Mapping[str, Callable[[Path], None]]
) -> BundleDescription:
    for name, write in writers.items():
        write(partial / name)
    hashes = {name: sha256_of(partial / name) for name in sorted(writers)}
    complete = description.model_copy(update={"files": hashes, "made_by": eyeground.__version__})
    (partial / DESCRIPTION).write_text(complete.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for path in partial.iterdir():
        flush_to_disk(path)
        path.chmod(0o666 & ~UMASK)
    partial.chmod(0o777 & ~UMASK)
    return complete


def _put_in_place(partial: Path, folder: Path) -> None:
    """Move the new bundle to its place; the old one is set aside first, and comes back if that fails.

    A folder cannot be replaced in one step, so a process killed between the two moves leaves the old bundle
    whole, under the name it was set aside with. When several write at once, the last one wins.
    """
    aside = partial.with_suffix(".replaced")
    while True:
        with suppress(FileNotFoundError):
            folder.replace(aside)
        try:
            partial.replace(folder)
        except BaseException as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                shutil.rmtree(aside, ignore_errors=True)  # another writer was faster
                continue
            if aside.exists():
                aside.replace(folder)
            raise
        shutil.rmtree(aside, ignore_errors=True)
        return


def _read_description(path: Path) -> BundleDescription:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or "format" not in content:
        raise UserError(f"{path}: not the description of an eyeground bundle; it has no 'format'")
    if content["format"] != 1:
        raise UserError(
            f"{path}: format {content['format']!r} is not known to eyeground {eyeground.__version__}; update eyeground"
        )
    try:
        return BundleDescription.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise UserError(f"{path}: '{place}': {message}" if place else f"{path}: {message}") from error


def _verify_files(folder: Path, description: BundleDescription) -> None:
    for required in REQUIRED_FILES:
        if required not in description.files:
            raise UserError(f"{folder / DESCRIPTION}: 'files' does not list {required}; the bundle is incomplete")
    for name, expected in description.files.items():
        path = folder / name
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise UserError(f"{folder / DESCRIPTION}: 'files' lists {name!r}, which is not a plain file name")
        if not path.is_file():
            raise UserError(f"{path}: missing; the bundle is incomplete")
        try:
            found = sha256_of(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
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
