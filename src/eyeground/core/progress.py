"""Progress of anything that takes more than two seconds: a bar on a terminal, a line every two seconds in a log.

The time left is shown once it can be estimated: after 5 % of the work, or ten seconds.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Item = TypeVar("Item")
LONGEST_SILENCE = 2.0  # seconds
_SHARE_TO_JUDGE_BY, _SECONDS_TO_JUDGE_BY = 0.05, 10.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {unit}/s" if speed else f"- {unit}/s", style="cyan")


class _TimeLeft(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        if _can_judge(task.completed, task.total, task.elapsed or 0):
            return super().render(task)
        return Text("-:--:--", style="progress.remaining")


def track(items: Iterable[Item], description: str, total: int | None = None, unit: str = "photos") -> Iterator[Item]:
    """Yield every item, showing how many are done, how fast, and how long the rest will take.

    Args:
        items: What is worked through; one item counts as one `unit`.
        description: What is being done, in one to three words ("reading photos").
        total: How many items there are; taken from `len(items)` where it has one.
        unit: The plural name of an item.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    console = Console(stderr=True)
    return (
        _bar(items, description, total, unit, console) if console.is_terminal else _log(items, description, total, unit)
    )


def _bar(items: Iterable[Item], description: str, total: int | None, unit: str, console: Console) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TextColumn("left"),
        _TimeLeft(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total, unit=unit)
        for item in items:
            yield item
            progress.advance(task)


def _log(items: Iterable[Item], description: str, total: int | None, unit: str) -> Iterator[Item]:
    started = time.monotonic()
    done = 0
    with _regularly(lambda: _line(description, done, total, unit, time.monotonic() - started)) as said:
        for item in items:
            yield item
            done += 1
    if said:
        _say(f"{description}: done, {done} {unit} in {time.monotonic() - started:.0f} s")


@contextmanager
def working(description: str) -> Iterator[None]:
    """Show what is being done while it takes longer than two seconds, where there is nothing to count."""
    started = time.monotonic()
    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(description):
            yield
        return
    with _regularly(lambda: f"{description}: {time.monotonic() - started:.0f} s"):
        yield


def _line(description: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    rate = done / seconds
    of_total = f"/{total}" if total is not None else ""
    left = f", {(total - done) / rate:.0f} s left" if total and _can_judge(done, total, seconds) else ""
    return f"{description}: {done}{of_total} {unit}, {rate:.1f} {unit}/s{left}"


def _can_judge(done: float, total: float | None, seconds: float) -> bool:
    """Whether enough is done to estimate the time left."""
    return done > 0 and total is not None and (done >= _SHARE_TO_JUDGE_BY * total or seconds >= _SECONDS_TO_JUDGE_BY)


@contextmanager
def _regularly(line: Callable[[], str]) -> Iterator[list[str]]:
    """Print a line every two seconds, by a thread of its own; yields those that were printed."""
    said: list[str] = []
    finished = threading.Event()

    def speak() -> None:
        while not finished.wait(LONGEST_SILENCE):
            said.append(line())
            _say(said[-1])

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield said
    finally:
        finished.set()
        speaker.join()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
