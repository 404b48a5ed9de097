"""A folder on a disk or in object storage: what is put there appears whole under its name, or not at all.

Files are written locally first, because streaming to object storage publishes half a file when it is interrupted.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from eyeground.core.files import replacing, require_writable
from eyeground.errors import UserError


def is_remote(place: str) -> bool:
    """Whether a path is a URL of object storage, such as `s3://bucket/folder`."""
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme.isalnum() and scheme != "file"


@dataclass(frozen=True)
class Place:
    """A folder of a disk that all machines share, or a prefix of object storage.

    Attributes:
        url: A path, or a URL that fsspec knows: `s3://`, `gs://`, `az://`.
    """

    url: str

    @property
    def folder(self) -> Path | None:
        """The folder on the disk; None in object storage."""
        return None if is_remote(self.url) else Path(self.url)

    def of(self, name: str) -> str:
        """The path or URL of a file in it."""
        return f"{self.url.rstrip('/')}/{name}"

    def put(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file, whole or not at all.

        Args:
            name: Relative, with `/` between folders.
            write: Writes the file's content to the path that it is given, and raises if that is not what it should be.

        Raises:
            UserError: If it cannot be written.
        """
        if self.folder is not None:
            with replacing(self.folder / name) as partial:
                write(partial)
            return
        with TemporaryDirectory(prefix="eyeground-") as scratch, self._explained("written", name):
            local = Path(scratch) / "file"
            write(local)
            self._system.put_file(str(local), self.of(name))
            size = self._system.info(self.of(name), refresh=True)["size"]
            if size != local.stat().st_size:
                raise UserError(f"{self.of(name)}: has {size:,} bytes where {local.stat().st_size:,} were written")

    def put_text(self, name: str, text: str) -> None:
        """Write a small file of text, whole or not at all."""
        self.put(name, lambda path: path.write_text(text, encoding="utf-8", newline="\n"))

    def text(self, name: str) -> str | None:
        """The content of a small file; None where there is no such file."""
        try:
            with self._explained("read", name):
                if self.folder is not None:
                    return (self.folder / name).read_text(encoding="utf-8")
                content: bytes = self._system.cat_file(self.of(name))
                return content.decode()
        except FileNotFoundError:
            return None

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """A file as one on this machine's disk, of the same name, a copy if need be.

        Raises:
            FileNotFoundError: If there is no such file.
            UserError: If it cannot be read.
        """
        if self.folder is not None:
            yield self.folder / name
            return
        with TemporaryDirectory(prefix="eyeground-") as scratch:
            copy = Path(scratch) / PurePosixPath(name).name
            self.fetch(name, copy)
            yield copy

    def fetch(self, name: str, target: Path) -> None:
        """Copy a file to this machine's disk; errors as of `local`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._explained("read", name):
            if self.folder is not None:
                shutil.copyfile(self.folder / name, target)
            else:
                self._system.get_file(self.of(name), str(target))

    def names(self, folder: str) -> set[str]:
        """The names of the files in a folder of it, without the folders above; none where there is no such folder."""
        try:
            with self._explained("listed", folder):
                if self.folder is not None:
                    return {path.name for path in (self.folder / folder).iterdir()}
                return {str(path).rpartition("/")[2] for path in self._system.ls(self.of(folder), detail=False)}
        except FileNotFoundError:
            return set()

    def remove(self, name: str) -> None:
        """Remove a file or a folder with all in it, if it is there."""
        try:
            with self._explained("removed", name):
                if self.folder is None:
                    self._system.rm(self.of(name), recursive=True)
                elif (self.folder / name).is_dir():
                    shutil.rmtree(self.folder / name)
                else:
                    (self.folder / name).unlink()
        except FileNotFoundError:
            return

    def require_writable(self) -> None:
        """Check, before any work, that files can be written here.

        Raises:
            UserError: If not.
        """
        if self.folder is not None:
            require_writable(self.folder)
        else:
            self.put_text(".eyeground-probe", "")
            self.remove(".eyeground-probe")

    @cached_property
    def _system(self) -> Any:
        return file_system(self.url)

    @contextmanager
    def _explained(self, what: str, name: str) -> Iterator[None]:
        with explained(what, self.of(name)):
            yield


def file_system(url: str) -> Any:
    """The fsspec file system of a URL, which asks the storage whenever it is asked.

    Raises:
        UserError: If what it needs is not installed.
    """
    try:
        from fsspec.core import url_to_fs

        return url_to_fs(url, use_listings_cache=False)[0]
    except (ImportError, ValueError) as error:  # ValueError: fsspec does not know the protocol
        hint = "; pip install 'eyeground[scale]' brings S3, gs:// needs gcsfs, az:// needs adlfs"
        raise UserError(f"{url}: cannot be opened: {error}{hint}") from error


@contextmanager
def explained(what: str, url: str) -> Iterator[None]:
    """Turn what goes wrong with a disk or object storage into a sentence; a file that is not there stays an error of its own."""
    try:
        yield
    except (FileNotFoundError, UserError):
        raise
    except Exception as error:  # every file system of fsspec has errors of its own
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"{url}: cannot be {what}: {text}; nothing that was finished is lost") from error
