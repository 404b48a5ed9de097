"""The style of every figure: no frame, no grid, no title that repeats the axes.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; every curve has its own line style for grey prints.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from weakref import WeakKeyDictionary

import matplotlib
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from eyeground.core.files import replacing, write_text

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
INK, PALE = "#222222", "#8a8a8a"
EDGE = 0.02  # inches

# A figure is shown in the page and in its own file. Rendering takes most of the time of a report, so it is done once.
_RENDERED: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()
_ENTIRE: WeakKeyDictionary[Figure, Bbox] = WeakKeyDictionary()

_PATH = re.compile(r' d="[^"]*"')
_DIGITS = re.compile(r"(\.\d\d)\d+")

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
    """Make figures in this style within the context."""
    with matplotlib.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, folder: Path, name: str) -> None:
    """Write a finished figure as `name.svg` and `name.png`; the same figure gives the same bytes."""
    write_text(folder / f"{name}.svg", _rendered(figure))
    with styled(), replacing(folder / f"{name}.png") as partial:
        figure.savefig(partial, format="png", dpi=200, bbox_inches=_entire(figure))


def as_svg(figure: Figure) -> str:
    """A finished figure as an `<svg>` element, without XML declaration."""
    content = _rendered(figure)
    return content[content.index("<svg") :]


def _entire(figure: Figure) -> Bbox:
    """The figure, in inches, and whatever reaches beyond its edges, such as the heading of a panel in two lines."""
    if figure not in _ENTIRE:
        figure.draw_without_rendering()
        # Everything is in its place now; else Matplotlib would lay the figure out anew, twice for every file. With "none" in place
        # of None it would still draw it once more for each.
        figure.set_layout_engine(None)
        beyond = figure.get_tightbbox()
        _ENTIRE[figure] = Bbox.union([figure.bbox_inches, beyond.padded(EDGE)])
    return _ENTIRE[figure]


def _rendered(figure: Figure) -> str:
    if figure in _RENDERED:
        return _RENDERED[figure]
    text = StringIO()
    with styled():
        figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches=_entire(figure))
    # A hundredth of a point is finer than any printer; Matplotlib's millionths would double the size of a report.
    _RENDERED[figure] = _PATH.sub(lambda path: _DIGITS.sub(r"\1", path[0]), text.getvalue())
    return _RENDERED[figure]
