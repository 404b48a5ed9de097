"""Reading photographs in decoder processes, in parallel with the caller's work.

A process reads one photograph at a time, so that when one crashes or hangs, that photograph is refused with a reason, the process is
replaced, and the rest goes on. Only a limited number is read ahead, so memory does not grow with the folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from eyeground.config.training_recipe import Preprocessing
from eyeground.errors import UserError
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.gradability import Gradability
from eyeground.imaging.standard import Geometry, StandardPhoto
from eyeground.screening.keys import content_of

SECONDS_PER_PHOTO = 60.0
LONGEST_HEADER = 65536  # bytes; a reply's header has some 700
_STEP = 1.0  # seconds
NO_PICTURE = 0  # picture_side where no picture is needed
BYTES_PER_DECODER = 2**31  # of address space; the largest photograph accepted, as JPEG 2000, takes 1.8 GB


@dataclass(frozen=True)
class ReadPhoto:
    """A photograph that could be read: the standard photo for the network and, if asked for, a picture of the same square for people."""

    standard: StandardPhoto
    gradability: Gradability
    picture: NDArray[np.uint8]
    content: str = ""  # of the file, see `keys.content_of`


@dataclass(frozen=True)
class Refused:
    """A photograph that could not be read, and why, in a sentence without its path."""

    reason: str
    content: str = ""


@dataclass(frozen=True)
class DecoderSettings:
    """The settings of every decoder process.

    Attributes:
        preprocessing: Of the standard photo.
        picture_side: Side of the picture for people, in pixels; or `NO_PICTURE`.
        seconds: Longest time one photograph may take.
        memory_limit: Most address space of one process, in bytes.
    """

    preprocessing: Preprocessing
    picture_side: int
    seconds: float = SECONDS_PER_PHOTO
    memory_limit: int = BYTES_PER_DECODER


class DecoderPool:
    """A fixed number of decoder processes; use it in a `with` statement.

    Args:
        settings: The same for all of them.
        jobs: How many processes.
    """

    def __init__(self, settings: DecoderSettings, jobs: int) -> None:
        self._settings = settings
        self._processes: list[_DecoderProcess] = []
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="decoder")

    def __enter__(self) -> "DecoderPool":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._kill_all()
        self._threads.shutdown(wait=True)
        self._kill_all()  # processes that a thread was just starting

    def read(self, paths: Iterable[Path | Refused], ahead: int) -> Iterator[ReadPhoto | Refused]:
        """Read photographs and yield them in order, reading at most `ahead` of them in advance.

        What was refused before it had a path is yielded in its place.
        """
        remaining = iter(paths)
        pending: deque[Future[ReadPhoto | Refused]] = deque(
            self._threads.submit(self._read_one, path) for path in islice(remaining, ahead)
        )
        while pending:
            result = pending.popleft().result()
            pending.extend(self._threads.submit(self._read_one, path) for path in islice(remaining, 1))
            yield result

    def _kill_all(self) -> None:
        for process in list(self._processes):
            process.kill()

    def _read_one(self, path: Path | Refused) -> ReadPhoto | Refused:
        if isinstance(path, Refused):
            return path
        process: _DecoderProcess | None = getattr(self._own, "process", None)
        if process is None or not process.alive:
            if process is not None:
                process.kill()
                self._processes.remove(process)
            process = self._own.process = _DecoderProcess(self._settings)
            self._processes.append(process)
        return replace(process.read(path), content=content_of(path))


class _DecoderProcess:
    """One process, and the pipes to and from it."""

    def __init__(self, settings: DecoderSettings) -> None:
        self._settings = settings
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by kill
        # -P: a folder of photographs that is also the working folder must not lend us its Python files.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "eyeground.screening.decoder_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
            # One process per core: threads inside each would only contend, and their stacks count as its memory.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests: IO[bytes] = self._process.stdin
        self._replies: IO[bytes] = self._process.stdout
        start = {
            "parent": os.getpid(),
            "side": settings.preprocessing.side,
            "picture_side": settings.picture_side,
            "seconds": settings.seconds,
            "memory_limit": settings.memory_limit,
        }
        if self._exchange(start) is None:
            self._exit_code()
            self._errors.seek(0)
            last_words = self._errors.read()[-2000:].decode(errors="replace").strip().rpartition("\n")[2]
            self.kill()
            raise UserError(f"a decoder process did not start (exit {self._process.returncode}): {last_words}")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._replies, self._errors):
            stream.close()
        with suppress(BrokenPipeError):  # of a request that it never took
            self._requests.close()

    def read(self, path: Path) -> ReadPhoto | Refused:
        """Read one photograph; afterwards the process may be dead."""
        answered, late = threading.Event(), threading.Event()
        watch = threading.Thread(target=self._watch, args=(answered, late), daemon=True)
        watch.start()
        try:
            answer = self._answer(path)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            answer = None  # not a reply of ours: what it decoded has overwritten its memory
        finally:
            answered.set()
            watch.join()
        if answer is not None:
            return answer
        if late.is_set():
            return Refused(f"decoding it took longer than {self._settings.seconds:.0f} seconds")
        return Refused(f"decoding it crashed the decoder (exit {self._exit_code()})")

    def _exit_code(self) -> int:
        """The exit code of a process that failed; one that has not ended by itself is ended."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=_STEP)
        self._process.kill()
        return self._process.wait()

    def _watch(self, answered: threading.Event, late: threading.Event) -> None:
        """End the process when its time is up. Time is counted in steps, so that it stops while the machine is suspended."""
        remaining = self._settings.seconds
        while not answered.wait(min(_STEP, remaining)):
            remaining -= _STEP
            if remaining <= 0:
                late.set()
                self._process.kill()
                return

    def _answer(self, path: Path) -> ReadPhoto | Refused | None:
        header = self._exchange(str(path))
        if header is None:
            return None
        if "refused" in header:
            return Refused(header["refused"])
        side, picture_side = self._settings.preprocessing.side, self._settings.picture_side
        pixels = self._array((side, side, 3))
        picture = self._array((picture_side, picture_side, 3))
        if pixels is None or picture is None:
            return None
        measures = header["gradability"] | {"reasons": tuple(header["gradability"]["reasons"])}
        standard = StandardPhoto(pixels, FieldOfView(**header["disc"]), Geometry(**header["geometry"]))
        return ReadPhoto(standard, Gradability(**measures), picture)

    def _exchange(self, request: object) -> dict[str, Any] | None:
        """Send a request and return the reply's header; None if the process is gone."""
        try:
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
            header = self._replies.readline(LONGEST_HEADER)
        except (OSError, ValueError):  # a broken or closed pipe
            return None
        return json.loads(header) if header.endswith(b"\n") else None

    def _array(self, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
        size = int(np.prod(shape))
        content = self._replies.read(size)
        return np.ndarray(shape, np.uint8, content) if len(content) == size else None
