"""Photos that a model may have been trained on: what `eyeground check MANIFEST --against UPSTREAM` found."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from eyeground.core.tables import read_table
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.reporting.wording import counted

FLOW, PHOTOS, DUPLICATES = "flow.csv", "photos.csv", "duplicates.csv"
COMPARED_WITH = "in the other manifest"  # a step of the flow table
OURS, THEIRS = "checked/", "other/"


@dataclass(frozen=True)
class Contamination:
    """What a check has found.

    Attributes:
        photos: Those that were checked and could be read.
        other_photos: Photos that they were compared with; None where they were compared with no other manifest.
        shared: The photos that are in the other manifest too, each with its kind: `exact`, or `near` if only near.
    """

    photos: frozenset[str]
    other_photos: int | None
    shared: dict[str, str]


def read_contamination(folder: Path) -> Contamination:
    """Read the folder that `eyeground check MANIFEST --against UPSTREAM -o FOLDER` has written.

    Raises:
        UserError: If a file or a column is missing.
    """
    folder = Path(folder)
    flow = _table(folder / FLOW, ("step", "photos"))
    photos = _table(folder / PHOTOS, ("photo", "unreadable"))
    pairs = _table(folder / DUPLICATES, ("photo_a", "photo_b", "kind"))
    counts = dict(zip(flow["step"], flow["photos"], strict=True))
    shared: dict[str, str] = {}
    for names in pairs[["photo_a", "photo_b", "kind"]].astype(str).itertuples(index=False):
        ours = [name.removeprefix(OURS) for name in names[:2] if name.startswith(OURS)]
        if len(ours) == 1 and any(name.startswith(THEIRS) for name in names[:2]):
            shared[ours[0]] = "exact" if "exact" in (names[2], shared.get(ours[0])) else names[2]
    readable = photos.loc[photos["unreadable"].isna(), "photo"].astype(str)
    other_photos = int(counts[COMPARED_WITH]) if COMPARED_WITH in counts else None
    if shared and other_photos is None:
        raise UserError(f"{folder / FLOW}: there is no step '{COMPARED_WITH}'; run `eyeground check … --against` again")
    return Contamination(frozenset(readable), other_photos, shared)


def without(predictions: Predictions, photos: Collection[str]) -> Predictions:
    """The predictions without some photos, such as `contamination.shared`; names that are not there change nothing.

    Raises:
        UserError: If none is left.
    """
    kept = predictions.table[~predictions.table["photo"].isin(list(photos))].reset_index(drop=True)
    if kept.empty:
        raise UserError(f"all {counted(len(predictions.table), 'photo')} of the predictions would be left out")
    return Predictions(kept)


def contamination_sentence(name: str, predictions: Predictions, found: Contamination | None) -> str:
    """What is known of photos that a dataset shares with those the model was trained on, and what became of them.

    Args:
        name: Of the dataset.
        predictions: As they are evaluated.
        found: None where nobody has checked.
    """
    if found is None or found.other_photos is None:
        why = "nothing was checked" if found is None else "photos were checked, but not against another manifest"
        return f"{name}: whether the model was trained on any of its photos is not known ({why})."
    evaluated = set(predictions.table["photo"])
    if not evaluated & found.photos:
        return f"{name}: the check names no photo that is evaluated, so it does not apply; are the paths written in the same way?"
    unchecked = len(evaluated - found.photos)
    gap = f" {counted(unchecked, 'evaluated photo')} had not been checked." if unchecked else ""
    compared = (
        f"{counted(len(found.photos), 'photo')} against {found.other_photos:,} that the model may have been trained on"
    )
    if not found.shared:
        return f"{name}: checked {compared}; none is in both.{gap}"
    exact = sum(kind == "exact" for kind in found.shared.values())
    still = len(evaluated & set(found.shared))
    became = (
        f"{still} of them are evaluated all the same, so the results are optimistic" if still else "they are left out"
    )
    return f"{name}: checked {compared}; {len(found.shared)} are in both ({exact} of them byte for byte), and {became}.{gap}"


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = read_table(path)
    lacking = [column for column in columns if column not in table]
    if lacking:
        raise UserError(f"{path}: there is no column '{lacking[0]}'; is this the folder that `eyeground check` wrote?")
    return table
