"""The ETDRS grid: rings of 1, 3 and 6 mm around the fovea, in quadrants; and the rule about hard exudates near it."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.optic_disc import OpticDisc
from eyeground.biomarkers.position import Fovea, Orientation

Mask = npt.NDArray[np.bool_]

DIAMETERS_MM = (1.0, 3.0, 6.0)
# Numbered as `sectors` does; quadrants of both rings in the order of the grid's reports.
SECTORS = (
    "centre",
    *(f"{ring}_{side}" for ring in ("inner", "outer") for side in ("superior", "nasal", "inferior", "temporal")),
)
LEAST_SEEN = 0.5  # share of a sector that the photograph must show for its density


def sectors(
    shape: tuple[int, int], fovea: Fovea, mm_per_pixel: float, orientation: Orientation
) -> npt.NDArray[np.uint8]:
    """Number each pixel by its sector of the grid: 1 + its place in `SECTORS`, 0 outside.

    Args:
        shape: Of the frame in which the fovea lies.
        orientation: Must know the eye, without which nasal and temporal are not told apart.

    References:
        Early Treatment Diabetic Retinopathy Study Research Group, Archives of Ophthalmology 103 (1985) 1796.
    """
    nose = orientation.towards_nose
    assert nose is not None
    reach = DIAMETERS_MM[-1] / 2 / mm_per_pixel
    rows, columns = (
        slice(max(0, math.floor(middle - reach)), max(0, math.ceil(middle + reach))) for middle in (fovea.y, fovea.x)
    )
    numbered = np.zeros(shape, np.uint8)
    x, y = np.arange(shape[1])[columns] + 0.5 - fovea.x, np.arange(shape[0])[rows] + 0.5 - fovea.y
    distance = np.hypot(x[None], y[:, None]) * mm_per_pixel
    ring = np.digitize(distance, [diameter / 2 for diameter in DIAMETERS_MM])
    below = math.cos(orientation.vertical) * x[None] + math.sin(orientation.vertical) * y[:, None]
    nasal = math.cos(nose) * x[None] + math.sin(nose) * y[:, None]
    quadrant = np.where(np.abs(below) > np.abs(nasal), np.where(below < 0, 0, 2), np.where(nasal > 0, 1, 3))
    number = np.where(ring == 0, 1, 2 + 4 * (ring - 1) + quadrant)
    numbered[rows, columns] = np.where(ring == len(DIAMETERS_MM), 0, number)
    return numbered


def shares_by_sector(mask: Mask, inside: Mask, numbered: npt.NDArray[np.uint8]) -> dict[str, float | None]:
    """Share of each sector that a mask covers, 0 to 1; None where less than half of the sector is in the field of view.

    Args:
        numbered: From `sectors`, of the masks' shape.
    """
    left, top, width, height = cv2.boundingRect(numbered)
    grid = (slice(top, top + height), slice(left, left + width))
    numbered, inside, mask = numbered[grid], inside[grid], mask[grid]
    whole, seen, covered = (
        np.bincount(numbered[where].ravel(), minlength=1 + len(SECTORS))[1:] for where in (..., inside, inside & mask)
    )
    return {
        name: covered[place] / seen[place] if seen[place] > 0 and seen[place] >= LEAST_SEEN * whole[place] else None
        for place, name in enumerate(SECTORS)
    }


def nearest_to_fovea(lesion: Mask, fovea: Fovea, disc: OpticDisc) -> float | None:
    """Distance in disc diameters from the fovea to the nearest pixel of a lesion; None where there is none.

    Up to 1, hard exudates stand for the risk of macular oedema in gradings of single photographs (Messidor, IDRiD's grade 2).
    """
    rows, columns = np.nonzero(lesion)
    if not len(rows):
        return None
    return float(np.hypot(columns + 0.5 - fovea.x, rows + 0.5 - fovea.y).min()) / disc.diameter
