"""What belongs to a finding and is written while the photograph is in memory: its picture, and its further forms."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from eyeground.screening.decision import Status
from eyeground.screening.decoder_pool import NO_PICTURE, ReadPhoto, Refused
from eyeground.screening.exports import Export
from eyeground.screening.finding import Finding
from eyeground.screening.ledger import Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.pictures import PICTURE_SIDE, draw_finding, save_picture

PICTURES = "overlays"
MOST_IN_A_FOLDER = 10_000  # pictures; those of more photographs are spread over 256 folders
Overlays = Literal["all", "abnormal", "none"]
OVERLAYS: tuple[Overlays, ...] = ("all", "abnormal", "none")


def has_picture(status: Status, overlays: Overlays) -> bool:
    """Whether a photograph of this status is to have a picture."""
    return status == "abnormal" if overlays == "abnormal" else overlays == "all" and status != "unreadable"


@dataclass(frozen=True)
class FindingWriter:
    """Writes what belongs to a finding: its picture, and its further forms.

    Attributes:
        folder: The output folder.
        overlays: Which photographs get a picture.
        photos: How many photographs the screening has; the names of pictures depend on it.
        exports: Write the results in further forms.
    """

    folder: Path
    overlays: Overlays
    photos: int
    exports: Sequence[Export] = ()

    @property
    def picture_side(self) -> int:
        """Of the pictures that have to be read, in pixels."""
        return NO_PICTURE if self.overlays == "none" and not self.exports else PICTURE_SIDE

    def write(self, photo: PhotoFile, finding: Finding, outcome: ReadPhoto | Refused) -> Record:
        """Write what belongs to a finding, and return its record."""
        picture = np.empty((0, 0, 3), np.uint8) if isinstance(outcome, Refused) else outcome.picture
        for export in self.exports:
            export.write(photo, finding, picture)
        if not picture.size or not has_picture(finding.status, self.overlays):
            return Record(photo.stamp, finding.as_row(), output=finding.output, content=outcome.content)
        name = f"{PICTURES}/{self._picture_name(photo.name, picture)}"
        save_picture(draw_finding(finding, picture), self.folder / name)
        scale = None if finding.evidence is None else finding.scale()
        return Record(photo.stamp, finding.as_row(), name, finding.output, scale, outcome.content)

    def _picture_name(self, photo: str, pixels: NDArray[np.uint8]) -> str:
        """A hash of the photograph's name and pixels: unique, and the same when a screening is repeated.

        The report links to it, so it must not reveal the name; a hash of the name alone would, as record numbers can be guessed.
        """
        digest = hashlib.sha256(photo.encode() + pixels.tobytes()).hexdigest()[:20]
        folder = f"{digest[:2]}/" if self.photos > MOST_IN_A_FOLDER else ""
        return f"{folder}{digest}.evidence.jpg"
