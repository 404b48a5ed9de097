"""What a screening asks of whoever writes its results in a further form, such as DICOM or FHIR, while it has them in memory."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eyeground.screening.finding import Finding
from eyeground.screening.photos import PhotoFile


class Export(Protocol):
    """Writes results one by one, from several threads, and knows what it has written, so that a killed screening goes on."""

    def has(self, photo: PhotoFile) -> bool:
        """Whether nothing is left to write of a photograph."""

    def write(self, photo: PhotoFile, finding: Finding, picture: NDArray[np.uint8]) -> None:
        """Write the result of a photograph; `picture` is its square for people, uint8 RGB, empty if unreadable."""

    def notes(self) -> Iterable[str]:
        """What has no result in this form, and why, in sentences."""
