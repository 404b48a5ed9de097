"""`check`: read every photo and mask of a manifest once and report what a study has to know before it starts.

Photos that are missing, unreadable or ungradable; duplicates, and which of them join patients or splits; and the flow
table that reporting guidelines ask for. See docs/manifest.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eyeground.config.training_recipe import Preprocessing
from eyeground.core.machine import processes
from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.evaluation.flow import IN_MANIFEST, READABLE
from eyeground.evaluation.subgroups.contamination import COMPARED_WITH, DUPLICATES, FLOW, PHOTOS
from eyeground.imaging.cache import Prepared, prepare, prepared_to_assess, read_prepared_standard
from eyeground.imaging.duplicates import find_duplicates
from eyeground.imaging.gradability import assess
from eyeground.workflows.check_masks import check_masks, print_masks

MASKS = "masks.csv"
MISSING = "no such file"
_CHUNK = 16  # photos per message to a process


@dataclass(frozen=True)
class Checked:
    """The findings of a check.

    Attributes:
        flow: `step`, `photos`, `patients`.
        photos: Per photo: `photo`, `unreadable` (why, or empty), `ungradable` (why, or empty), and the quality
            measures.
        duplicates: `photo_a`, `photo_b`, `kind` (`exact` or `near`), `distance`, `same_patient`, `same_split`.
        masks: See `eyeground.workflows.check_masks`; empty if the manifest names no masks.
        clean: Without unreadable photos, and with the first of each group of photos that are duplicates across
            patients.
    """

    flow: pd.DataFrame
    photos: pd.DataFrame
    duplicates: pd.DataFrame
    masks: pd.DataFrame
    clean: Manifest

    def write(self, folder: Path) -> None:
        """Write `flow.csv`, `photos.csv`, `duplicates.csv` and, if there are masks, `masks.csv` into a folder."""
        write_table(self.flow, folder / FLOW)
        write_table(self.photos, folder / PHOTOS)
        write_table(self.duplicates, folder / DUPLICATES)
        if len(self.masks):
            write_table(self.masks, folder / MASKS)

    def print(self, console: Console) -> None:
        """Print the flow table, and what must be fixed before training."""
        shown = Table(box=None, pad_edge=False)
        shown.add_column("photographs")
        shown.add_column("photos", justify="right")
        shown.add_column("patients", justify="right")
        for row in self.flow.itertuples(index=False):
            shown.add_row(escape(str(row.step)), f"{row.photos:,}", f"{row.patients:,}")
        console.print(shown)
        across = self.duplicates[~self.duplicates["same_patient"].astype(bool)]
        leaking = int((~across["same_split"].fillna(True).astype(bool)).sum())
        if len(across):
            splits = f", {leaking} of them across splits" if leaking else ""
            console.print(
                f"[yellow]{len(across)} pairs of duplicates join different patients{splits}.[/] "
                "--clean writes a manifest with one photo of each group"
            )
        print_masks(self.masks, console)


def check_manifest(
    manifest: Manifest,
    cache: Path,
    jobs: int,
    other: Manifest | None = None,
    preprocessing: Preprocessing | None = None,
) -> Checked:
    """Read every photo of a manifest, and look for duplicates in it and, if given, between it and another one.

    Args:
        cache: Folder of standard photos.
        jobs: Processes that read and measure photos.
        other: A manifest that must share no photo with this one, such as the upstream one. A shared photo is listed
            as a duplicate with `same_patient` false.
        preprocessing: Its side is that of the standard photos compared.

    Raises:
        UserError: If no photo can be read.
    """
    preprocessing = preprocessing or Preprocessing()
    prepared = prepare(manifest.photo_paths(), preprocessing, cache, jobs)
    if all(path is None for path in prepared.paths):
        raise UserError(f"none of the {len(manifest)} photos can be read; the first: {prepared.failures[0]}")
    readable = [path for row, path in enumerate(manifest.photo_paths()) if row not in prepared.failures]
    standard = [path for path in prepared.paths if path is not None]
    assessed = prepared_to_assess(readable, standard, preprocessing, cache, jobs)
    photos = _photo_table(manifest, prepared, assessed, jobs)
    duplicates = find_duplicates(manifest, prepared.paths)
    if other is not None:
        theirs = prepare(other.photo_paths(), preprocessing, cache, jobs)
        duplicates = pd.concat([duplicates, _shared(manifest, prepared.paths, other, theirs.paths)], ignore_index=True)
    masks = check_masks(manifest, prepared.paths, jobs)
    known = photos["unreadable"].isna()
    repeated = _later_of_groups(manifest, duplicates)
    clean = manifest.where(known & ~manifest.table["photo"].isin(repeated))
    return Checked(_flow(manifest, photos, duplicates, clean, other), photos, duplicates, masks, clean)


def _photo_table(manifest: Manifest, prepared: Prepared, assessed: Sequence[Path], jobs: int) -> pd.DataFrame:
    with processes(jobs) as pool:
        measured = pool.map(_measure, assessed, chunksize=_CHUNK)
        measures = iter(list(track(measured, "measuring", len(assessed))))
    rows = [
        {"unreadable": prepared.failures[row]} if path is None else next(measures)
        for row, path in enumerate(prepared.paths)
    ]
    columns = ["unreadable", "ungradable", "focus", "illumination", "contrast", "completeness"]
    table = pd.DataFrame(rows, columns=columns).astype({"unreadable": "string", "ungradable": "string"})
    return pd.concat([manifest.table[["photo"]].reset_index(drop=True), table], axis=1)


def _measure(standard: Path) -> dict[str, object]:
    found = assess(read_prepared_standard(standard))
    return {
        "ungradable": "; ".join(found.reasons) or None,
        "focus": found.focus,
        "illumination": found.illumination,
        "contrast": found.contrast,
        "completeness": found.completeness,
    }


def _shared(
    manifest: Manifest, paths: Sequence[Path | None], other: Manifest, other_paths: Sequence[Path | None]
) -> pd.DataFrame:
    """Duplicates between two manifests, as pairs (ours, theirs)."""
    # The same name may be another patient in another manifest, and the same file may be in both.
    ours = manifest.table[["photo", "patient"]].assign(photo="checked/" + manifest.table["photo"])
    theirs = other.table[["photo", "patient"]].assign(
        photo="other/" + other.table["photo"], patient="other/" + other.table["patient"]
    )
    both = Manifest(pd.concat([ours, theirs], ignore_index=True), manifest.root)
    pairs = find_duplicates(both, [*paths, *other_paths])
    between = pairs["photo_a"].str.startswith("checked/") != pairs["photo_b"].str.startswith("checked/")
    return pairs[between].reset_index(drop=True)


def _later_of_groups(manifest: Manifest, duplicates: pd.DataFrame) -> set[str]:
    """All photos but the first, in the manifest's order, of each group of duplicates across patients."""
    place = {photo: index for index, photo in enumerate(manifest.table["photo"])}
    across = duplicates[~duplicates["same_patient"].astype(bool)]
    later = set()
    for first, second in zip(across["photo_a"], across["photo_b"], strict=True):
        known = [photo.removeprefix("checked/") for photo in (first, second) if photo.removeprefix("checked/") in place]
        # Of a pair with another manifest only one side is ours, and it is removed.
        later.add(max(known, key=place.__getitem__))
    return later


def _flow(
    manifest: Manifest, photos: pd.DataFrame, duplicates: pd.DataFrame, clean: Manifest, other: Manifest | None
) -> pd.DataFrame:
    table = manifest.table.reset_index(drop=True)
    unreadable = photos["unreadable"].notna()
    missing = photos["unreadable"].str.contains(MISSING, regex=False).fillna(False).astype(bool)
    steps = [
        (IN_MANIFEST, pd.Series(True, index=table.index)),
        ("missing files", missing),
        ("unreadable files", unreadable & ~missing),
        (READABLE, ~unreadable),
        ("of these ungradable by the measures", photos["ungradable"].notna()),
    ]
    for kind in ("exact", "near"):
        of_kind = duplicates[duplicates["kind"] == kind]
        for same, where in ((True, "of one patient"), (False, "across patients")):
            pairs = of_kind[of_kind["same_patient"].astype(bool) == same]
            names = {name.removeprefix("checked/") for name in [*pairs["photo_a"], *pairs["photo_b"]]}
            steps.append((f"{kind} duplicates {where}", table["photo"].isin(names)))
    steps.append(("left by --clean", table["photo"].isin(clean.table["photo"])))
    if "split" in table:
        steps += [
            (f"split {name}", (table["split"] == name).fillna(False)) for name in table["split"].dropna().unique()
        ]
    for label in manifest.labels:
        values = table[label].dropna()
        if values.isin([0, 1]).all() and (values == 1).any():
            steps.append((f"{label}: positive", (table[label] == 1).fillna(False)))
            steps.append((f"{label}: unknown", table[label].isna()))
    rows = [
        {"step": step, "photos": int(of.sum()), "patients": int(table.loc[of.astype(bool), "patient"].nunique())}
        for step, of in steps
    ]
    if other is not None:  # recorded even where nothing is in both
        rows.append({"step": COMPARED_WITH, "photos": len(other), "patients": other.patients})
    return pd.DataFrame(rows)
