"""HRF: 45 high-resolution photographs: 15 healthy eyes, 15 with diabetic retinopathy, 15 with glaucoma.

A healthy eye has neither disease; of a diseased eye only its own is stated. Arteries and veins of other annotators are read
from `av/training` and `av/test` where they are there: 1 artery, 2 vein, 3 crossing.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named, photos_in
from eyeground.imaging.masks import with_mask_values

LABELS = ("abnormal", "diabetic_retinopathy", "glaucoma")
VALUES = ("artery=1,3", "vein=2,3")
HALVES = {"train": "av/training", "test": "av/test"}  # of these masks alone
GROUPS: dict[str, tuple[int | None, ...]] = {"h": (0, 0, 0), "dr": (1, 1, None), "g": (1, None, 1)}


def read(folder: Path) -> Reading:
    """Read the photographs of `images` with vessel and field-of-view masks."""
    DATASET.require(folder, ["images", "manual1"])
    photos = [photo for photo in photos_in(folder, "images") if Path(photo).stem.split("_")[-1] in GROUPS]
    stems = [Path(photo).stem for photo in photos]
    labels = pd.DataFrame([GROUPS[stem.split("_")[-1]] for stem in stems], columns=list(LABELS), dtype="Int64")
    table = pd.DataFrame({"photo": photos, "patient": stems, "device": "Canon CR-1"}).join(labels)
    table["mask_vessel"] = named(folder, "manual1", stems)
    table["mask_field_of_view"] = named(folder, "mask", [f"{stem}_mask" for stem in stems])
    remarks = ["each photo counts as one patient", "no split is published: name yours beside any result"]
    halves = pd.DataFrame({half: named(folder, place, stems) for half, place in HALVES.items()}, dtype="string")
    if halves.isna().all(axis=None):
        return DATASET.reading(table, folder, remarks)
    arteries = halves["train"].fillna(halves["test"])
    half = pd.Series("train", index=table.index).where(halves["train"].notna(), "test").where(arteries.notna())
    table = table.assign(mask_artery=arteries, mask_vein=arteries, note_artery_vein_half=half)
    return with_mask_values(DATASET.reading(table, folder, remarks), VALUES)


def read_halves(folder: Path) -> Reading:
    """As `read`, with the halves of the artery and vein drawings as splits; photographs without a drawing are left out."""
    HRF_ARTERY_VEIN.require(folder, list(HALVES.values()))
    reading = read(folder)
    half = reading.table["note_artery_vein_half"]
    rows = half.notna()
    table = reading.table[rows].assign(split=half[rows]).drop(columns="note_artery_vein_half").reset_index(drop=True)
    remarks = (reading.remarks[0], "splits are the halves of the artery and vein drawings")
    return replace(reading, table=table, remarks=remarks)


DATASET = Dataset(
    name="hrf",
    title="HRF, High-Resolution Fundus image database (Germany and Czechia, 2013)",
    page="https://www5.cs.fau.de/research/data/fundus-images/",
    licence="not stated by the publisher",
    citation=(
        "Budai A, Bock R, Maier A, Hornegger J, Michelson G. Robust vessel segmentation in fundus images. "
        "Int J Biomed Imaging 2013;2013:154860. https://doi.org/10.1155/2013/154860"
    ),
    read=read,
)

HRF_ARTERY_VEIN = replace(
    DATASET,
    name="hrf-artery-vein",
    title="HRF with arteries and veins, in the halves of these drawings",
    read=read_halves,
)
