"""The data folder: where uploads, originals and pictures lie, and who may write there.

Uploads wait in `incoming/` until they are screened. A photo's pictures lie in a folder of its id.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from eyeground.core.files import locked
from eyeground.errors import UserError
from eyeground.serving.layers import LAYERS

PHOTO, EVIDENCE, THUMBNAIL = "photo.jpg", "evidence.webp", "thumbnail.webp"
PICTURES = {
    "photo": PHOTO,
    "evidence": EVIDENCE,
    "thumbnail": THUMBNAIL,
    **{layer: f"{layer}.webp" for layer in LAYERS},
}
_PIECE = 2**20


@dataclass(frozen=True)
class DataFolder:
    """The folder of a service; ids are of `store.tables.new_id`, never names that others gave."""

    path: Path

    @property
    def incoming(self) -> Path:
        return self.path / "incoming"

    @property
    def temporary(self) -> Path:
        return self.path / "tmp"

    def upload(self, photo_id: str) -> Path:
        """The file of a photo that waits."""
        return self.incoming / photo_id

    def original(self, photo_id: str) -> Path:
        """The file of a photo that was kept."""
        return self.path / "originals" / photo_id[:2] / photo_id

    def pictures(self, photo_id: str) -> Path:
        """The folder of a photo's pictures."""
        return self.path / "pictures" / photo_id[:2] / photo_id

    def prepare(self) -> None:
        """Make the folder and what is in it, readable for its owner alone, and have temporary files made here.

        Raises:
            UserError: If it cannot be written.
        """
        try:
            for folder in (self.path, self.incoming, self.temporary):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written: {error.strerror or error}") from error
        tempfile.tempdir = os.environ["TMPDIR"] = str(self.temporary.absolute())

    def sweep_temporary(self) -> None:
        """Remove temporary files that a killed service left."""
        for entry in self.temporary.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)

    def lock(self, which: str, patience: float = 0.0) -> int:
        """Be the only server, or worker, of this folder until the handle is closed.

        Args:
            which: `server` or `worker`.
            patience: Seconds to wait for one that is ending.

        Raises:
            UserError: If another one is there.
        """
        last = time.monotonic() + patience
        while (handle := locked(self.path / f"{which}.lock", os.O_RDWR | os.O_CREAT)) is None:
            if time.monotonic() > last:
                raise UserError(
                    f"{self.path}: another service runs on this folder; stop it, or choose another with --data"
                )
            time.sleep(0.1)
        return handle

    def receive(self, stream: BinaryIO, photo_id: str) -> None:
        """Write an upload; it is on disk when this returns."""
        file = self.upload(photo_id)
        partial = self.temporary / photo_id
        with partial.open("xb") as target:
            shutil.copyfileobj(stream, target, _PIECE)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(file)
        _sync_folder(self.incoming)

    def keep(self, photo_id: str) -> None:
        """Move an upload to the originals, unless that was done."""
        original = self.original(photo_id)
        original.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.upload(photo_id).replace(original)
        _sync_folder(original.parent)

    def drop_upload(self, photo_id: str) -> None:
        """Remove an upload, if it is there."""
        self.upload(photo_id).unlink(missing_ok=True)

    def remove(self, photo_ids: Iterable[str]) -> None:
        """Remove all files of some photos."""
        for photo_id in photo_ids:
            self.drop_upload(photo_id)
            self.original(photo_id).unlink(missing_ok=True)
            shutil.rmtree(self.pictures(photo_id), ignore_errors=True)

    def free_bytes(self) -> int:
        """Space that is left on its disk."""
        return shutil.disk_usage(self.path).free


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
