"""Patient and eye of DICOM objects among photographs, so that they are combined to eyes and patients without a manifest.

A manifest takes precedence. Identifiers that nobody asked for become `dicom-1`, `dicom-2` and so on, in the order of each patient's
first photograph: the same in every run of the same photographs, and no number that can be guessed.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from io import BytesIO
from itertools import groupby
from pathlib import PurePosixPath
from typing import IO

from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.decode import opened
from eyeground.imaging.dicom_identity import Identity, read_identity
from eyeground.imaging.limits import FIRST_BYTES, RefusedError, kind_of
from eyeground.screening.archives import DamagedArchiveError, archive_kind, entries
from eyeground.screening.file_kinds import DICOM_ENDING, PHOTO_ENDINGS
from eyeground.screening.photos import Listing, PhotoFile

BEFORE_PIXELS = 2**18  # bytes of an archive's member among which patient and eye must be


def with_dicom_patients(listing: Listing, identifiers: bool) -> Listing:
    """The listing with patient and eye from DICOM objects where no manifest gave them.

    Args:
        identifiers: Whether patients keep their identifiers, and do not become `dicom-1` and so on.
    """
    places = [place for place, photo in enumerate(listing.photos) if _may_identify(photo)]
    found = dict(_identities(listing.photos, places))
    given = {photo.patient for photo in listing.photos}
    names: dict[str, str] = {}
    photos = list(listing.photos)
    for place in sorted(found):
        photo, identity = photos[place], found[place]
        patient = photo.patient or identity.patient
        if patient is not None and patient not in given and not identifiers:
            patient = names.setdefault(patient, f"dicom-{len(names) + 1}")
        photos[place] = replace(photo, patient=patient, eye=photo.eye or identity.eye)
    return replace(listing, photos=tuple(photos))


def _may_identify(photo: PhotoFile) -> bool:
    ending = PurePosixPath(photo.name).suffix.lower()
    is_open = photo.refusal is None and None in (photo.patient, photo.eye)
    return is_open and (ending == DICOM_ENDING or ending not in PHOTO_ENDINGS)


def _identities(photos: Sequence[PhotoFile], places: Sequence[int]) -> Iterator[tuple[int, Identity]]:
    files = [place for place in places if photos[place].member is None]
    for place in track(files, "reading whose eyes these are"):
        with suppress(RefusedError), opened(photos[place].path) as stream:
            if kind_of(stream.read(FIRST_BYTES)) == "DICOM":
                yield from _known(place, stream)
    members = sorted(set(places) - set(files), key=lambda place: photos[place].location)
    for _, of_archive in groupby(members, key=lambda place: photos[place].location):
        yield from _in_archive(photos, list(of_archive))


def _in_archive(photos: Sequence[PhotoFile], places: Sequence[int]) -> Iterator[tuple[int, Identity]]:
    wanted = {photos[place].member: place for place in places}
    path = photos[places[0]].path
    kind = archive_kind(path)
    if kind is None:
        return
    with suppress(DamagedArchiveError), closing(entries(path, kind)) as found:
        for entry in found:
            if entry.position in wanted:
                start = b""
                with suppress(Exception), entry.open() as stream:  # hostile bytes, which `unpacking` reports
                    start = stream.read(BEFORE_PIXELS)
                if kind_of(start[:FIRST_BYTES]) == "DICOM":
                    yield from _known(wanted[entry.position], BytesIO(start))


def _known(place: int, stream: IO[bytes]) -> Iterator[tuple[int, Identity]]:
    with suppress(UserError):  # without pydicom, the photograph's row says so
        yield place, read_identity(stream)
