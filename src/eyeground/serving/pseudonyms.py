"""Pseudonyms of patients, photographs and UIDs under a secret key: the same for the same key, and not to be turned back without it."""

import hashlib
import hmac
import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from eyeground.errors import UserError

_BYTES = 32
_DIGITS = 12


@dataclass(frozen=True)
class Pseudonyms:
    """Gives pseudonyms under a key of 32 bytes."""

    key: bytes = field(repr=False)

    def patient(self, identifier: str) -> str:
        """Of a patient, by the identifier that the clinic gives; none of no patient."""
        return f"P-{self._digest('patient', identifier).hex()[:_DIGITS].upper()}" if identifier else ""

    def name(self, text: str) -> str:
        """Of a file, such as the one that a result is kept in."""
        return self._digest("name", text).hex()

    def uid(self, original: str) -> str:
        """Of a DICOM UID: another one, below 2.25."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', original)[:16], version=5).int}"

    def _digest(self, kind: str, text: str) -> bytes:
        return hmac.new(self.key, f"{kind} {text}".encode(), hashlib.sha256).digest()


def pseudonyms_of(path: Path) -> Pseudonyms:
    """Those of a key's file, which is made, readable for its owner alone, where there is none.

    Raises:
        UserError: If the file holds no key, or cannot be read or made.
    """
    try:
        if not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(_BYTES)}\n")
        key = bytes.fromhex(path.read_text("ascii").strip())
    except OSError as error:
        raise UserError(f"{path}: cannot be read or made: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: holds no key of --deidentify; name a file that is not there yet") from error
    if len(key) != _BYTES:
        raise UserError(f"{path}: holds no key of --deidentify; name a file that is not there yet")
    return Pseudonyms(key)
