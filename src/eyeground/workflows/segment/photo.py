"""One photograph: decoded once, judged, segmented by all segmenters, and measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.biomarkers.measurement import ARTERY, CUP, DISC, EXUDATE, VEIN, VESSEL, Biomarkers, Told, measure_square
from eyeground.biomarkers.position import Fovea, find_fovea
from eyeground.biomarkers.square import SIDE, Square
from eyeground.imaging.gradability import Gradability, assess
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import Geometry, StandardPhoto, read_standards
from eyeground.screening.photos import PhotoFile
from eyeground.screening.structure_set import StructureSet

FOVEA = "fovea"
# A fovea is seen where its heat map reaches this; in 103 test photos of IDRiD all peaks of a fovea at its place do.
LEAST_FOVEA = 0.5
MEASURED = (VESSEL, ARTERY, VEIN, DISC, CUP, EXUDATE)
# Area of a crossing in squares of half its width: two vessels of one width at 45 degrees share 6, and of unlike width up to 12.
_CROSSING = 14.0
# Of 51 test photos of Drishti-GS, 95 % of our ratios lie within 1.96 times this of the mean of four experts.
_CUP_TO_DISC_ERROR = 0.12
_FINE = 2  # subpixels in each direction by which the coverage of a pixel of the square is counted


@dataclass(frozen=True)
class Drawn:
    """The segmentation of one structure.

    Attributes:
        map: Probabilities (side, side) float32 on the standard photo, zero outside the field of view.
        threshold: Probability from which on a pixel belongs to it.
        geometry: Where the standard photo lies in the photograph.
    """

    map: NDArray[np.float32]
    threshold: float
    geometry: Geometry

    def mask(self) -> NDArray[np.bool_]:
        """Which pixels (height, width) of the photograph belong to the structure."""
        return self.geometry.mask_to_original(self.map, self.threshold)

    @property
    def expected_dice(self) -> float:
        """The Dice coefficient that the probabilities promise, 0 to 1, if each pixel is as probable as they say."""
        inside = self.map >= self.threshold
        drawn, total = float(self.map[inside].sum()), float(self.map.sum()) + np.count_nonzero(inside)
        return 2 * drawn / total if inside.any() else 0.0

    def coverage(self) -> NDArray[np.float32]:
        """Share (SIDE, SIDE) of each pixel of the square of biomarkers that the mask covers."""
        fine = cv2.resize(self.map, (_FINE * SIDE, _FINE * SIDE), interpolation=cv2.INTER_LINEAR)
        covered = (fine >= self.threshold).view(np.uint8) * np.uint8(255)
        small = cv2.resize(covered, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float32) / np.float32(255)


@dataclass(frozen=True)
class DrawnPhoto:
    """A photograph as it was judged and segmented.

    Attributes:
        photo: Where it came from.
        standard: The largest standard photo.
        gradability: As screening judges it.
        structures: Of an ungradable photograph none.
    """

    photo: PhotoFile
    standard: StandardPhoto
    gradability: Gradability
    structures: Mapping[str, Drawn] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why it is ungradable; empty if it is not."""
        return ", ".join(self.gradability.reasons)


def draw(photo: PhotoFile, chosen: StructureSet) -> DrawnPhoto:
    """Decode, judge and segment a photograph.

    Raises:
        UnreadablePhotoError: If the file cannot be read as a photograph.
    """
    sides = [segmenter.bundle.description.preprocessing.side for segmenter in chosen.segmenters]
    standards = read_standards(photo.path, {*sides, MEASURED_SIDE})
    largest = standards[max(sides)]
    gradability = assess(standards[MEASURED_SIDE])
    if not gradability.gradable:
        return DrawnPhoto(photo, largest, gradability)
    structures: dict[str, Drawn] = {}
    for segmenter, wanted, side in zip(chosen.segmenters, chosen.wanted, sides, strict=True):
        segmented = segmenter.segment(standards[side])
        geometry = segmented.standard.geometry
        structures |= {name: Drawn(segmented.maps[name], segmented.thresholds[name], geometry) for name in wanted}
    return DrawnPhoto(photo, largest, gradability, structures)


def measure_drawn(drawn: DrawnPhoto, told: Told) -> Biomarkers:
    """Biomarkers of the structures of a gradable photograph."""
    geometry = drawn.standard.geometry
    square = Square(geometry.left, geometry.top, geometry.side / SIDE)
    disc = drawn.standard.disc.moved(0, 0, SIDE / geometry.standard_side)
    structures = {name: one for name, one in drawn.structures.items() if name in MEASURED}
    if ARTERY in structures and VEIN in structures:
        structures |= apart(structures[ARTERY], structures[VEIN])
    coverages = {name: one.coverage() for name, one in structures.items()}
    if told.cup_to_disc_error is None:
        told = replace(told, cup_to_disc_error=_CUP_TO_DISC_ERROR)
    return measure_square(coverages, disc.mask(SIDE, SIDE), square, _fovea(drawn), told)


def apart(artery: Drawn, vein: Drawn) -> dict[str, Drawn]:
    """Arteries and veins so that, but for crossings, no pixel is both.

    Where a network is unsure it draws both along an entire vessel, which would then count as an arteriole and a venule. What
    is drawn as both and longer than a crossing goes to the kind that is likelier in its surroundings.
    """
    both = (artery.map >= artery.threshold) & (vein.map >= vein.threshold)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(both.astype(np.uint8), connectivity=8)
    if count < 2:
        return {ARTERY: artery, VEIN: vein}
    radius = np.zeros(count, np.float32)
    np.maximum.at(radius, labels[both], cv2.distanceTransform(both.astype(np.uint8), cv2.DIST_L2, 5)[both])
    long = statistics[:, cv2.CC_STAT_AREA] > _CROSSING * np.maximum(1.0, radius) ** 2
    long[0] = False
    surroundings = len(artery.map) / 128
    margin = cv2.GaussianBlur(artery.map / artery.threshold - vein.map / vein.threshold, (0, 0), surroundings)
    unsure = long[labels]
    return {
        ARTERY: replace(artery, map=np.where(unsure & (margin < 0), np.float32(0), artery.map)),
        VEIN: replace(vein, map=np.where(unsure & (margin >= 0), np.float32(0), vein.map)),
    }


def _fovea(drawn: DrawnPhoto) -> Fovea | None:
    """The fovea in the square, None where it is not visible or nothing draws it."""
    if FOVEA not in drawn.structures:
        return None
    heat = drawn.structures[FOVEA].map
    found = find_fovea(heat, LEAST_FOVEA)
    factor = SIDE / len(heat)
    return None if found is None else Fovea(found.x * factor, found.y * factor, found.confidence)
