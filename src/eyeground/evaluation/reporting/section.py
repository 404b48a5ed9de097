"""A part of a report: words, tables and figures, whatever part it is.

Every analysis turns its result into one `Section`; the report lays out sections without knowing any analysis.
So an analysis is added in one module, and the checklists of reporting guidelines point to sections by key.
"""

from dataclasses import dataclass, field

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class FigureBlock:
    """A figure of a section.

    Attributes:
        name: File name without ending, such as `roc`.
        figure: Drawn in the style of `figure_style`.
        alt: What a person who cannot see it must know: one or two sentences with the figures that matter.
        caption: What is shown, of how many photos and patients, and what bands and bars mean.
    """

    name: str
    figure: Figure
    alt: str
    caption: str


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
        jpeg: A whole JPEG file, made again from pixels so that it carries nothing of the original's metadata.
        alt: What a person who cannot see it must know.
        caption: A line or two.
    """

    jpeg: bytes
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """One part of a report.

    Attributes:
        key: Fixed name by which checklists refer to it, such as `calibration`.
        paragraphs: Plain text; what was done, and in one sentence what came out.
        metrics: Tidy rows for `metrics.csv`: `section`, `output`, `subset`, `metric`, `value`, `low`, `high`,
            `n_photos`, `n_patients`, `note`, as far as they apply; empty where the section has no figures of its own.
        gallery: Photographs, only where they were asked for.
    """

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    tables: tuple[TableBlock, ...] = ()
    figures: tuple[FigureBlock, ...] = ()
    metrics: pd.DataFrame = field(default_factory=pd.DataFrame)
    gallery: tuple[Picture, ...] = ()
