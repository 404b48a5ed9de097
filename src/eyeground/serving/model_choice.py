"""Which model screens: the one that the service was started with, or one that was adapted here and put into use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from eyeground.serving import audit
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import Note

IN_USE = "adapted model in use"
ADAPTED = "adapted"  # folder of adapted models, in the data folder
BUNDLE = "bundle"


@dataclass(frozen=True)
class Choice:
    """What a worker opens: a bundle's folder or name, None for the default; and which of its rules decides."""

    bundle: str | None
    operating_point: str | None
    adapted: str | None = None


def bundle_folder(folder: DataFolder, adapted_id: str) -> Path:
    """The bundle of an adapted model."""
    return folder.path / ADAPTED / adapted_id / BUNDLE


def adapted_in_use(session: Session) -> str | None:
    """The adapted model that screens; None for the one that the service was started with."""
    note = session.get(Note, IN_USE)
    return None if note is None else note.text


def choice(session: Session, folder: DataFolder, bundle: str | None, operating_point: str | None) -> Choice:
    """What to open, given what the service was started with."""
    adapted = adapted_in_use(session)
    if adapted is None:
        return Choice(bundle, operating_point)
    return Choice(str(bundle_folder(folder, adapted).absolute()), None, adapted)


def put_into_use(session: Session, adapted_id: str | None, actor: str, **details: Any) -> None:
    """Have photographs screened by an adapted model from now on, or, with None, by the one that the service was started with."""
    note = session.get(Note, IN_USE)
    if adapted_id is None:
        if note is not None:
            session.delete(note)
    elif note is None:
        session.add(Note(name=IN_USE, text=adapted_id))
    else:
        note.text = adapted_id
    audit.record(session, actor, "model put into use", adapted=adapted_id, **details)
