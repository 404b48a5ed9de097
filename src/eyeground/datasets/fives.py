"""FIVES: 800 photographs with vessels segmented by hand; 200 each normal, AMD, diabetic retinopathy, glaucoma.

A normal eye has none of the three diseases; of a diseased eye only its own is stated. The quality table is not read.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named, photos_in

LABELS = ("abnormal", "amd", "diabetic_retinopathy", "glaucoma")
GROUPS: dict[str, tuple[int | None, ...]] = {
    "N": (0, 0, 0, 0),
    "A": (1, 1, None, None),
    "D": (1, None, 1, None),
    "G": (1, None, None, 1),
}


def read(folder: Path) -> Reading:
    """Read the official training and testing halves with their vessel masks."""
    DATASET.require(folder, ["train/Original", "test/Original"])
    table = pd.concat([_half(folder, split) for split in ("train", "test")], ignore_index=True)
    return DATASET.reading(table, folder, ["patients are not published: each photo counts as one patient"])


def _half(folder: Path, split: str) -> pd.DataFrame:
    photos = [photo for photo in photos_in(folder, f"{split}/Original") if Path(photo).stem[-1:] in GROUPS]
    stems = [Path(photo).stem for photo in photos]
    labels = pd.DataFrame([GROUPS[stem[-1]] for stem in stems], columns=list(LABELS), dtype="Int64")
    patients = [f"{split}-{stem}" for stem in stems]
    table = pd.DataFrame({"photo": photos, "patient": patients, "split": split, "device": "Topcon TRC-NW8"}).join(
        labels
    )
    table["mask_vessel"] = named(folder, f"{split}/Ground truth", stems)
    return table


DATASET = Dataset(
    name="fives",
    title="FIVES, Fundus Image Vessel Segmentation (China, 2022)",
    page="https://doi.org/10.6084/m9.figshare.19688169",
    licence="CC BY 4.0",
    citation=(
        "Jin K, et al. FIVES: a fundus image dataset for artificial intelligence based vessel segmentation. "
        "Scientific Data 2022;9:475. https://doi.org/10.1038/s41597-022-01564-3"
    ),
    read=read,
)
