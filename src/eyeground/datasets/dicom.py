"""A folder of DICOM objects, as a camera or an archive exports it, into a manifest; see docs/datasets.md.

Names of files say nothing and may have no ending, so every file is opened, and patient and eye are those of the object.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from eyeground.core.files import is_hidden
from eyeground.core.progress import track
from eyeground.data.manifest import validated
from eyeground.datasets.dataset import Reading
from eyeground.errors import UserError
from eyeground.imaging.decode import opened
from eyeground.imaging.dicom_identity import Identity, read_identity
from eyeground.imaging.dicom_objects import FIRST_BYTES, is_no_picture
from eyeground.imaging.limits import RefusedError, kind_of

IDENTIFIERS = "WARNING: the manifest holds identifiers of patients, as their DICOM objects give them; keep it where the photos are"


def read_dicom_folder(folder: Path) -> Reading:
    """Read every DICOM picture in a folder and below it.

    Returns:
        `photo`, `patient`, `eye`, `age`, `sex`, `device`, `note_study_date`, `note_accession`, `note_sop_instance`. An
        object that names no patient gets one for its study, and one of its own without that.

    Raises:
        UserError: If there is no such folder, no DICOM picture in it, or pydicom is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    counts: Counter[str] = Counter()
    identified = track(_identified(folder, counts), "reading DICOM objects")
    found = sorted(
        ((path.relative_to(folder).as_posix(), identity) for path, identity in identified), key=lambda one: one[0]
    )
    if not found:
        raise UserError(f"{folder}: there is no DICOM picture here{_left_out(counts, '; ')}")
    rows = [_row(photo, identity) for photo, identity in found]
    table = pd.DataFrame(rows).dropna(axis="columns", how="all")
    remarks = [IDENTIFIERS, *_doubts([identity for _, identity in found])]
    if counts:
        remarks.append(_left_out(counts))
    return Reading(validated(table, str(folder), folder).table, folder, remarks=tuple(remarks))


def _identified(folder: Path, counts: "Counter[str]") -> Iterator[tuple[Path, Identity]]:
    for path in _files(folder, counts):
        try:
            with opened(path) as stream:
                first = stream.read(FIRST_BYTES)
                if kind_of(first) != "DICOM":
                    counts["files that are no DICOM objects"] += 1
                elif is_no_picture(first):
                    counts["DICOM objects that are no pictures"] += 1
                else:
                    yield path, read_identity(stream)
        except RefusedError:
            counts["files that can't be opened, are empty or too large"] += 1


def _files(folder: Path, counts: "Counter[str]") -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(files):
            if is_hidden(name):
                counts["hidden or system files"] += 1
            else:
                yield Path(place) / name


def _row(photo: str, identity: Identity) -> dict[str, object]:
    return {
        "photo": photo,
        "patient": identity.patient or f"unknown-{identity.study or photo}",
        "eye": identity.eye,
        "age": identity.age,
        "sex": identity.sex,
        "device": identity.device,
        "note_study_date": identity.study_date,
        "note_accession": identity.accession,
        "note_sop_instance": identity.instance,
    }


def _doubts(found: list[Identity]) -> Iterator[str]:
    """Remarks on statements of the objects that are likely wrong."""
    nameless = sum(identity.patient is None for identity in found)
    if nameless:
        yield f"WARNING: objects that name no patient: {nameless}; each study counts as a patient, or each photo if it names no study"
    patients, studies = ({getattr(one, name) for one in found} - {None} for name in ("patient", "study"))
    if len(patients) == 1 and len(studies) > 2:
        yield f"WARNING: all objects of {len(studies)} studies name one patient; were they made anonymous alike?"
    eyeless = sum(identity.eye is None for identity in found)
    if eyeless:
        yield f"objects that do not say which eye they show: {eyeless}"


def _left_out(counts: "Counter[str]", before: str = "") -> str:
    return before + "left out: " + ", ".join(f"{what}: {count}" for what, count in counts.items()) if counts else ""
