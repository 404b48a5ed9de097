"""A folder per class, as RETFound and torchvision users have it, into a manifest.

`root/{train,val,test}/{class}/photo` or `root/{class}/photo`; the class name becomes the label `class`. Such
folders lose the patient, on whom every honest figure depends: a pattern for the file names brings him back,
and without one every photograph counts as a patient and the reading says so loudly.
"""

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Reading, photos_in
from eyeground.errors import UserError
from eyeground.manifest import validated

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
NO_PATIENTS = (
    "WARNING: no patient pattern was given, so every photo counts as its own patient. Where a patient has several "
    "photos, they will fall on both sides of a split and figures will be too good. Give a pattern, for example "
    r"'(?P<patient>\d+)_(left|right)'"
)


def read_class_folders(folder: Path, patient_pattern: str | None = None) -> Reading:
    r"""Read a folder per class.

    Parameters
    ----------
    folder : Path
        Holds class folders, or the split folders `train`, `val`, `test` with class folders in each.
    patient_pattern : str, optional
        A regular expression with a group named `patient` (and, if wanted, `eye`), searched for in each file
        name without its ending: `(?P<patient>\d+)_(?P<eye>left|right)`.

    Raises
    ------
    UserError
        If there are no class folders, split and class folders are mixed, or the pattern is no pattern, has no
        group `patient` or does not match a photograph's name.
    """
    folder = Path(folder)
    pattern = _compiled(patient_pattern) if patient_pattern is not None else None
    rows: list[dict[str, str]] = []
    for place, split in _places(folder):
        for name in _folders(folder / place):
            for photo in photos_in(folder, (place / name).as_posix()):
                rows.append({"photo": photo, "class": name} | ({"split": split} if split else {}))
    if not rows:
        raise UserError(
            f"{folder}: found no photographs in class folders; expected <class>/<photo> or <train|val|test>/<class>/<photo>"
        )
    table = pd.DataFrame(rows)
    table = table.join(_patients(table["photo"], pattern))
    counts = ", ".join(f"{name} {count}" for name, count in sorted(Counter(table["class"]).items()))
    remarks = [f"classes: {counts}"] + ([NO_PATIENTS] if pattern is None else [])
    return Reading(validated(table, str(folder), folder).table, folder, remarks=tuple(remarks))


def _places(folder: Path) -> list[tuple[Path, str | None]]:
    names = _folders(folder)
    splits = [name for name in names if name.lower() in SPLIT_FOLDERS]
    others = [name for name in names if name not in splits]
    if splits and others:
        raise UserError(
            f"{folder}: holds split folders ({', '.join(splits)}) and others ({', '.join(others[:5])}); "
            "a photo's split would be unclear. Move one kind elsewhere"
        )
    return [(Path(name), SPLIT_FOLDERS[name.lower()]) for name in splits] or [(Path(), None)]


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _compiled(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UserError(f"the patient pattern '{text}' is not a regular expression: {error}") from error
    if "patient" not in pattern.groupindex:
        raise UserError(f"the patient pattern '{text}' has no group named patient; write it as (?P<patient>…)")
    return pattern


def _patients(photos: "pd.Series[str]", pattern: re.Pattern[str] | None) -> pd.DataFrame:
    if pattern is None:
        return pd.DataFrame({"patient": photos}, index=photos.index)
    found = [pattern.search(Path(photo).stem) for photo in photos]
    unmatched = [index for index, match in enumerate(found) if match is None or not match["patient"]]
    if unmatched:
        raise UserError(
            f"the patient pattern '{pattern.pattern}' does not match {len(unmatched)} of {len(found)} file names, "
            f"the first in folder '{Path(photos.iloc[unmatched[0]]).parent}' (its photo number {unmatched[0] + 1} of all)"
        )
    columns = {"patient": [match["patient"] if match else None for match in found]}
    if "eye" in pattern.groupindex:
        columns["eye"] = [match["eye"].lower() if match and match["eye"] else None for match in found]
    return pd.DataFrame(columns, index=photos.index)
