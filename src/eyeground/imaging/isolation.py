"""Work on many photographs in processes that a damaged one may crash or stop: it costs its own outcome and no other's."""

import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from eyeground.core.machine import processes

LONGEST_DECODE = 120  # seconds; a decoder that takes longer is stuck, and its process is ended
CRASHED = f"decoding it crashed, or took longer than {LONGEST_DECODE} s"
_CHUNK = 16  # photos per message to a worker process

Made = TypeVar("Made")
Work = tuple[int, Path]


def each_isolated(make: Callable[[Path], Made], paths: Sequence[Path], jobs: int) -> Iterator[tuple[int, Made | None]]:
    """Yield each photograph's position and what `make` gives for it, None where its process died, as they get ready.

    The order is roughly that of the paths: at most `2 * jobs` chunks of 16 are in work. When a process dies, the photographs
    in work are tried one by one.

    Args:
        make: Can be pickled, and raises nothing that a photograph can cause.
        jobs: Worker processes.
    """
    work = list(enumerate(paths))
    chunks = deque(work[start : start + _CHUNK] for start in range(0, len(work), _CHUNK))
    while chunks:
        suspects: list[list[Work]] = []
        yield from _until_a_crash(make, chunks, suspects, jobs)
        for chunk in suspects:
            for one in chunk:
                yield from _alone(make, one)


def _until_a_crash(
    make: Callable[[Path], Made], chunks: deque[list[Work]], suspects: list[list[Work]], jobs: int
) -> Iterator[tuple[int, Made]]:
    """Work through `chunks` from the start; when a process dies, those in work become `suspects`."""
    with processes(jobs) as pool:
        running: dict[Future[list[tuple[int, Made]]], list[Work]] = {}
        while (chunks and not suspects) or running:
            while chunks and not suspects and len(running) < 2 * jobs:
                chunk = chunks.popleft()
                try:
                    running[pool.submit(_make_all, make, chunk)] = chunk
                except BrokenProcessPool:
                    suspects.append(chunk)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chunk = running.pop(future)
                try:
                    yield from future.result()
                except BrokenProcessPool:
                    suspects.append(chunk)


def _alone(make: Callable[[Path], Made], one: Work) -> Iterator[tuple[int, Made | None]]:
    with processes(1) as pool:
        try:
            yield from pool.submit(_make_all, make, [one]).result()
        except BrokenProcessPool:
            yield one[0], None


def _make_all(make: Callable[[Path], Made], chunk: list[Work]) -> list[tuple[int, Made]]:
    return [(index, _timed(make, path)) for index, path in chunk]


def _timed(make: Callable[[Path], Made], path: Path) -> Made:
    _set_alarm(LONGEST_DECODE)
    try:
        return make(path)
    finally:
        _set_alarm(0)


def _set_alarm(seconds: int) -> None:
    """The alarm ends the process, as nothing handles it; a decoder stuck in C code would ignore an exception."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)
