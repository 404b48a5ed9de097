"""Which files a bundle has, and whether they are what its description says."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from eyeground.description import BundleDescription
from eyeground.errors import UserError
from eyeground.familiarity import REFERENCE
from eyeground.files import sha256_of
from eyeground.installed import DESCRIPTION
from eyeground.training_photos import TRAINING_PHOTOS

WEIGHTS, ONNX, CARD = "model.safetensors", "model.onnx", "README.md"
INT8, REPORT = "model.int8.onnx", "report.html"
REQUIRED_FILES = (WEIGHTS, ONNX, CARD)
KNOWN_FILES = (DESCRIPTION, *REQUIRED_FILES, INT8, REFERENCE, TRAINING_PHOTOS, REPORT)


def verify_files(folder: Path, description: BundleDescription) -> None:
    """Check that every file that a description lists is there, has a plain name, and the listed SHA-256.

    Raises
    ------
    UserError
        If not, with what differs.
    """
    familiar = (REFERENCE,) if description.familiarity is not None else ()
    for required in (*REQUIRED_FILES, *familiar):
        if required not in description.files:
            raise UserError(f"{folder / DESCRIPTION}: 'files' does not list {required}; the bundle is incomplete")
    refuse_odd_names(folder, description)
    for name, expected in description.files.items():
        path = folder / name
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


def refuse_odd_names(folder: Path, description: BundleDescription) -> None:
    """Check that a description lists plain file names, which lead nowhere else.

    Raises
    ------
    UserError
        If not, with what differs.
    """
    for name in description.files:
        if name in ("", ".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise UserError(f"{folder / DESCRIPTION}: 'files' lists {name!r}, which is not a plain file name")


def verify_tensors(path: Path, description: BundleDescription) -> None:
    """Check that the weights have exactly the tensors, shapes and types that a description lists.

    Raises
    ------
    UserError
        If not, with what differs.
    """
    try:
        with safe_open(path, framework="numpy") as weights:
            slices = {name: weights.get_slice(name) for name in weights.keys()}  # noqa: SIM118 - not a dict
            found = {name: tuple(one.get_shape()) for name, one in slices.items()}
            types = {name: str(one.get_dtype()) for name, one in slices.items()}
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
        stored = description.storage.get(name, types[name])
        if types[name] != stored:
            raise UserError(f"{path}: tensor '{name}' is stored as {types[name]}, bundle.json says {stored}")
