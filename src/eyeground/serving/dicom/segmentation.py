"""Masks as Segmentation, one segment per structure, in the pixels of the photograph.

highdicom expects of a source what photographs do not have, and viewers expect a plane; both are given here, without any claim about
millimetres, as the pixel spacing of a fundus photograph is unknown.
"""

from copy import deepcopy
from typing import Any

import numpy as np

from eyeground.config.label_words import disease_name
from eyeground.screening.segmenter import SegmentedPhoto
from eyeground.serving.dicom.attributes import coded, common, finish
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import PRODUCT, Result
from eyeground.serving.terminology import Concept, concept, concept_for

KIND, PLACE = "segmentation", 4
_ANATOMY = frozenset(
    {"optic_disc", "optic_cup", "cup", "disc", "vessel", "vessels", "artery", "vein", "macula", "fovea"}
)
_UNKNOWN_SPACING = [1.0, 1.0]


def segmentation(source: Source, result: Result, identity: str, segmented: SegmentedPhoto, place: int) -> Any:
    """Make the segmentation of one segmenter, binary.

    Args:
        source, result: The photograph and its result.
        identity: Of the segmenter's bundle.
        segmented: What it found; structures without a pixel have no frame.
        place: Of the segmenter among several.

    Returns:
        A pydicom data set.
    """
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import Segmentation, SegmentDescription

    algorithm = AlgorithmIdentificationSequence(
        name=identity, family=coded(concept("artificial intelligence")), version=f"{PRODUCT} {result.version}"
    )
    masks = np.stack([segmented.mask(name) for name in segmented.maps], axis=-1)[np.newaxis].astype(np.uint8)
    dataset = Segmentation(
        source_images=[_prepared(source)],
        pixel_array=masks,
        segmentation_type="BINARY",
        segment_descriptions=[
            SegmentDescription(
                segment_number=number,
                segment_label=disease_name(name)[:64],
                segmented_property_category=coded(_category(name)),
                segmented_property_type=coded(concept_for(disease_name(name))),
                algorithm_type="AUTOMATIC",
                algorithm_identification=algorithm,
            )
            for number, name in enumerate(segmented.maps, start=1)
        ],
        omit_empty_frames=False,
        **common(source, result, f"{KIND} {identity}", PLACE + place, "Segmentation"),
    )
    _give_plane(dataset)
    return finish(dataset, source)


def _prepared(source: Source) -> Any:
    """The photograph's header as highdicom wants it of a source."""
    from pydicom.dataset import Dataset

    spacing, shared = Dataset(), Dataset()
    spacing.PixelSpacing = _UNKNOWN_SPACING
    shared.PixelMeasuresSequence = [spacing]
    header = deepcopy(source.header)
    header.SharedFunctionalGroupsSequence = [shared]
    header.NumberOfFrames = 1  # of an object with more, no photograph is read
    return header


def _give_plane(dataset: Any) -> None:
    """Position and orientation, without which viewers load for ever."""
    from pydicom.dataset import Dataset

    orientation, position = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    position.ImagePositionPatient = [0, 0, 0]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.PlaneOrientationSequence = [orientation]
    shared.PlanePositionSequence = [position]


def _category(structure: str) -> Concept:
    return concept("anatomical structure" if structure in _ANATOMY else "abnormal structure")
