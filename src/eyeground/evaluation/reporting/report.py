"""The report of a validation: one HTML file to read, print, mail and archive, with its parts as files beside it.

Everything is in the file: figures are inline SVG, nothing is loaded from a network and no script runs. The cost is size,
some tens of kilobytes for a figure.
"""

import base64
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import eyeground
from eyeground.core.files import write_text
from eyeground.core.tables import write_table
from eyeground.core.templates import open_template
from eyeground.evaluation.reporting.checklists import PROVENANCE, Status, as_json, assess_all
from eyeground.evaluation.reporting.figure_style import save_figure
from eyeground.evaluation.reporting.report_layout import lay_out
from eyeground.evaluation.reporting.section import Section

REPORT, CHECKLIST = "report.html", "checklist.json"


@dataclass(frozen=True)
class KeyEstimate:
    """A result at the top of the report.

    Attributes:
        label: Such as `AUROC, referable retinopathy`.
        text: Such as `0.914 (0.889–0.936)`; the parenthesis is set smaller.
        note: What the result rests on; may be empty.
    """

    label: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class Provenance:
    """What the results can be reproduced from.

    Attributes:
        command: The command line, from `shown_command`.
        seed, resamples: Of the patient bootstrap.
        fingerprints: Name of each input, such as `predictions.parquet` or `bundle`, and its SHA-256.
        version: Of eyeground.
    """

    command: str
    seed: int
    resamples: int
    fingerprints: tuple[tuple[str, str], ...] = ()
    version: str = eyeground.__version__


@dataclass(frozen=True)
class Report:
    """A validation report.

    Attributes:
        subtitle: Which model on which data.
        date: As it is shown.
        summary: The few results that matter most.
        remarks: What a reader must know first, such as that results are optimistic.
        sections: In reading order. Checklists and provenance follow.
    """

    title: str
    subtitle: str
    date: str
    summary: tuple[KeyEstimate, ...]
    remarks: tuple[str, ...]
    sections: tuple[Section, ...]
    provenance: Provenance


def shown_command(arguments: Sequence[str]) -> str:
    """A command line for a report: absolute paths lose their folders, which may name people and places.

    The first of `arguments` is the program.

    >>> shown_command(["/usr/bin/eyeground", "evaluate", "/home/kim/t.csv", "--external", "idrid=/data/i.csv", "-o", "out"])
    'eyeground evaluate t.csv --external idrid=i.csv -o out'
    """
    return shlex.join(_without_folders(argument) for argument in arguments)


def _without_folders(argument: str) -> str:
    starts = [0, *(place + 1 for place, letter in enumerate(argument) if letter == "=")]
    for start in starts:
        for kind in (PurePosixPath, PureWindowsPath):
            path = kind(argument[start:])
            if path.is_absolute():
                return argument[:start] + (path.name or "…")
    return argument


def write_report(report: Report, folder: Path, for_spreadsheets: bool = False) -> Path:
    """Write `report.html`, `checklist.json`, `figures/*.svg`, `figures/*.png` and `tables/*.csv` into a folder.

    Files of these names are replaced, others are kept. Of two figures (or tables) with one name, the second gets a number.

    Args:
        folder: Made if missing.
        for_spreadsheets: As in `write_table`.

    Returns:
        The path of the HTML file, which is written last.

    Raises:
        UserError: If the folder cannot be written.
    """
    folder = Path(folder)
    html = render(report)
    figures = [block for section in report.sections for block in section.figures]
    for name, figure in zip(_file_names([block.name for block in figures]), figures, strict=True):
        save_figure(figure.figure, folder / "figures", name)
    tables = [block for section in report.sections for block in section.tables]
    for name, table in zip(_file_names([block.name for block in tables]), tables, strict=True):
        write_table(table.table, folder / "tables" / f"{name}.csv", for_spreadsheets)
    checklists = as_json(assess_all(report.sections))
    write_text(folder / CHECKLIST, json.dumps(checklists, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / REPORT, html)
    return folder / REPORT


def render(report: Report) -> str:
    """The report as one HTML document; the same report gives the same text."""
    chapters = lay_out(report.sections)
    places = {chapter.key: (chapter.number, chapter.anchor) for chapter in reversed(chapters)}
    places[PROVENANCE] = (len(chapters) + 2, PROVENANCE)
    return open_template("eyeground.evaluation.reporting", "report.html.jinja").render(
        report=report,
        chapters=chapters,
        checklists=assess_all(report.sections),
        statuses=Status,
        base64_of=lambda content: base64.b64encode(content).decode(),
        places_of=lambda answer: sorted(places[key] for key in answer.sections),
    )


def _file_names(names: list[str]) -> list[str]:
    """Unique names that are valid on any disk."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "unnamed"
        number, unique = 1, plain
        while unique in found:
            number += 1
            unique = f"{plain}-{number}"
        found.append(unique)
    return found
