"""A segmenter's bundle in ONNX Runtime, without torch: a photograph in, a probability per structure and pixel out.

Maps are computed on the standard photo and mapped back to the photograph's own pixels by its geometry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.open import Bundle, open_segmenter
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError
from eyeground.imaging.standard import StandardPhoto, standard_photo
from eyeground.screening.graph import check_shape, misfit, new_session, run_within_limit

if TYPE_CHECKING:
    import onnxruntime

SEGMENTED = "drawn"  # the output of released graphs


@dataclass(frozen=True)
class SegmentedPhoto:
    """The segmentation of one photograph.

    Attributes:
        standard: What the network saw.
        maps: For each structure, probabilities (side, side) float32 on the standard photo, zero outside the field of
            view.
        thresholds: Probability from which on a pixel belongs to each structure.
    """

    standard: StandardPhoto
    maps: Mapping[str, NDArray[np.float32]]
    thresholds: Mapping[str, float]

    def original(self, structure: str) -> NDArray[np.float32]:
        """Probabilities (height, width) on the photograph itself."""
        return np.asarray(self.standard.geometry.to_original(self.maps[structure]), dtype=np.float32)

    def mask(self, structure: str) -> NDArray[np.bool_]:
        """Which pixels (height, width) of the photograph belong to the structure."""
        return self.standard.geometry.mask_to_original(self.maps[structure], self.thresholds[structure])


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A loaded segmenter. Calling it with a photograph gives a `SegmentedPhoto`."""

    bundle: Bundle
    thresholds: Mapping[str, float]
    _session: "onnxruntime.InferenceSession" = field(repr=False)

    @property
    def structures(self) -> tuple[str, ...]:
        """What it segments, in the order of its maps."""
        return self.bundle.description.outputs

    def __call__(self, photo: Path | str | NDArray[np.uint8]) -> SegmentedPhoto:
        """Segment a photograph.

        Args:
            photo: A file (JPEG, PNG, TIFF, BMP, PPM or DICOM), or uint8 RGB pixels (h, w, 3).

        Raises:
            UnreadablePhotoError: If the file cannot be read as a photograph.
        """
        return self.segment(standard_photo(photo, self.bundle.description.preprocessing))

    def segment(self, standard: StandardPhoto) -> SegmentedPhoto:
        """Segment a standard photo of the bundle's side."""
        maps = run_within_limit(self.bundle, self._session, [SEGMENTED], standard.pixels[np.newaxis])[0][0]
        if not np.isfinite(maps).all():
            raise UserError(f"{self.bundle.onnx_path}: gave a probability that is no number; the bundle is damaged")
        maps = np.where(standard.field_of_view, maps, np.float32(0))
        return SegmentedPhoto(standard, dict(zip(self.structures, maps, strict=True)), self.thresholds)


def load_segmenter(name_or_path: str | Path, threads: int | None = None) -> Segmenter:
    """Open and verify a segmenter's bundle, ready to segment.

    Args:
        name_or_path: A bundle's folder, or the name of one that comes with this install or was pulled.
        threads: Cores to compute on; by default all that this process may use.

    Raises:
        UserError: If there is no such bundle, it is a classifier's, a file was changed, or its graph or thresholds are
            not complete.
    """
    bundle = open_segmenter(name_or_path)
    session = new_session(bundle, threads or usable_cores(), keep_memory=False)
    names, side = bundle.description.outputs, bundle.description.preprocessing.side
    outputs = {node.name: node for node in session.get_outputs()}
    if SEGMENTED not in outputs:
        raise misfit(bundle, f"there is no output '{SEGMENTED}'; it has {', '.join(outputs)}")
    why = f"it names {len(names)} structures ({', '.join(names)}), and preprocessing.side is {side}"
    check_shape(bundle, SEGMENTED, outputs[SEGMENTED].shape, (None, len(names), side, side), why)
    thresholds = {name: bundle.description.threshold(name) for name in names}
    missing = [name for name, threshold in thresholds.items() if threshold is None]
    if missing:
        raise UserError(f"{bundle.folder}: bundle.json has no threshold for '{missing[0]}'")
    return Segmenter(bundle, {name: value for name, value in thresholds.items() if value is not None}, session)
