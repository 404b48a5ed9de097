"""From sections to what the page shows: numbers, anchors, figures that can stand side by side, tables with notes.

Two things a page of several figures needs are done here. Matplotlib names clips and glyphs alike in every SVG, and
in one page the second figure would use those of the first; so every identifier gets its figure's prefix. And a
column of notes, mostly empty, makes a table too wide for paper; so notes go below it, with letters that lead to them.
"""

import base64
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from eyeground.evaluation.reporting.figure_style import as_svg
from eyeground.evaluation.reporting.methods import MethodsSection
from eyeground.evaluation.reporting.section import FigureBlock, Picture, Section, TableBlock

NOTE_COLUMNS = ("note", "notes")
WIDE_TABLE, VERY_WIDE_TABLE = 56, 104  # characters in a row
LONG_TABLE = 14  # rows; a longer one may break across pages
POINTS_PER_INCH = 72
HALF_FIGURE, WIDE_FIGURE = 330, 420  # points; what is narrower than the second stays legible on a phone

_NUMBER = re.compile(r"[<≤≥±+−-]?\s?[\d.,]+(\s?%|°)?(\s*\(.*\))?|–|—|-|")


@dataclass(frozen=True)
class Cell:
    """Text of a cell and the letters of its notes."""

    text: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class LaidTable:
    """A table as it is shown.

    Attributes:
        number: Counted through the report.
        numeric: For each column, whether it is set as numbers.
        notes: Letter and text.
        width: `narrow`, `wide` or `very-wide`.
    """

    number: int
    caption: str
    header: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[tuple[str, str], ...]
    width: str
    is_long: bool


@dataclass(frozen=True)
class LaidFigure:
    """A figure as it is shown; `width` is its natural one in points.

    `size` is `half` (two stand side by side on a wide screen), `whole`, or `wide` (it scrolls on a phone).
    """

    number: int
    caption: str
    svg: Markup
    width: float
    size: str


@dataclass(frozen=True)
class LaidPicture:
    """A photograph of a gallery, its file in base64."""

    jpeg: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Paragraph:
    """Text with the words that head it, if any."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Chapter:
    """A section with its number, and an anchor that no other has."""

    number: int
    key: str
    anchor: str
    title: str
    paragraphs: tuple[Paragraph, ...]
    figures: tuple[LaidFigure, ...]
    tables: tuple[LaidTable, ...]
    gallery: tuple[LaidPicture, ...]


def lay_out(sections: Sequence[Section]) -> tuple[Chapter, ...]:
    """Number sections, figures and tables through the report.

    Raises:
        ValueError: If a figure or picture has no words for those who cannot see it.
    """
    chapters: list[Chapter] = []
    figures = tables = 0
    seen: Counter[str] = Counter()
    for number, section in enumerate(sections, start=1):
        seen[section.key] += 1
        chapters.append(
            Chapter(
                number=number,
                key=section.key,
                anchor=_anchor(section.key, seen[section.key]),
                title=section.title,
                paragraphs=tuple(_paragraph(section, text) for text in section.paragraphs),
                figures=tuple(laid_figure(block, figures + i) for i, block in enumerate(section.figures, start=1)),
                tables=tuple(laid_table(block, tables + i) for i, block in enumerate(section.tables, start=1)),
                gallery=tuple(_laid_picture(picture) for picture in section.gallery),
            )
        )
        figures += len(section.figures)
        tables += len(section.tables)
    return tuple(chapters)


def laid_figure(block: FigureBlock, number: int) -> LaidFigure:
    """A figure with identifiers of its own.

    Raises:
        ValueError: If it has no words for those who cannot see it.
    """
    _refuse_mute(block.alt, block.name)
    width = float(block.figure.get_size_inches()[0]) * POINTS_PER_INCH
    svg = inline_svg(block.figure, f"figure-{number}-", block.alt)
    size = "half" if width <= HALF_FIGURE else "whole" if width <= WIDE_FIGURE else "wide"
    return LaidFigure(number, block.caption, svg, width, size)


def inline_svg(figure: Figure, prefix: str, alt: str) -> Markup:
    """A figure as an `<svg>` element that can stand beside others in a page.

    Identifiers and references to them get the prefix; style sheet, metadata and comments go, since the first would
    hold for the whole page and the others only weigh.
    """
    svg = as_svg(figure)
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    start = Markup(
        '<svg role="img" aria-label="{}" focusable="false" style="stroke-linejoin:round;stroke-linecap:butt" '
    ).format(alt)
    # Drawn by Matplotlib from its own escaped text: safe as it is.
    return start + Markup(svg.removeprefix("<svg").lstrip())


def _laid_picture(picture: Picture) -> LaidPicture:
    _refuse_mute(picture.alt, picture.caption)
    return LaidPicture(base64.b64encode(picture.jpeg).decode(), picture.alt, picture.caption)


def _refuse_mute(alt: str, name: str) -> None:
    if not alt.strip():
        raise ValueError(f"figure '{name}' has no words for those who cannot see it")


def laid_table(block: TableBlock, number: int) -> LaidTable:
    """A table with its notes below it."""
    table = block.table
    columns = [column for column in table.columns if str(column).lower() not in NOTE_COLUMNS]
    notes_of_rows, notes = _notes(table)
    texts = [[_text(value) for value in row] for row in table[columns].itertuples(index=False)]
    rows = [
        tuple(Cell(text, marks if position == 0 else ()) for position, text in enumerate(row))
        for row, marks in zip(texts, notes_of_rows, strict=True)
    ]
    header = tuple(str(column) for column in columns)
    widest = [max(map(len, cells), default=0) for cells in zip(header, *texts, strict=True)]
    width = sum(widest) + 2 * len(widest)
    return LaidTable(
        number=number,
        caption=block.caption,
        header=header,
        numeric=tuple(
            position > 0 and _mostly_numbers([row[position] for row in texts]) for position in range(len(header))
        ),
        rows=tuple(rows),
        notes=notes,
        width="narrow" if width < WIDE_TABLE else "wide" if width < VERY_WIDE_TABLE else "very-wide",
        is_long=len(rows) > LONG_TABLE,
    )


def _notes(table: pd.DataFrame) -> tuple[list[tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """The letters of every row, and the notes they lead to; equal notes share a letter."""
    column = next((column for column in table.columns if str(column).lower() in NOTE_COLUMNS), None)
    if column is None:
        return [()] * len(table), ()
    texts = ["" if pd.isna(note) or str(note).strip() in ("", "–") else str(note).strip() for note in table[column]]
    letters = {text: _letter(index) for index, text in enumerate(dict.fromkeys(filter(None, texts)))}
    return [(letters[text],) if text else () for text in texts], tuple((mark, text) for text, mark in letters.items())


def _mostly_numbers(cells: Sequence[str]) -> bool:
    """Whether a column is one of numbers, a "not estimable" here and there included."""
    return sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells) / 2


def _paragraph(section: Section, text: str) -> Paragraph:
    """The methods say at the head of each paragraph what it is about."""
    if not isinstance(section, MethodsSection):
        return Paragraph(text)
    lead, _, rest = text.partition(". ")
    return Paragraph(rest, lead)


def _letter(index: int) -> str:
    """`a` to `z`, then `aa`, `ab` and so on."""
    return (_letter(index // 26 - 1) if index >= 26 else "") + chr(ord("a") + index % 26)


def _text(cell: Any) -> str:
    return "" if pd.isna(cell) else str(cell)


def _anchor(key: str, occurrence: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    return f"section-{plain}" if occurrence == 1 else f"section-{plain}-{occurrence}"
