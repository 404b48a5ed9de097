"""How every figure of an evaluation looks.

Quiet on purpose: no frame, no grid, no title that repeats the axes. Colours are Okabe and Ito's, which
colour-blind readers tell apart; every curve also has its own line style, so a grey print loses nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from eyeground.files import replacing

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
INK, PALE = "#222222", "#8a8a8a"

_STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": PALE,
    "ytick.color": PALE,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "text.color": INK,
    "svg.hashsalt": "eyeground",
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw figures in the house style within this context."""
    with matplotlib.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as `name.svg` and `name.png`; the same figure gives the same bytes."""
    for kind, metadata in (("svg", {"Date": None}), ("png", {})):
        with styled(), replacing(folder / f"{name}.{kind}") as partial:
            figure.savefig(partial, format=kind, dpi=200, metadata=metadata)


def as_svg(figure: Figure) -> str:
    """A figure as an `<svg>` element for a page, without XML declaration."""
    text = StringIO()
    with styled():
        figure.savefig(text, format="svg", metadata={"Date": None})
    content = text.getvalue()
    return content[content.index("<svg") :]
