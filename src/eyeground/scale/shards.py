"""`standardise`: the standard photos of a manifest, packed in tar shards with an index; see docs/scale.md.

A shard holds a fixed range of the manifest's rows, so it is finished or not, and the same rows give the same bytes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

import eyeground
from eyeground.config.training_recipe import Preprocessing
from eyeground.core.files import write_text
from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.data.manifest import INDEX, SHARD, Manifest
from eyeground.errors import UserError
from eyeground.imaging.cache import attempt, decoded, standard_png
from eyeground.imaging.gradability import assess
from eyeground.imaging.isolation import CRASHED, each_isolated
from eyeground.imaging.packed import DESCRIPTION, PLACE, UNGRADABLE, ShardFile, ShardsDescription
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import standard_at
from eyeground.scale.shards_tar import PackingPhoto, write_shard

UNREADABLE, PARTS = "unreadable.csv", "parts"
PHOTOS_PER_SHARD = 1000  # about 60 MB at 224 px


@dataclass(frozen=True)
class Standardised:
    """What a folder of shards holds.

    Attributes:
        photos, shards, size: How many photos in how many shards, and bytes of these.
        made: How many of the shards this run made; the others were there.
        unreadable: Photos left out: `row` (as a spreadsheet counts), `photo`, `reason`.
    """

    folder: Path
    photos: int
    shards: int
    size: int
    made: int
    unreadable: pd.DataFrame


@dataclass(frozen=True)
class _Part:
    """A shard to be: its name, its rows of the manifest, and a key of all that its content depends on."""

    name: str
    table: pd.DataFrame
    key: str

    def place(self, folder: Path, ending: str) -> Path:
        return folder / PARTS / f"{self.name}{ending}"


def standardise(
    manifest: Manifest,
    folder: Path,
    preprocessing: Preprocessing,
    cache: Path,
    jobs: int,
    photos_per_shard: int = PHOTOS_PER_SHARD,
) -> Standardised:
    """Pack the standard photos of a manifest; shards that are finished are left as they are.

    Args:
        folder: Gets `shard-000000.tar` and so on, `index.parquet`, `shards.json`, `unreadable.csv` and `parts/`.
        cache: Folder of standard photos; what is there is not made again, and nothing is added.
        jobs: Processes that read photos.

    Raises:
        UserError: If the folder holds shards of something else, or no photo can be read.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; -o names a folder for the shards")
    own = [SHARD, UNGRADABLE, *(column for column in manifest.table if str(column).startswith(f"{SHARD}_"))]
    folder.mkdir(parents=True, exist_ok=True)  # paths lead through it
    manifest = replace(manifest, table=manifest.table.drop(columns=own, errors="ignore")).moved_to(folder)
    parts = _parts(manifest, preprocessing, photos_per_shard)
    finished = _finished(parts, folder)
    missing = [part for part in parts if part.name not in finished]
    for part, photos in _photos(missing, manifest.root, preprocessing, cache, jobs):
        _write(part, photos, folder)
    records = [_record(part, folder) for part in parts]
    left_out = [row[:3] for one in records for row in one["unreadable"]]
    unreadable = pd.DataFrame(left_out, columns=["row", "photo", "reason"])
    write_table(unreadable, folder / UNREADABLE)
    if len(unreadable) == len(manifest):
        raise UserError(
            f"none of the {len(manifest)} photos can be read; the first, {unreadable['photo'][0]}: {unreadable['reason'][0]}"
        )
    readable = [pd.read_parquet(part.place(folder, ".parquet")) for part in parts]
    index = pd.concat([rows for rows in readable if len(rows)], ignore_index=True)
    write_table(index, folder / INDEX)
    shards = {f"{part.name}.tar": ShardFile(**record["shard"]) for part, record in zip(parts, records, strict=True)}
    described = ShardsDescription(made_by=eyeground.__version__, preprocessing=preprocessing, shards=shards)
    write_text(folder / DESCRIPTION, described.model_dump_json(indent=2) + "\n")
    size = sum(shard.size for shard in shards.values())
    return Standardised(folder, len(index), len(parts), size, len(missing), unreadable)


def _parts(manifest: Manifest, preprocessing: Preprocessing, photos_per_shard: int) -> list[_Part]:
    made = f"{preprocessing.version}-{preprocessing.side}"
    starts = range(0, len(manifest), photos_per_shard)
    tables = [manifest.table.iloc[start : start + photos_per_shard] for start in starts]
    return [
        _Part(f"shard-{number:06d}", table, hashlib.sha256(f"{made}\n{table.to_csv()}".encode()).hexdigest())
        for number, table in enumerate(tables)
    ]


def _finished(parts: Sequence[_Part], folder: Path) -> set[str]:
    """Names of the parts whose shard is there as it was written, and whose unreadable photos are as they were.

    Raises:
        UserError: If there are shards of other rows or of another preprocessing.
    """
    known = {part.name: part for part in parts}
    finished = set()
    for path in sorted((folder / PARTS).glob("shard-*.json")):
        part = known.get(path.stem)
        record = None if part is None else _record(part, folder)
        if part is None or record is None or record["key"] != part.key:
            raise UserError(
                f"{folder}: {path.stem} holds other photos, labels or sides than this command would put there; choose another "
                "folder with -o, or delete this one first"
            )
        shard = folder / f"{part.name}.tar"
        whole = shard.is_file() and shard.stat().st_size == record["shard"]["size"]
        if whole and all(_state(folder / photo) == state for _, photo, _, state in record["unreadable"]):
            finished.add(part.name)
    return finished


def _state(path: Path) -> str:
    """Size and time of a file that could not be read: it is tried again once these are others."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def _record(part: _Part, folder: Path) -> dict[str, Any]:
    path = part.place(folder, ".json")
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: is damaged; delete it and run the command again") from error
    return record


def _photos(
    parts: Sequence[_Part], root: Path, preprocessing: Preprocessing, cache: Path, jobs: int
) -> Iterator[tuple[_Part, dict[int, PackingPhoto | str]]]:
    """Yield each part with its photos, or the reasons why there is none, by row of the manifest."""
    rows = [(part, row) for part in parts for row in part.table.index]
    paths = [root / photo for part in parts for photo in part.table["photo"]]
    make = partial(_attempted, preprocessing=preprocessing, cache=cache)
    waiting: dict[str, dict[int, PackingPhoto | str]] = {part.name: {} for part in parts}
    for position, outcome in track(each_isolated(make, paths, jobs), "standardising", len(paths)):
        part, row = rows[position]
        waiting[part.name][row] = outcome or CRASHED
        if len(waiting[part.name]) == len(part.table):
            yield part, waiting.pop(part.name)


def _attempted(path: Path, preprocessing: Preprocessing, cache: Path) -> PackingPhoto | str:
    photo, reason = attempt(partial(_packing_photo, preprocessing=preprocessing, cache=cache), path)
    return photo or str(reason)


def _packing_photo(path: Path, preprocessing: Preprocessing, cache: Path) -> PackingPhoto:
    digest, png = standard_png(path, preprocessing, cache)
    standard = decoded(png, path)
    judged = standard if preprocessing.side >= MEASURED_SIDE else standard_at(path, MEASURED_SIDE)
    ungradable = ", ".join(assess(judged).reasons)
    return PackingPhoto(png, digest, ungradable, asdict(standard.disc), asdict(standard.geometry))


def _write(part: _Part, photos: dict[int, PackingPhoto | str], folder: Path) -> None:
    """Write a shard, its rows of the index, and last its record, which says that it is finished."""
    readable = {row: photo for row, photo in photos.items() if isinstance(photo, PackingPhoto)}
    table = part.table.loc[sorted(readable)]
    labels = json.loads(table.to_json(orient="records"))
    samples = [
        (row, {name: value for name, value in known.items() if value is not None}, readable[row])
        for row, known in zip(table.index, labels, strict=True)
    ]
    shard = folder / f"{part.name}.tar"
    written, places = write_shard(samples, shard)
    notes = pd.DataFrame(places, index=table.index, columns=list(PLACE))
    ungradable = pd.Series([readable[row].ungradable or None for row in table.index], table.index, dtype="string")
    index = table.assign(**{SHARD: shard.name}).join([ungradable.rename(UNGRADABLE).to_frame(), notes])
    write_table(index, part.place(folder, ".parquet"))
    unreadable = [
        (int(row) + 2, photo := str(part.table["photo"][row]), reason, _state(folder / photo))
        for row, reason in sorted(photos.items())
        if isinstance(reason, str)
    ]
    record = {"key": part.key, "shard": written.model_dump(), "unreadable": unreadable}
    write_text(part.place(folder, ".json"), json.dumps(record) + "\n")
