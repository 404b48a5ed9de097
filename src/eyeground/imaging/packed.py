"""Standard photos packed in tar shards, read one by one through an index with checksums; see docs/scale.md.

The index is a manifest. Its notes say where each standard photo lies, so that a manifest made from it finds them, too.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from eyeground.config.settings import Settings
from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import SHARD, Manifest
from eyeground.errors import UserError

DESCRIPTION = "shards.json"
MEMBER, OFFSET, SIZE, SHA256 = "note_shard_member", "note_shard_offset", "note_shard_size", "note_shard_sha256"
PLACE = (MEMBER, OFFSET, SIZE, SHA256)
UNGRADABLE = "note_ungradable"  # why a photo should be taken again; empty for a gradable one
PHOTO_ENDING, LABELS_ENDING = ".png", ".json"


class ShardFile(Settings):
    """A tar file as it was written: its size in bytes, SHA-256 and number of photos."""

    size: int
    sha256: str
    photos: int


class ShardsDescription(Settings):
    """What `shards.json` says: the preprocessing behind every photo, and the shards by name."""

    format: Literal[1] = 1
    made_by: str
    preprocessing: Preprocessing
    shards: dict[str, ShardFile]


@dataclass(frozen=True, slots=True)
class PackedPhoto:
    """Where a standard photo lies in a shard.

    Attributes:
        member: Its name in the tar: row, dash, SHA-256 of the photograph's file.
        offset, size: Of its PNG in the tar, in bytes.
        sha256: Of the PNG.
    """

    shard: Path
    member: str
    offset: int
    size: int
    sha256: str

    @property
    def stem(self) -> str:
        """SHA-256 of the photograph's file, as in the name of a cached standard photo."""
        return self.member.removesuffix(PHOTO_ENDING).rpartition("-")[2]

    @property
    def name(self) -> str:
        """The name that its standard photo has in a cache."""
        return self.stem + PHOTO_ENDING

    def content(self) -> bytes:
        """The PNG.

        Raises:
            UserError: If the shard cannot be read, or does not hold what was written.
        """
        try:
            with self.shard.open("rb", buffering=0) as stream:
                stream.seek(self.offset)
                content = stream.read(self.size)
        except OSError as error:
            raise UserError(f"{self.shard}: cannot be read: {error.strerror or error}") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise UserError(f"{self.shard}, {self.member}: is not what was written: the shard is damaged. {_ANEW}")
        return content


StandardFile = Path | PackedPhoto  # a standard photo on disk: a PNG of its own, or one in a shard

_ANEW = "Delete this file and run the same `eyeground standardise` again, which makes it anew; or copy it again"


def is_packed(manifest: Manifest) -> "pd.Series[bool]":
    """Which rows have their standard photo in a shard."""
    table = manifest.table
    return table[SHARD].notna() if SHARD in table else pd.Series(False, index=table.index)


def packed_photos(manifest: Manifest, preprocessing: Preprocessing) -> list[PackedPhoto | None]:
    """Where the standard photo of each row is packed; None for rows that are not.

    Raises:
        UserError: If a shard is missing or has another size than it was written with, its description or a column of the
            index is missing, or its photos were made by another preprocessing.
    """
    found: list[PackedPhoto | None] = [None] * len(manifest)
    rows = np.flatnonzero(is_packed(manifest).to_numpy(bool))
    if not len(rows):
        return found
    table = manifest.table.iloc[rows]
    for name in PLACE:
        if name not in table:
            raise UserError(f"the manifest has a column '{SHARD}' and none '{name}'; keep both, or remove both")
    shards = {str(shard): Path(manifest.root) / str(shard) for shard in table[SHARD].unique()}
    _check(set(shards.values()), preprocessing)
    places = zip(rows.tolist(), *(table[name].tolist() for name in (SHARD, *PLACE)), strict=True)
    for row, shard, member, offset, size, sha256 in places:
        found[row] = PackedPhoto(shards[str(shard)], str(member), int(offset), int(size), str(sha256))
    return found


def read_description(folder: Path) -> ShardsDescription:
    """Read `shards.json`.

    Raises:
        UserError: If it is missing or cannot be understood.
    """
    path = folder / DESCRIPTION
    try:
        return ShardsDescription.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read: {error.strerror or error}; it belongs beside the shards. If `eyeground standardise` "
            "was interrupted, run it again"
        ) from error
    except ValidationError as error:
        raise UserError(f"{path}: is not the description of shards that this version knows: {error}") from error


def _check(shards: set[Path], preprocessing: Preprocessing) -> None:
    described = {folder: read_description(folder) for folder in {shard.parent for shard in shards}}
    for folder, description in described.items():
        made = description.preprocessing
        if (made.version, made.side) != (preprocessing.version, preprocessing.side):
            raise UserError(
                f"{folder}: holds standard photos of {made.side} px (version {made.version}), and {preprocessing.side} px "
                f"(version {preprocessing.version}) are needed; train with preprocessing.side={made.side}, or make others with "
                f"`eyeground standardise --side {preprocessing.side}`"
            )
    for shard in sorted(shards):
        written = described[shard.parent].shards.get(shard.name)
        if written is None:
            raise UserError(f"{shard}: is not among the shards of {shard.parent / DESCRIPTION}; copy both again")
        size = shard.stat().st_size if shard.is_file() else None
        if size != written.size:
            found = "is missing" if size is None else f"has {size:,} bytes"
            raise UserError(f"{shard}: {found}, but was written with {written.size:,} bytes. {_ANEW}")
