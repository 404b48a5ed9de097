"""Opening a bundle: all of it is verified before a weight is used, and nothing is unpickled.

Needs no torch, so that a screening install can open one. See docs/bundle.md.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eyeground.bundle.description import BundleDescription, parse_description
from eyeground.bundle.familiarity import REFERENCE, Reference, read_reference
from eyeground.bundle.files import INT8, ONNX, WEIGHTS, verify_files, verify_graphs, verify_tensors
from eyeground.bundle.installed import DESCRIPTION, folder_of, pulled, released
from eyeground.bundle.training_photos import TRAINING_PHOTOS, read_training_photos
from eyeground.errors import UserError


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk.

    Attributes:
        description: What its `bundle.json` says.
        digest: SHA-256 of `bundle.json`, which lists that of every other file, so it identifies the entire bundle.
    """

    folder: Path
    description: BundleDescription
    digest: str

    @property
    def weights_path(self) -> Path:
        return self.folder / WEIGHTS

    @property
    def onnx_path(self) -> Path:
        return self.folder / ONNX

    @property
    def identity(self) -> str:
        """Name and first twelve digits of the digest: what a finding cites."""
        return f"{self.description.name}@{self.digest[:12]}"

    @property
    def int8_path(self) -> Path | None:
        """The 8-bit graph, or None if none was good enough for release."""
        return self.folder / INT8 if INT8 in self.description.files else None

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum((self.folder / name).stat().st_size for name in (DESCRIPTION, *self.description.files))

    def reference(self) -> Reference | None:
        """Where the embeddings of familiar photographs lie; None where the bundle does not record it.

        Raises:
            UserError: If the file does not fit the model.
        """
        if self.description.familiarity is None:
            return None
        return read_reference(self.folder / REFERENCE, self.description.embedding_size)

    def trained_on(self, hashes: Iterable[str]) -> frozenset[str] | None:
        """Which of some photographs the model was trained on, or its epoch and thresholds were chosen on.

        Args:
            hashes: From `eyeground.bundle.training_photos.photo_hash`, one for each photograph.

        Returns:
            Those of the hashes that the bundle lists; None where the bundle has no list.
        """
        if TRAINING_PHOTOS not in self.description.files:
            return None
        return read_training_photos(self.folder / TRAINING_PHOTOS) & frozenset(hashes)


def open_bundle(name_or_path: str | Path) -> Bundle:
    """Open and verify a bundle by path, or by the name of one that was installed or pulled.

    Raises:
        UserError: If it is missing, not a bundle, of another format, or holds other files; if a file's hash or a tensor's
            name, shape or type differs from `bundle.json`; or if the graph computes with other weights.
    """
    folder = Path(name_or_path)
    if not folder.is_dir():
        folder = folder_of(str(name_or_path)) or folder
    if not (folder / DESCRIPTION).is_file():
        names = ", ".join(released()) or "none"
        fetched = f"; pulled: {', '.join(pulled())}" if pulled() else ""
        raise UserError(
            f"{name_or_path}: no bundle here; a bundle is a folder with {DESCRIPTION}. "
            f"Released with this install: {names}{fetched}"
        )
    try:
        text = (folder / DESCRIPTION).read_bytes()
    except OSError as error:
        raise UserError(f"{folder / DESCRIPTION}: cannot be read: {error.strerror or error}") from error
    description = parse_description(text, folder / DESCRIPTION)
    verify_files(folder, description)
    verify_tensors(folder / WEIGHTS, description)
    verify_graphs(folder, description)
    return Bundle(folder, description, hashlib.sha256(text).hexdigest())


def open_classifier(name_or_path: str | Path) -> Bundle:
    """As `open_bundle`, for a model with a probability per photo.

    Raises:
        UserError: If it is a segmenter.
    """
    bundle = open_bundle(name_or_path)
    if bundle.description.decoder is not None:
        structures = ", ".join(bundle.description.outputs)
        raise UserError(f"{name_or_path}: is a segmenter of {structures}; use it with `eyeground segment`")
    return bundle


def open_segmenter(name_or_path: str | Path) -> Bundle:
    """As `open_bundle`, for a model with a probability per pixel.

    Raises:
        UserError: If it is a classifier.
    """
    bundle = open_bundle(name_or_path)
    if bundle.description.decoder is None:
        outputs = ", ".join(bundle.description.outputs)
        raise UserError(
            f"{name_or_path}: is a classifier of photos ({outputs}), not a segmenter; use `eyeground screen`"
        )
    return bundle


def is_segmenter(name_or_path: str | Path) -> bool:
    """Whether this is a bundle's folder or the name of a model that can be opened, and it is a segmenter's.

    Raises:
        UserError: As `open_bundle`, for a bundle.
    """
    is_bundle = (Path(name_or_path) / DESCRIPTION).is_file() or folder_of(str(name_or_path)) is not None
    return is_bundle and open_bundle(name_or_path).description.decoder is not None
