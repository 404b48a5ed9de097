"""The readable result: one page as PDF, in the order in which a person needs it: usable or not, result, action, numbers, origin.

Text from the photograph's header is drawn as it is, never as markup; a name in letters that the font lacks is left out.
"""

import textwrap
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyeground.screening.pictures import draw_finding
from eyeground.screening.words import describe_performance, describe_quality
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import PRELIMINARY, PRODUCT, RESEARCH_USE, Result

_A4 = (8.27, 11.69)  # inches
_LEFT, _WIDTH = 0.08, 0.84  # of the page
_TOP, _BOTTOM = 0.96, 0.055
_LINE = 0.0158  # of the page, at 9 points
_CHARACTERS = 98  # on a line at 9 points, of the regular letters
_PICTURE = 0.6  # of the page's width
_COLUMNS = (0.0, 0.5, 0.64, 0.82)  # of the width of the text
_QUIET, _INK, _ALARM = "#55555c", "#202024", "#9a3412"
_UNUSABLE = {"ungradable": "not gradable", "unreadable": "not readable"}
_ACTIONS = {
    "abnormal": "Action: have the photograph judged by a person who is qualified to.",
    "normal": "Action: none from this result; it rules nothing out.",
    "ungradable": "Action: retake the photograph. No result was decided.",
    "unfamiliar": "Action: have a person look at the photograph. The model was not made for photographs like it, and nothing was decided.",
    "unreadable": "Action: check the file, and send the photograph again. It could not be read.",
    "undecided": "Action: have a person look at the photograph. The model has no threshold, so nothing was decided.",
}


def pdf_page(source: Source, result: Result) -> bytes:
    """Draw the page, or pages where a model has many outputs.

    Returns:
        A PDF file.
    """
    finding = result.finding
    sheets = _Sheets()
    eye = f"{source.eye} eye" if source.eye else "eye not stated"
    sheets.write(f"Fundus photograph, {eye}: screening result", size=16, bold=True)
    sheets.write(f"{RESEARCH_USE} {PRELIMINARY}", colour=_ALARM)
    sheets.write(_whose(source), colour=_QUIET)
    sheets.skip()
    sheets.write(f"Photograph: {_UNUSABLE.get(finding.status, 'gradable')}", size=12, bold=True)
    sheets.write(f"Result: {result.headline}", size=12, bold=True)
    sheets.write(_ACTIONS[finding.status])
    sheets.write(f"Why: {finding.reason}.", colour=_QUIET)
    for grade in finding.grades:
        sheets.write(f"{grade}.", colour=_QUIET)
    if result.picture.size:
        sheets.picture(draw_finding(finding, result.picture))
    sheets.table(_rows(result))
    if finding.gradability is not None:
        words = ", ".join(f"{name} {word} ({value:.2f})" for name, word, value in describe_quality(finding.as_row()))
        sheets.write(f"Quality: {words}.", colour=_QUIET)
    sheets.write(f"{result.operating_point} {describe_performance(finding.rule.decision)}", colour=_QUIET)
    for line in _made_by(source, result):
        sheets.write(line, size=7.5, colour=_QUIET)
    return sheets.as_pdf()


class _Sheets:
    """Sheets of paper that are written from top to bottom, one after the other."""

    def __init__(self) -> None:
        self._figures: list[Any] = []
        self._top = 0.0

    def write(self, text: str, size: float = 9, bold: bool = False, colour: str = _INK) -> None:
        for line in textwrap.wrap(text, int(_CHARACTERS * 9 / size * (0.88 if bold else 1))):
            self._line(line, size, bold, colour)
        self.skip()

    def skip(self) -> None:
        self._top -= _LINE / 3

    def picture(self, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        wide = _PICTURE if width > height else _PICTURE / 2
        tall = wide * height / width * _A4[0] / _A4[1]
        axes = self._with_room(tall).add_axes((_LEFT, self._top - tall, wide, tall))
        axes.imshow(pixels, interpolation="lanczos")
        axes.set_axis_off()
        self._top -= tall + _LINE

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        for place, row in enumerate(rows):
            top = self._top
            for left, cell in zip(_COLUMNS, row, strict=True):
                self._top = top
                self._line(cell, 8.5, place == 0, _INK, left * _WIDTH)
        self.skip()

    def as_pdf(self) -> bytes:
        from matplotlib.backends.backend_pdf import PdfPages

        content = BytesIO()
        # Without the moment of writing: the same result gives the same file.
        with PdfPages(
            content, metadata={"Title": "Screening result", "Creator": PRODUCT, "CreationDate": None}
        ) as pages:
            for place, figure in enumerate(self._figures, start=1):
                footer = f"{RESEARCH_USE} Page {place} of {len(self._figures)}"
                figure.text(_LEFT, _BOTTOM / 2, footer, size=8, color=_QUIET, parse_math=False)
                pages.savefig(figure)
        return content.getvalue()

    def _line(self, text: str, size: float, bold: bool, colour: str, left: float = 0.0) -> None:
        height = _LINE * size / 9
        weight = "bold" if bold else "normal"
        figure = self._with_room(height)
        figure.text(_LEFT + left, self._top, text, size=size, weight=weight, color=colour, va="top", parse_math=False)
        self._top -= height

    def _with_room(self, height: float) -> Any:
        from matplotlib.figure import Figure

        if self._top - height < _BOTTOM:
            self._figures.append(Figure(figsize=_A4))
            self._top = _TOP
        return self._figures[-1]


def _rows(result: Result) -> list[tuple[str, str, str, str]]:
    """Outputs with probability, threshold, and whether it was reached; empty where there are none."""
    if not result.outputs:
        return []
    words = {"abnormal": "reached", "normal": "below"}
    rows = [
        (
            one.words,
            f"{one.probability:.3f}",
            "decides nothing" if one.threshold is None else f"{one.threshold:.3f}",
            words.get(one.normality, "not decided"),
        )
        for one in result.outputs
    ]
    return [("Output", "Probability", "Threshold", "Threshold is"), *rows]


def _whose(source: Source) -> str:
    header = source.header
    parts = [
        ("Patient", _drawable(str(header.PatientName))),
        ("number", _drawable(header.PatientID)),
        ("born", _date(header.PatientBirthDate)),
        ("study of", _date(header.StudyDate)),
        ("accession", _drawable(header.AccessionNumber)),
    ]
    return "; ".join(f"{name} {value}" for name, value in parts if value) or "Patient not stated in the photograph"


def _drawable(text: str) -> str:
    """The first group of a name, or a number, if the font has all its letters; else nothing."""
    first = text.split("=")[0].replace("^", " ").strip()
    return first if all(ord(letter) in _letters() for letter in first) else ""


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def _date(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text else ""


def _made_by(source: Source, result: Result) -> tuple[str, ...]:
    """Identities, each on a line of its own, as they are long words."""
    return (
        f"Made by {PRODUCT} {result.version} with {result.finding.model} at {result.made:%Y-%m-%d %H:%M} UTC.",
        f"SHA-256 of its weights: {result.weights_sha256}",
        f"Photograph: {source.instance}",
    )
