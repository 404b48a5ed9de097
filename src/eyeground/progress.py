"""A progress bar with rate and time left, for anything that takes more than two seconds.

On a terminal it is a rich bar; in a log file it is a line every ten seconds and one at the end, so that neither
is flooded.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

Item = TypeVar("Item")
SECONDS_BETWEEN_LOG_LINES = 10.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {unit}/s" if speed else f"- {unit}/s", style="cyan")


def track(items: Iterable[Item], description: str, total: int | None = None, unit: str = "photos") -> Iterator[Item]:
    """Yield every item, showing how many are done, how fast, and how long the rest will take.

    Parameters
    ----------
    items : iterable
        What is worked through; one item counts as one `unit`.
    description : str
        What is being done, in a word or three ("reading photos").
    total : int, optional
        How many items there are; taken from `len(items)` where it has one.
    unit : str
        The plural name of an item.
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
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total, unit=unit)
        for item in items:
            yield item
            progress.advance(task)


def _log(items: Iterable[Item], description: str, total: int | None, unit: str) -> Iterator[Item]:
    started = last = time.monotonic()
    done, logged = 0, False
    of_total = f"/{total}" if total is not None else ""
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LOG_LINES:
            rate = done / (now - started)
            left = f", {(total - done) / rate:.0f} s left" if total is not None else ""
            print(f"{description}: {done}{of_total} {unit}, {rate:.1f} {unit}/s{left}", file=sys.stderr, flush=True)
            last, logged = now, True
    if logged:
        print(f"{description}: done, {done} {unit} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
