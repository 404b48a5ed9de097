"""The pictures that a page shows of a photo: the photo, its evidence as a layer of its own, and a thumbnail."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyeground.core.files import replacing
from eyeground.screening.finding import Finding
from eyeground.screening.overlay import evidence_layer
from eyeground.serving.store.folder import EVIDENCE, PHOTO, PICTURES, THUMBNAIL, DataFolder

PICTURE_SIDE = 1024
LAYER_SIDE = 384  # evidence is smooth: a browser enlarges it without loss
THUMBNAIL_SIDE = 128
_QUALITY = 88


def save_pictures(folder: DataFolder, photo_id: str, finding: Finding, picture: NDArray[np.uint8]) -> None:
    """Write a photo's pictures, each atomically.

    Args:
        folder: The service's.
        photo_id: Whose pictures they are.
        finding: Of a photograph that could be read.
        picture: uint8 RGB, the standard photo's square, larger.
    """
    place = folder.pictures(photo_id)
    _save(picture, place / PHOTO, "JPEG", quality=_QUALITY)
    small = cv2.resize(picture, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA)
    _save(np.asarray(small, np.uint8), place / THUMBNAIL, "WEBP", quality=70, method=2)
    if finding.evidence is not None and finding.standard is not None:
        field_of_view = finding.standard.field_of_view
        layer = evidence_layer(finding.evidence_of(), finding.scale(), field_of_view, LAYER_SIDE)
        _save(layer, place / EVIDENCE, "WEBP", quality=75, method=0)


def save_layer(folder: DataFolder, photo_id: str, name: str, layer: NDArray[np.uint8]) -> None:
    """Write a layer of structures, uint8 RGBA of the photo's square."""
    _save(layer, folder.pictures(photo_id) / PICTURES[name], "WEBP", lossless=True, method=2)


def _save(pixels: NDArray[np.uint8], path: Path, form: str, **options: int) -> None:
    with replacing(path) as partial:
        Image.fromarray(pixels).save(partial, form, **options)
