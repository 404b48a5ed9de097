"""Which files a bundle has, and whether they match its description."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.familiarity import REFERENCE
from eyeground.bundle.graph_weights import changed_tensor
from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.onnx_file import OnnxFile, read_onnx
from eyeground.bundle.training_photos import TRAINING_PHOTOS
from eyeground.core.files import sha256_of
from eyeground.errors import UserError

WEIGHTS, ONNX, CARD = "model.safetensors", "model.onnx", "README.md"
INT8, REPORT = "model.int8.onnx", "report.html"
REQUIRED_FILES = (WEIGHTS, ONNX, CARD)
KNOWN_FILES = (DESCRIPTION, *REQUIRED_FILES, INT8, REFERENCE, TRAINING_PHOTOS, REPORT)


def verify_files(folder: Path, description: BundleDescription) -> None:
    """Check that a bundle has exactly the files that its description lists, each with the listed SHA-256.

    Hidden files are ignored: systems leave them behind (`.DS_Store`, `.cache`), and nothing reads them.

    Raises:
        UserError: If not, with what differs.
    """
    familiar = (REFERENCE,) if description.familiarity is not None else ()
    for required in (*REQUIRED_FILES, *familiar):
        if required not in description.files:
            raise UserError(f"{folder / DESCRIPTION}: 'files' does not list {required}; the bundle is incomplete")
    refuse_odd_names(folder, description)
    strays = {path.name for path in folder.iterdir()} - {DESCRIPTION} - description.files.keys()
    for name in sorted(strays):
        if not name.startswith("."):
            raise UserError(f"{folder}: holds '{name}', which is not part of the bundle; move it away")
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
    """Check that a description lists only names of files that a bundle can have, none of which is a path elsewhere.

    Raises:
        UserError: If not, with what differs.
    """
    for name in description.files:
        if name not in KNOWN_FILES or name == DESCRIPTION:
            raise UserError(
                f"{folder / DESCRIPTION}: 'files' lists {name!r}, which is not a file of a bundle; it was changed, or made by a newer "
                "eyeground"
            )


def verify_tensors(path: Path, description: BundleDescription) -> None:
    """Check that the weights have exactly the tensors, shapes and types that a description lists.

    Raises:
        UserError: If not, with what differs.
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


def verify_graphs(folder: Path, description: BundleDescription) -> None:
    """Check that ONNX graphs are self-contained, and that the main one computes with the bundle's weights.

    The 8-bit graph has none of these weights left to compare, so only the first is checked.

    Raises:
        UserError: If not, with what differs.
    """
    if INT8 in description.files:
        _read_graph(folder / INT8)
    graph = _read_graph(folder / ONNX)
    weights = load((folder / WEIGHTS).read_bytes())  # faster than tensor by tensor
    floats = {
        name: weights[name].astype("f4", copy=False) for name in description.tensors if weights[name].dtype.kind == "f"
    }
    changed = changed_tensor(graph, floats)
    if changed is not None:
        raise UserError(
            f"{folder / ONNX}: its tensor '{changed}' does not come from {WEIGHTS}; one of the two was changed. Get the bundle "
            "again from where it was published"
        )


def _read_graph(path: Path) -> OnnxFile:
    try:
        graph = read_onnx(path.read_bytes())
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a readable ONNX graph: {error}") from error
    if graph.external:
        raise UserError(f"{path}: keeps weights outside its file, where no hash covers them")
    if graph.foreign:
        raise UserError(
            f"{path}: has operators that are not ONNX's own ({min(graph.foreign)}); a bundle's graph must not"
        )
    return graph
