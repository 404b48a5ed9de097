"""Names of exported results: of the photograph and of what decided, so that a result is found again and an outdated one replaced.

They are hashes, as names of files and patients must not be read off them.
"""

import hashlib
from pathlib import Path

from eyeground.screening.photos import PhotoFile
from eyeground.serving.pseudonyms import Pseudonyms

_DIGITS = 16


def place_of(photo: PhotoFile, identity: str, pseudonyms: Pseudonyms | None = None) -> str:
    """A name for the result of a photograph's file: the photograph's hash, and that of file and what decided.

    Args:
        photo: As it is listed.
        identity: From `eyeground.serving.result.identity_of`.
        pseudonyms: Where results are de-identified, as a file's name can be guessed and hashed.
    """
    digest = _hash if pseudonyms is None else pseudonyms.name
    return f"{digest(photo.name)[:_DIGITS]}-{digest(f'{photo.stamp} {identity}')[:_DIGITS]}"


def outdated(folder: Path, place: str) -> list[Path]:
    """What stands in the folder for the same photograph under another name: of an older file, model or threshold."""
    photo = place.partition("-")[0]
    return [path for path in folder.glob(f"{photo}-*") if path.name.partition(".")[0] != place]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
