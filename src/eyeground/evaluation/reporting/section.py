"""A part of a report: text, tables and figures of any analysis.

Every analysis turns its result into one `Section`, and the report lays out sections without knowing any analysis.
"""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from eyeground.evaluation.reporting.result_rows import ResultRow


def _require_alt_text(alt: str, name: str) -> None:
    if not alt.strip():
        raise ValueError(f"figure '{name}' has no alternative text")


@dataclass(frozen=True)
class FigureBlock:
    """A figure of a section.

    Attributes:
        name: File name without ending, such as `roc`.
        figure: In the style of `figure_style`.
        alt: Alternative text, not empty: one or two sentences with the values that matter.
        caption: What is shown, of how many photos and patients, and what bands and bars mean.
    """

    name: str
    figure: Figure
    alt: str
    caption: str

    def __post_init__(self) -> None:
        _require_alt_text(self.alt, self.name)


@dataclass(frozen=True)
class TableBlock:
    """A table of a section, its cells already text for people ("0.914 (0.889–0.936)").

    Attributes:
        name: File name without ending, such as `subgroups`.
        table: Header and cells as they are shown; the first column heads the rows.
    """

    name: str
    table: pd.DataFrame
    caption: str


@dataclass(frozen=True)
class Picture:
    """A small photograph of a section's gallery.

    Attributes:
        jpeg: A JPEG file that was encoded from pixels, so that it has none of the original's metadata.
        alt: Alternative text, not empty.
        caption: A line or two.
    """

    jpeg: bytes
    alt: str
    caption: str

    def __post_init__(self) -> None:
        _require_alt_text(self.alt, self.caption)


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        key: Fixed name by which checklists refer to it, such as `calibration`.
        paragraphs: Plain text: what was done, and the result in one sentence.
        results: Its estimates, for `results.csv`; empty where the section has none of its own.
        gallery: Photographs, if they were asked for.
    """

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[TableBlock, ...] = ()
    figures: tuple[FigureBlock, ...] = ()
    results: tuple[ResultRow, ...] = ()
    gallery: tuple[Picture, ...] = ()
