"""Folders of photographs into a manifest: a folder per class, as RETFound and torchvision users have them, or photos alone.

Such folders do not name the patient, without whom results are too good: a pattern for the file names gives it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from eyeground.core.words import meaning, two_spellings
from eyeground.data.manifest import validated
from eyeground.datasets.dataset import Reading, is_photo
from eyeground.errors import UserError

NO_PATIENTS = (
    "WARNING: no patient pattern was given, so every photo counts as its own patient. Where a patient has several "
    "photos, they will fall on both sides of a split and results will be too good. Give a pattern, for example "
    r"'(?P<patient>\d+)_(?P<eye>OD|OS)', or say --one-photo-per-patient"
)
DEEPER = "in deeper folders"
_OF_OTHERS = ("@", "__MACOSX", ".")  # how the folders of NAS thumbnails, archives and file systems begin


def read_class_folders(
    folder: Path, patient_pattern: str | None = None, one_photo_per_patient: bool = False
) -> Reading:
    r"""Read a folder of photographs.

    Args:
        folder: Holds class folders, or photographs, or the split folders `train`, `val`, `test` with either in each.
        patient_pattern: A regular expression with a group named `patient` (and, if wanted, `eye`), searched for in each
            file name without its ending: `(?P<patient>\d+)_(?P<eye>left|right|OD|OS)`.
        one_photo_per_patient: Whether every photograph is of another patient, so that this needs no warning.

    Returns:
        With the label `class` where there are class folders. Files that are no photographs are left out and counted.

    Raises:
        UserError: If there are no photographs, none of a class, a class in two spellings, split and class folders are
            mixed, or the pattern is no pattern, has no group `patient`, does not match a photograph's name or finds no
            eye.
    """
    folder = Path(folder)
    pattern = _compiled(patient_pattern) if patient_pattern is not None else None
    rows: list[dict[str, str]] = []
    left_out: dict[str, Counter[str]] = {}
    for place, split in _places(folder):
        for name, path in _files(folder / place, left_out):
            photo = path.relative_to(folder).as_posix()
            rows.append({"photo": photo} | ({"class": name} if name else {}) | ({"split": split} if split else {}))
    if not rows:
        raise UserError(
            f"{folder}: found no photographs; expected <photo>, <class>/<photo> or <train|val|test>/<class>/<photo>"
            + (f". Left out: {_counted(left_out)}" if left_out else "")
        )
    table = pd.DataFrame(rows)
    counts = Counter(table["class"]) if "class" in table else Counter()
    _check_classes(folder, counts, left_out)
    table = table.join(_patients(table["photo"], pattern))
    remarks = [f"classes: {', '.join(f'{name} {count}' for name, count in sorted(counts.items()))}"] if counts else []
    if left_out:
        remarks.append(f"WARNING: left out, being no photographs that can be read: {_counted(left_out)}")
    if pattern is None and not one_photo_per_patient:
        remarks.append(NO_PATIENTS)
    return Reading(validated(table, str(folder), folder).table, folder, tuple(remarks))


def _places(folder: Path) -> list[tuple[Path, str | None]]:
    """The folder, or its split folders with what they are."""
    names = _folders(folder)
    splits = {name: meant for name in names if (meant := meaning("split", name)) is not None}
    others = [name for name in names if name not in splits]
    if splits and others:
        raise UserError(
            f"{folder}: holds split folders ({', '.join(splits)}) and others ({', '.join(others[:5])}); "
            "a photo's split would be unclear. Move one kind elsewhere"
        )
    return [(Path(name), split) for name, split in splits.items()] or [(Path(), None)]


def _files(place: Path, left_out: dict[str, Counter[str]]) -> Iterator[tuple[str, Path]]:
    """Each photograph with its class, which is empty where there are no class folders; others are counted by class."""
    classes = _folders(place)
    for name in classes or [""]:
        for path in sorted((place / name).iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir():
                deeper = sum(1 for file in path.rglob("*") if file.is_file())
                if name and deeper and not path.name.startswith(_OF_OTHERS):
                    left_out.setdefault(name, Counter())[DEEPER] += deeper
            elif is_photo(path):
                yield name, path
            else:
                left_out.setdefault(name, Counter())[path.suffix.lower() or "without an ending"] += 1
    beside = sum(1 for path in place.iterdir() if path.is_file() and is_photo(path)) if classes else 0
    if beside:
        left_out.setdefault("", Counter())["photos beside the class folders"] += beside


def _folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(_OF_OTHERS))


def _check_classes(folder: Path, counts: Counter[str], left_out: dict[str, Counter[str]]) -> None:
    for first, other in two_spellings(sorted(counts)):
        raise UserError(f"{folder}: the folders '{first}' and '{other}' are one class in two spellings; rename one")
    vanished = {name: files for name, files in left_out.items() if name and name not in counts}
    if vanished:
        raise UserError(
            f"{folder}: no photograph of class {', '.join(map(repr, vanished))} can be read "
            f"({_counted(vanished)}); convert them to JPEG or PNG, or move elsewhere what is no class"
        )


def _counted(left_out: dict[str, Counter[str]]) -> str:
    def of_class(files: Counter[str]) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(files.items()))

    return "; ".join(f"{name} {of_class(files)}".strip() for name, files in sorted(left_out.items()))


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
        eyes = [match["eye"] if match else None for match in found]
        strange = sorted({eye for eye in eyes if eye and meaning("eye", eye) is None})
        if strange:
            raise UserError(
                f"the patient pattern '{pattern.pattern}' finds {', '.join(map(repr, strange[:5]))} as eye; expected OD, OS, "
                "R, L, RE, LE, right or left"
            )
        columns["eye"] = [meaning("eye", eye) if eye else None for eye in eyes]
    return pd.DataFrame(columns, index=photos.index)
