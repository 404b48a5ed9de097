"""Identifiers and a few words as people and other programs write them, in one spelling for each meaning.

Here is decided that OD is the right eye, that `val` is validation, and that `1` and `1.0` are one patient.
"""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_FORMULA, _NUMBER = re.compile(r"\s*[=+\-@]"), re.compile(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?")
EYES = ("left", "right")
SPLITS = ("train", "validation", "test")
SEXES = ("female", "male")

# Every spelling is written as `folded` gives it.
_SPELLINGS: dict[str, dict[str, str]] = {
    "eye": {
        "right": "right, r, od, o.d, o d, re, rt, right eye, rechts, droit, droite, derecho, derecha, destro, destra, "
        "direito, direita, 右, 右眼, 우안",
        "left": "left, l, os, o.s, o s, le, lt, left eye, links, gauche, izquierdo, izquierda, sinistro, sinistra, "
        "esquerdo, esquerda, 左, 左眼, 좌안",
    },
    "sex": {
        "female": "female, f, woman, w, weiblich, femme, féminin, femenino, mujer, feminino, femmina, 女, 여, 여성",
        "male": "male, m, man, männlich, homme, masculin, masculino, hombre, maschio, 男, 남, 남성",
    },
    "split": {
        "train": "train, training, training set, train set",
        "validation": "validation, val, valid, dev, development, tuning, validation set, val set",
        "test": "test, testing, test set, testing set",
    },
    "truth": {
        "1": "1, 1.0, true, yes, y, ja, oui, sí, si, sì, sim, wahr, vrai, verdadero, verdadeiro, vero",
        "0": "0, 0.0, false, no, n, nein, nee, non, não, nao, falsch, faux, falso",
    },
}
MEANINGS: dict[str, dict[str, str]] = {
    kind: {spelling: meaning for meaning, spellings in of_kind.items() for spelling in spellings.split(", ")}
    for kind, of_kind in _SPELLINGS.items()
}

_YEARS_PER = {"y": 1.0, "j": 1.0, "a": 1.0, "m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
_AGE = re.compile(r"(\d+(?:[.,]\d+)?)(?: ?(y|yr|yrs|year|years|y\.o|yo|j|jahre|ans|años|a|m|months|w|d))?\.?")
_WHOLE_WITH_POINT = re.compile(r"(\d+)(?:\.0+|,0)")  # not 1,000, which may be a thousand
# A spreadsheet shows and writes a long number like this: the last digits are lost.
_LOST = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]00:00(?::00(?:\.0+)?)?")
_CELL_ERROR = re.compile(r"#(?:REF!|VALUE!|NAME\?|NUM!|NULL!|DIV/0!|N/A|#+)")


def folded(text: str) -> str:
    """A text without what two people type differently: capitals, outer and doubled blanks, `_` for a blank, width.

    >>> folded(" Right_Eye ")
    'right eye'
    """
    return " ".join(unicodedata.normalize("NFKC", visible(text)).casefold().replace("_", " ").split())


def visible(text: str) -> str:
    """A text without characters that have no width, such as zero-width spaces and byte-order marks, and outer blanks."""
    if text.isascii():
        return text.strip()
    return "".join(one for one in text if unicodedata.category(one) != "Cf").strip()


def meaning(kind: str, text: str) -> str | None:
    """What a word means, or None where it is not known.

    Args:
        kind: `{"eye", "sex", "split", "truth"}`.

    Returns:
        One of `EYES`, `SEXES`, `SPLITS`, or `1` and `0`.

    >>> meaning("eye", "OD"), meaning("split", "Val"), meaning("truth", "Yes"), meaning("sex", "X")
    ('right', 'validation', '1', None)
    """
    return MEANINGS[kind].get(folded(text).removesuffix("."))


def truth_values(texts: Iterable[str]) -> dict[str, str] | None:
    """Each text as `1` or `0`, if all of them say yes or no and at least one says it in a word; else None.

    >>> truth_values(["yes", "No", "1"]), truth_values(["0", "1"]), truth_values(["no", "mild"])
    ({'yes': '1', 'No': '0', '1': '1'}, None, None)
    """
    texts = list(texts)
    values = {}
    for text in texts:
        value = meaning("truth", text)
        if value is None:
            return None
        values[text] = value
    return values if any(not text[:1].isdigit() for text in texts) else None


def years(text: str) -> float | None:
    """An age in years, as numbers, `64y`, `64 years`, `54,5` or in DICOM's way (`061Y`, `018M`); None where it is none.

    >>> years("061Y"), years("018M"), years("54,5"), years("n.k.")
    (61.0, 1.5, 54.5, None)
    """
    found = _AGE.fullmatch(folded(text))
    if found is None:
        return None
    unit = (found[2] or "y")[0]
    return float(found[1].replace(",", ".")) * _YEARS_PER[unit]


def identifier(text: str) -> str:
    """An identifier as it is shown: without invisible characters and outer blanks, and `1.0` or `1,0` as `1`.

    Leading zeros, and all that can be seen, stay.

    >>> identifier("\\u200b007 "), identifier("12.0"), identifier("12,0"), identifier("1,000")
    ('007', '12', '12', '1,000')
    """
    shown = visible(text)
    whole = _WHOLE_WITH_POINT.fullmatch(shown)
    return whole[1] if whole else shown


def identifier_key(text: str) -> str:
    """What two spellings of one identifier have in common: they differ in capitals, blanks, dashes and width at most.

    >>> identifier_key("AB\\u201301") == identifier_key("ab-01 "), identifier_key("007") == identifier_key("7")
    (True, False)
    """
    return _key_of_shown(identifier(text))


def _key_of_shown(shown: str) -> str:
    plain = " ".join(unicodedata.normalize("NFKC", shown).casefold().split())
    if plain.isascii():
        return plain
    return "".join("-" if unicodedata.category(one) == "Pd" else one for one in plain)


def one_spelling(texts: Iterable[str]) -> dict[str, str]:
    """Map every text to one spelling of its identifier: of several, the first by alphabet, whatever the order of rows.

    >>> one_spelling(["ab-01", "AB-01", "1.0", "1", "2"])
    {'ab-01': 'AB-01', 'AB-01': 'AB-01', '1.0': '1', '1': '1', '2': '2'}
    """
    shown = {text: identifier(text) for text in texts}
    keys = {text: _key_of_shown(one) for text, one in shown.items()}
    chosen: dict[str, str] = {}
    for text, key in keys.items():
        chosen[key] = min(shown[text], chosen.get(key, shown[text]))
    return {text: chosen[key] for text, key in keys.items()}


def lost_identifier(text: str) -> str | None:
    """Why a text is not an identifier but what a spreadsheet made of one, or None.

    >>> lost_identifier("2.02311E+13")
    'is a number that a spreadsheet shortened, so its last digits are lost'
    """
    text = text.strip()
    if _LOST.fullmatch(text):
        return "is a number that a spreadsheet shortened, so its last digits are lost"
    if _DATE.fullmatch(text):
        return "is a date, which a spreadsheet may have made of something else"
    if _CELL_ERROR.fullmatch(text.upper()):
        return "is the error of a spreadsheet's cell"
    return None


def class_key(text: str) -> str:
    """What two spellings of one class name have in common: they differ in capitals and blanks at most."""
    return folded(text).replace(" ", "")


def two_spellings(texts: Iterable[str]) -> list[tuple[str, str]]:
    """The pairs of class names that differ in capitals or blanks only, each with the spelling that came first.

    >>> two_spellings(["AMD", "DR", "Normal", "normal"])
    [('Normal', 'normal')]
    """
    known: dict[str, str] = {}
    return [(first, text) for text in texts if (first := known.setdefault(class_key(text), text)) != text]


def no_formula(cell: Any) -> Any:
    """The same cell, text that a spreadsheet would run as a formula behind an apostrophe.

    >>> [no_formula(cell) for cell in ("=1+1", "-1.5", "eye.jpg", None)]
    ["'=1+1", '-1.5', 'eye.jpg', None]
    """
    is_formula = isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell
