"""One shard: a tar that WebDataset reads, `KEY.png` and `KEY.json` for each photo, written whole or not at all."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eyeground.core.files import replacing, sha256_of
from eyeground.imaging.packed import (
    LABELS_ENDING,
    MEMBER,
    OFFSET,
    PHOTO_ENDING,
    SHA256,
    SIZE,
    ShardFile,
)


@dataclass(frozen=True)
class PackingPhoto:
    """A standard photo on its way into a shard.

    Attributes:
        png: With geometry and field of view.
        digest: SHA-256 of the photograph's file.
        ungradable: Why the photograph should be taken again; empty for a gradable one.
        disc, geometry: Those of the standard photo, for readers of the JSON.
    """

    png: bytes
    digest: str
    ungradable: str
    disc: dict[str, Any]
    geometry: dict[str, Any]


def write_shard(
    samples: Sequence[tuple[int, dict[str, Any], PackingPhoto]], path: Path
) -> tuple[ShardFile, list[dict[str, Any]]]:
    """Write photos with their rows of the manifest as a tar; equal samples give equal bytes.

    Args:
        samples: Row number, columns that are known, and photo.

    Returns:
        What was written, and for each sample the columns of the index that say where its photo lies.
    """
    places = []
    with replacing(path) as partial:
        with tarfile.open(partial, "w", format=tarfile.USTAR_FORMAT) as tar:
            for row, known, photo in samples:
                key = f"{row:09d}-{photo.digest}"  # a dot would end the key of a WebDataset sample
                offset = _add(tar, key + PHOTO_ENDING, photo.png)
                described = known | {"disc": photo.disc, "geometry": photo.geometry, "ungradable": photo.ungradable}
                _add(tar, key + LABELS_ENDING, json.dumps(described, ensure_ascii=False).encode())
                places.append(
                    {
                        MEMBER: key + PHOTO_ENDING,
                        OFFSET: offset,
                        SIZE: len(photo.png),
                        SHA256: hashlib.sha256(photo.png).hexdigest(),
                    }
                )
        written = ShardFile(size=partial.stat().st_size, sha256=sha256_of(partial), photos=len(samples))
    return written, places


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Add a file without owner or time, and return where its content begins."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    offset = tar.offset + len(member.tobuf(tar.format or tarfile.USTAR_FORMAT))
    tar.addfile(member, io.BytesIO(content))
    return offset
