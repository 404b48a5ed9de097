"""The codes that DICOM objects and FHIR resources use, from `terminology.csv`, which says where each comes from.

What has no code there, such as a label of a clinic's own, gets one of our private scheme, made of its name.
"""

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from eyeground.errors import unknown

PRIVATE = "99EYEGROUND"
PRIVATE_NAME = "eyeground: codes for outputs of models that no public terminology names"
LONGEST_CODE, LONGEST_MEANING = 16, 64  # characters, of DICOM's SH and LO


@dataclass(frozen=True)
class Concept:
    """A coded concept: DICOM's designator of its scheme, its code (1 to 16 characters) and its meaning (1 to 64)."""

    scheme: str
    code: str
    meaning: str


@cache
def _concepts() -> dict[str, Concept]:
    table = files("eyeground.serving").joinpath("terminology.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(table.splitlines())
    return {row["name"]: Concept(row["scheme"], row["code"], row["meaning"]) for row in rows}


def concept(name: str) -> Concept:
    """The concept that the table holds under a name of ours.

    Raises:
        UserError: If it holds none.

    >>> concept("left")
    Concept(scheme='SCT', code='7771000', meaning='Left')
    """
    if name not in _concepts():
        raise unknown("concept", name, _concepts(), "terminology.csv")
    return _concepts()[name]


def concept_for(words: str) -> Concept:
    """The table's concept for a disease or structure in words, else one of our private scheme.

    >>> concept_for("glaucoma").code
    '23986001'
    >>> concept_for("dry eye")
    Concept(scheme='99EYEGROUND', code='44c654e72dc8', meaning='dry eye')
    """
    return _concepts().get(words) or private(words)


def private(words: str) -> Concept:
    """A concept of our private scheme; its code is a hash of the words, so that equal words have equal codes everywhere."""
    code = hashlib.sha256(words.encode()).hexdigest()[:12]
    return Concept(PRIVATE, code, words if len(words) <= LONGEST_MEANING else f"{words[: LONGEST_MEANING - 1]}…")
