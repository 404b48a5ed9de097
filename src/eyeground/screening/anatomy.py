"""Which eye a screened photograph shows, and its disc, cup and fovea, where a segmenter of them is installed.

Positions and lengths are in pixels of the photograph; docs/biomarkers.md defines them. An ungradable photo and an implausible disc have
none, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from eyeground.biomarkers.measurement import CUP, DISC, NOTHING_TOLD
from eyeground.biomarkers.quantities import cells
from eyeground.biomarkers.rules import contradiction
from eyeground.errors import UserError
from eyeground.imaging.gradability import Gradability
from eyeground.imaging.standard import StandardPhoto
from eyeground.screening.segmenter import Segmenter
from eyeground.screening.structure_set import installed_for
from eyeground.screening.structures import FOVEA, Drawn, measure_structures

STRUCTURES = (DISC, CUP, FOVEA)
EYE_SEEN, SEEN_BY, REASON, CONTRADICTION = "eye_seen", "eye_seen_by", "anatomy_reason", "eye_contradiction"
RATIO = "vertical_cup_to_disc_ratio"
NUMBERS = (
    *("disc_centre_x", "disc_centre_y", "disc_diameter", "mm_per_pixel", "fovea_x", "fovea_y"),
    *(RATIO, f"{RATIO}_low", f"{RATIO}_high"),
)
TEXTS = (EYE_SEEN, SEEN_BY, CONTRADICTION, REASON)


@dataclass(frozen=True)
class Anatomy:
    """What was found of one photograph.

    Attributes:
        eye: `right` or `left`, as disc and fovea show it; None where they do not.
        seen_by: What shows it: `disc and fovea`, or `disc`.
        numbers: By the names in `NUMBERS`; what could not be measured is not there. Millimetres assume that the disc is 1.8 mm
            high.
        reason: Why something could not be measured.
    """

    eye: str | None = None
    seen_by: str | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    reason: str | None = None

    def as_cells(self) -> dict[str, str | float | None]:
        """As cells of the results table; the same columns of every photograph."""
        found: dict[str, str | float | None] = {EYE_SEEN: self.eye, SEEN_BY: self.seen_by}
        return found | {name: self.numbers.get(name) for name in NUMBERS} | {REASON: self.reason}


UNREADABLE = Anatomy()


def anatomy_segmenter(side: int, required: bool) -> Segmenter | None:
    """The installed segmenter of disc, cup and fovea.

    Args:
        side: Of the standard photos that it is to be given, reduced to its own.
        required: Raise an error where there is none.

    Raises:
        UserError: If it is required, and there is none, or it needs larger photos.
    """
    segmenter = installed_for(STRUCTURES, threads=1)
    if segmenter is None:
        if required:
            raise UserError(f"no installed segmenter draws {', '.join(STRUCTURES)}; see `eyeground models`")
        return None
    needed = segmenter.bundle.description.preprocessing.side
    if side >= needed:
        return segmenter
    if required:
        raise UserError(
            f"the model sees photos of {side} px, too small for the disc's, which needs {needed}; screen with a model of larger "
            "photos, or without the anatomy"
        )
    return None


def find_anatomy(segmenter: Segmenter, standard: StandardPhoto, gradability: Gradability) -> Anatomy:
    """Segment and measure disc, cup and fovea.

    Args:
        segmenter: From `anatomy_segmenter`.
        standard: Of the segmenter's side or larger.
    """
    if not gradability.gradable:
        return Anatomy(reason="ungradable")
    segmented = segmenter.segment(_reduced(standard, segmenter.bundle.description.preprocessing.side))
    geometry = segmented.standard.geometry
    structures = {name: Drawn(segmented.maps[name], segmented.thresholds[name], geometry) for name in STRUCTURES}
    measured = measure_structures(segmented.standard, structures, NOTHING_TOLD)
    found = cells(measured.quantities)
    return Anatomy(
        measured.orientation.eye,
        measured.orientation.seen_by or None,
        {name: found[name] for name in NUMBERS if name in found},
        "; ".join(measured.reasons) or None,
    )


def with_contradiction(row: Mapping[str, Any], told: str | None) -> dict[str, Any]:
    """A row of the results table with `eye_contradiction` behind the eye seen, if it has the anatomy."""
    if EYE_SEEN not in row:
        return dict(row)
    said = contradiction(told, row[EYE_SEEN], row[SEEN_BY] or "") or None
    place = list(row).index(SEEN_BY) + 1
    items = list(row.items())
    return dict([*items[:place], (CONTRADICTION, said), *items[place:]])


def _reduced(standard: StandardPhoto, side: int) -> StandardPhoto:
    """A standard photo at a smaller side."""
    if len(standard.pixels) == side:
        return standard
    pixels = np.asarray(cv2.resize(standard.pixels, (side, side), interpolation=cv2.INTER_AREA))
    disc = standard.disc.moved(0, 0, side / len(standard.pixels))
    pixels = cv2.bitwise_and(pixels, pixels, mask=disc.mask(side, side).view(np.uint8))
    return StandardPhoto(pixels, disc, replace(standard.geometry, standard_side=side))
