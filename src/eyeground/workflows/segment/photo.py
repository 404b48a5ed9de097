"""One photograph: decoded once, judged, segmented by all segmenters, and measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eyeground.imaging.gradability import Gradability, assess
from eyeground.imaging.quality_measures import MEASURED_SIDE
from eyeground.imaging.standard import StandardPhoto, read_standards
from eyeground.screening.photos import PhotoFile
from eyeground.screening.structure_set import StructureSet
from eyeground.screening.structures import Drawn


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
