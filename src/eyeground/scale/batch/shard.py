"""What a worker does with a shard: read its photographs in a decoder process, screen them, and put one Parquet file whole.

Nothing here knows of Ray. A photograph that ends its decoder costs the worker nothing and gets a row with its reason.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from eyeground.errors import UserError
from eyeground.imaging.limits import MOST_BYTES
from eyeground.scale.batch.plan import PLAN, photos_of, shard_of
from eyeground.scale.batch.storage import Place, file_system, is_remote
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings, Refused
from eyeground.screening.finding_writer import FindingWriter, Overlays
from eyeground.screening.inputs import BATCH_SIZE, batches, from_decoder
from eyeground.screening.ledger import Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.results import schema_of, table_of
from eyeground.screening.runtime import Screener, load

LEDGER_FOLDER = "ledger"
BESIDE_THE_ROW = ("picture", "content", "shown_output", "scale")  # columns of a shard that no finding has
GONE = "the object does not exist"
_TRIES, _PAUSE = 4, 2.0  # of a fetch; seconds, doubled each time
_FETCHED_AHEAD, _FETCHERS = 2 * BATCH_SIZE, 8


@dataclass(frozen=True)
class Task:
    """What every worker of a run is told.

    Attributes:
        output: Where shards and pictures go.
        bundle: Name or folder of the model, as the worker's machine knows it.
        digest: Of the model; another one there is an error.
        operating_point: Which thresholds decide.
        anatomy: The segmenter of disc, cup and fovea, by its digest; None where they are not looked for.
        overlays: Which photographs get a picture.
        photos: How many the run has.
    """

    output: Place
    bundle: str | None
    digest: str
    operating_point: str | None
    anatomy: str | None
    overlays: Overlays
    photos: int


def shard_name(shard: int, digest: str) -> str:
    """The file of a finished shard, in the run's folder."""
    return f"{LEDGER_FOLDER}/{shard:06d}-{digest}.parquet"


class ShardScreener:
    """Screens one shard after the other with one network and one decoder process.

    Raises:
        UserError: If the model is missing here, or is another one.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._open = ExitStack()
        anatomy = task.anatomy is not None
        self._screener = load(task.bundle, operating_point=task.operating_point, threads=1, anatomy=anatomy)
        if (self._screener.bundle.digest, anatomy_of(self._screener)) != (task.digest, task.anatomy):
            raise UserError(
                f"{self._screener.bundle.folder}: on one machine this is another model than where the run was started; "
                "install the same bundle on all, or name one on a shared disk"
            )
        self._scratch = Path(self._open.enter_context(TemporaryDirectory(prefix="eyeground-shard-")))
        plan = task.output.folder / PLAN if task.output.folder else self._scratch / PLAN
        if not task.output.folder:
            task.output.fetch(PLAN, plan)
        self._plan = plan
        self._fetchers = ThreadPoolExecutor(_FETCHERS)
        self._decoders: dict[int, DecoderPool] = {}  # by the side of the picture

    def close(self) -> None:
        """End the decoder process."""
        self._fetchers.shutdown()
        self._open.close()

    def screen(self, shard: int, digest: str) -> int:
        """Screen a shard, put its file, and return its number of photographs.

        Raises:
            UserError: If something cannot be written, or the storage of the photographs does not answer.
        """
        records = list(self._records(photos_of(shard_of(self._plan, shard)), self._task.overlays))
        rows = [ledger_row(record) for record in records]
        table = table_of(rows, schema_of(rows[0], ("content", "shown_output")))
        self._task.output.put(shard_name(shard, digest), lambda path: _write_verified(table, path))
        return len(rows)

    def draw(self, shard: int, places: Sequence[int]) -> list[Record]:
        """Screen some photographs of a shard again, for their pictures, and return their records."""
        photos = photos_of(shard_of(self._plan, shard).take(list(places)))
        return list(self._records(photos, "all"))

    def _records(self, photos: Sequence[PhotoFile], overlays: Overlays) -> Iterator[Record]:
        """The records of photographs, in order."""
        folder = self._task.output.folder
        writer = FindingWriter(folder or self._scratch, overlays, self._task.photos)
        files = iter(self._files(photos))
        copies: deque[Path | Refused] = deque()

        def noted() -> Iterator[Path | Refused]:
            for file in files:
                copies.append(file)
                yield file

        outcomes = self._decoder(writer.picture_side).read(noted(), ahead=BATCH_SIZE + 1)
        for batch in batches(zip(photos, outcomes, strict=True)):
            findings = self._screener.findings([from_decoder(photo.name, outcome) for photo, outcome in batch])
            for (photo, outcome), finding in zip(batch, findings, strict=True):
                self._discard(copies.popleft())
                record = writer.write(photo, finding, outcome)
                if record.picture is not None and folder is None:
                    self._put_picture(record.picture)
                yield record

    def _decoder(self, picture_side: int) -> DecoderPool:
        if picture_side not in self._decoders:
            settings = DecoderSettings(self._screener.bundle.description.preprocessing, picture_side)
            self._decoders[picture_side] = self._open.enter_context(DecoderPool(settings, 1))
        return self._decoders[picture_side]

    def _put_picture(self, name: str) -> None:
        drawn = self._scratch / name
        self._task.output.put(name, lambda path: path.write_bytes(drawn.read_bytes()))
        drawn.unlink()

    def _files(self, photos: Sequence[PhotoFile]) -> Iterator[Path | Refused]:
        """Each photograph as a file of this machine; those of object storage are fetched some ahead."""
        remaining = iter(enumerate(photos))
        pending: deque[Future[Path | Refused]] = deque()
        while True:
            pending.extend(
                self._fetchers.submit(self._file, place, photo)
                for place, photo in islice(remaining, _FETCHED_AHEAD - len(pending))
            )
            if not pending:
                return
            yield pending.popleft().result()

    def _file(self, place: int, photo: PhotoFile) -> Path | Refused:
        if not is_remote(photo.location):
            return photo.path
        return fetched(photo.location, self._scratch / f"photo-{place}")

    def _discard(self, file: Path | Refused) -> None:
        if isinstance(file, Path) and file.parent == self._scratch:
            file.unlink(missing_ok=True)


def anatomy_of(screener: Screener) -> str | None:
    """Digest of the segmenter by which a screener finds disc, cup and fovea, if it does."""
    return None if screener.anatomy is None else screener.anatomy.bundle.digest


def ledger_row(record: Record) -> dict[str, Any]:
    """A row of a shard's file: the finding, and what the summary needs beside it."""
    beside = (record.picture, record.content, record.output, record.scale)
    return record.row | dict(zip(BESIDE_THE_ROW, beside, strict=True))


def record_of(row: dict[str, Any]) -> Record:
    """The record that `ledger_row` was made of, without its stamp."""
    picture, content, output, scale = (row[name] for name in BESIDE_THE_ROW)
    finding = {name: cell for name, cell in row.items() if name not in BESIDE_THE_ROW}
    return Record("", finding, picture, output, scale, content or "")


def with_picture(record: Record, drawn: Record) -> Record:
    """A record with the picture that was drawn of it later."""
    return replace(record, picture=drawn.picture, output=drawn.output, scale=drawn.scale)


def _write_verified(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")
    if not pq.read_table(path).equals(table):
        raise UserError(f"{path}: what was written cannot be read again; the disk may be damaged")


def fetched(url: str, target: Path) -> Path | Refused:
    """Copy an object to a file, or say why it is no photograph.

    Only what is known of the object itself refuses it: storage that does not answer must not make its photographs unreadable.

    Raises:
        UserError: If the storage does not answer after several tries.
    """
    system = file_system(url)
    for attempt in range(_TRIES):
        try:
            size = system.info(url)["size"]
            if size > MOST_BYTES:
                return Refused(f"the file has more than the {MOST_BYTES // 2**20} MB accepted")
            system.get_file(url, str(target))
            if target.stat().st_size == size:
                return target
            problem = f"{target.stat().st_size:,} of {size:,} bytes came"
        except FileNotFoundError:
            return Refused(GONE)
        except Exception as error:  # every file system of fsspec has errors of its own
            problem = str(error)
        time.sleep(_PAUSE * 2**attempt)
    raise UserError(f"{url}: cannot be fetched: {problem}; repeat the command to continue once the storage answers")
