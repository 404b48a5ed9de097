"""From sections to what the page shows: numbers, anchors, figure sizes, and tables with their notes below.

A column of notes, mostly empty, makes a table too wide for paper, so notes get letters that link to them. A table that is too
wide even so is shown in parts below each other, which all begin with the columns that name its rows.
"""

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
WIDE_TABLE, VERY_WIDE_TABLE = 56, 90  # characters in a row
MOST_CHARACTERS = 96  # in a row of a page, however its cells are broken into lines
PADDING = 2
LONG_TABLE = 14  # rows; longer tables may break across pages
HALF_FIGURE, WIDE_FIGURE = 330, 420  # points; up to the second, a figure is legible on a phone

_WIDTH = re.compile(r'<svg [^>]*?width="([\d.]+)pt"')
_NUMBER = re.compile(r"[<≤≥±+−-]?\s?[\d.,]+(\s?%|°)?(\s*\(.*\))?|–|—|-|")


@dataclass(frozen=True)
class Cell:
    """Text of a cell and the letters of its notes."""

    text: str
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class TablePart:
    """Columns of a table that fit beside each other.

    Attributes:
        numeric: For each column, whether it is set as numbers.
        width: `narrow`, `wide` or `very-wide`.
    """

    header: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    width: str


@dataclass(frozen=True)
class NumberedTable:
    """A table as it is shown; `notes` are letters and texts."""

    number: int
    caption: str
    parts: tuple[TablePart, ...]
    notes: tuple[tuple[str, str], ...]
    is_long: bool


@dataclass(frozen=True)
class NumberedFigure:
    """A figure as it is shown, `width` points wide.

    `size` is `half` (two stand side by side on a wide screen), `full`, or `wide` (it scrolls on a phone).
    """

    number: int
    caption: str
    svg: Markup
    width: float
    size: str


@dataclass(frozen=True)
class Paragraph:
    """Text with its heading, if any."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Chapter:
    """A section with its number and unique anchor."""

    number: int
    key: str
    anchor: str
    title: str
    paragraphs: tuple[Paragraph, ...]
    figures: tuple[NumberedFigure, ...]
    tables: tuple[NumberedTable, ...]
    gallery: tuple[Picture, ...]


def lay_out(sections: Sequence[Section]) -> tuple[Chapter, ...]:
    """Number sections, figures and tables through the report."""
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
                figures=tuple(_figure(block, figures + i) for i, block in enumerate(section.figures, start=1)),
                tables=tuple(_table(block, tables + i) for i, block in enumerate(section.tables, start=1)),
                gallery=section.gallery,
            )
        )
        figures += len(section.figures)
        tables += len(section.tables)
    return tuple(chapters)


def _figure(block: FigureBlock, number: int) -> NumberedFigure:
    svg = _inline_svg(block.figure, f"figure-{number}-", block.alt)
    found = _WIDTH.search(svg)
    width = float(found[1]) if found else 0.0
    size = "half" if width <= HALF_FIGURE else "full" if width <= WIDE_FIGURE else "wide"
    return NumberedFigure(number, block.caption, svg, width, size)


def _inline_svg(figure: Figure, prefix: str, alt: str) -> Markup:
    """A figure as an `<svg>` element that can stand beside others in a page.

    Matplotlib gives clips and glyphs the same identifiers in every SVG, so each gets the figure's prefix. The style sheet
    goes, since it would apply to the entire page; metadata and comments go to save space.
    """
    svg = as_svg(figure)
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub(r"\n\s*", "\n", svg)
    start = Markup(
        '<svg role="img" aria-label="{}" focusable="false" style="stroke-linejoin:round;stroke-linecap:butt" '
    ).format(alt)
    # Matplotlib has escaped the texts in it.
    return start + Markup(svg.removeprefix("<svg").lstrip())


def _table(block: TableBlock, number: int) -> NumberedTable:
    table = block.table
    columns = [column for column in table.columns if str(column).lower() not in NOTE_COLUMNS]
    notes_of_rows, notes = _notes(table)
    texts = [[_text(value) for value in row] for row in table[columns].itertuples(index=False)]
    rows = [
        tuple(Cell(text, marks if position == 0 else ()) for position, text in enumerate(row))
        for row, marks in zip(texts, notes_of_rows, strict=True)
    ]
    header = tuple(str(column) for column in columns)
    by_column = list(zip(*texts, strict=True)) if texts else [()] * len(header)
    numeric = [place > 0 and _mostly_numbers(cells) for place, cells in enumerate(by_column)]
    least = [
        _least_width(name, cells, is_number) for name, cells, is_number in zip(header, by_column, numeric, strict=True)
    ]
    parts = []
    for places in _parts(least, numeric):
        widest = [max(map(len, (header[place], *by_column[place]))) + PADDING for place in places]
        parts.append(
            TablePart(
                header=tuple(header[place] for place in places),
                numeric=tuple(numeric[place] for place in places),
                rows=tuple(tuple(row[place] for place in places) for row in rows),
                width=_width(sum(widest)),
            )
        )
    return NumberedTable(number, block.caption, tuple(parts), notes, is_long=len(rows) > LONG_TABLE)


def _parts(least: Sequence[int], numeric: Sequence[bool]) -> list[list[int]]:
    """Places of columns that fit beside each other, each time after those that name the rows."""
    naming = next((place for place, is_number in enumerate(numeric) if is_number), 1)
    naming = naming if sum(least[:naming]) < MOST_CHARACTERS / 2 else 1
    parts = [list(range(naming))]
    for place in range(naming, len(least)):
        if len(parts[-1]) > naming and sum(least[one] for one in (*parts[-1], place)) > MOST_CHARACTERS:
            parts.append(list(range(naming)))
        parts[-1].append(place)
    return parts


def _least_width(name: str, cells: Sequence[str], is_number: bool) -> int:
    """Characters that a column needs: of numbers, a value or an interval stays on one line; of text, words do."""
    numbers = {cell for cell in cells if is_number and _NUMBER.fullmatch(cell)}
    words = [word for cell in (name, *cells) if cell not in numbers for word in cell.split()]
    pieces = words + [piece for cell in numbers for piece in re.split(r" (?=\()|; ", cell)]
    return max(map(len, pieces), default=0) + PADDING


def _width(characters: int) -> str:
    return "narrow" if characters < WIDE_TABLE else "wide" if characters < VERY_WIDE_TABLE else "very-wide"


def _notes(table: pd.DataFrame) -> tuple[list[tuple[str, ...]], tuple[tuple[str, str], ...]]:
    """The letters of every row, and the notes they link to; equal notes share a letter."""
    column = next((column for column in table.columns if str(column).lower() in NOTE_COLUMNS), None)
    if column is None:
        return [()] * len(table), ()
    texts = ["" if pd.isna(note) or str(note).strip() in ("", "–") else str(note).strip() for note in table[column]]
    letters = {text: _letter(index) for index, text in enumerate(dict.fromkeys(filter(None, texts)))}
    return [(letters[text],) if text else () for text in texts], tuple((mark, text) for text, mark in letters.items())


def _mostly_numbers(cells: Sequence[str]) -> bool:
    """Whether most cells are numbers; some may say "not estimable"."""
    return sum(bool(_NUMBER.fullmatch(cell)) for cell in cells) > len(cells) / 2


def _paragraph(section: Section, text: str) -> Paragraph:
    """Paragraphs of the methods begin with their heading."""
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
