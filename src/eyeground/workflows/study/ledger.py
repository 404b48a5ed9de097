"""Cells on disk: a folder each, named by the cell's address, moved into place complete.

A folder that exists is a cell that is done, so processes on several machines may share a study. A killed process leaves
a folder with a temporary name, which the next one deletes once it is an hour old.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eyeground.core.files import UMASK, write_text
from eyeground.data.predictions import Predictions, read_predictions, write_predictions
from eyeground.workflows.study.cells import Cell
from eyeground.workflows.study.settings import OWN

CELLS, DESCRIPTION = "cells", "cell.json"
_STALE = 3600  # seconds


@dataclass(frozen=True)
class Outcome:
    """The result of computing a cell.

    Attributes:
        tables: `predictions` of the task's own photos, and one by the name of each external dataset.
        seconds: Time it took.
        remarks: What was chosen (C, learning rate) and what could not be fitted.
    """

    tables: dict[str, Predictions]
    seconds: float
    remarks: dict[str, Any]


def is_done(folder: Path, address: str) -> bool:
    """Whether a study's folder holds the cell."""
    return (folder / CELLS / address / DESCRIPTION).is_file()


def keep(folder: Path, address: str, cell: Cell, depends_on: Mapping[str, Any], outcome: Outcome) -> None:
    """Write a cell completely or not at all; an existing one is kept."""
    cells = folder / CELLS
    cells.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{address}.", dir=cells))
    try:
        for name, table in outcome.tables.items():
            write_predictions(table, partial / f"{name}.parquet")
        description = {
            "cell": asdict(cell),
            "seconds": round(outcome.seconds, 3),
            "remarks": outcome.remarks,
            "depends_on": dict(depends_on),
        }
        write_text(partial / DESCRIPTION, json.dumps(description, indent=1) + "\n")
        partial.chmod(0o777 & ~UMASK)
        try:
            partial.rename(cells / address)
        except OSError:
            if not is_done(folder, address):  # else another process was faster, and computed the same
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def predictions_of_cell(folder: Path, address: str, name: str = OWN) -> Predictions | None:
    """A table of a cell that is done; None if it has none of that name."""
    path = folder / CELLS / address / f"{name}.parquet"
    return read_predictions(path) if path.is_file() else None


def seconds_by_method(folder: Path) -> dict[str, list[float]]:
    """How long the cells that are done took, by method."""
    seconds: dict[str, list[float]] = {}
    for path in (folder / CELLS).glob(f"[!.]*/{DESCRIPTION}"):
        found = json.loads(path.read_text(encoding="utf-8"))
        seconds.setdefault(found["cell"]["method"], []).append(float(found["seconds"]))
    return seconds


def sweep(folder: Path) -> None:
    """Delete what killed processes left behind."""
    for partial in (folder / CELLS).glob(".*"):
        with suppress(OSError):  # another process may sweep, too
            if time.time() - partial.stat().st_mtime > _STALE:
                shutil.rmtree(partial, ignore_errors=True)
