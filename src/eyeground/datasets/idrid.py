"""IDRiD, the Indian Diabetic Retinopathy Image Dataset: parts A (segmentation) and B (grading); see docs/datasets.md.

Two adapters, as the parts number their photographs apart: `IDRiD_001` of B's training set, `IDRiD_001` of B's testing set
and `IDRiD_01` of A are three photographs.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from eyeground.core.tables import read_table
from eyeground.datasets.dataset import Dataset, Reading, named, photos_in
from eyeground.imaging.shapes import EMPTY

DEVICE = "Kowa VX-10 alpha"
SPLIT_FOLDERS = {"train": "a. Training Set", "test": "b. Testing Set"}

GRADING = "B. Disease Grading"
GRADING_TABLES = {
    "train": "a. IDRiD_Disease Grading_Training Labels.csv",
    "test": "b. IDRiD_Disease Grading_Testing Labels.csv",
}
NAME, GRADE, RISK = "Image name", "Retinopathy grade", "Risk of macular edema"
# Photos of B that were published twice, byte for byte: the second copy, and the first. Grades as published.
TWICE = {
    "train-391": "train-021",  # 2 and 1
    "train-327": "train-028",  # 3 and 4
    "train-333": "train-045",  # 2 and 2, oedema risk 1 and 0
    "train-375": "train-073",  # alike
    "train-279": "train-079",  # alike
    "train-118": "test-064",  # 0 and 3
}
# Centres as others than the publisher transcribed them, in pixels of the published photographs.
FOVEAS = "fovea_disc.csv"
WIDTH, HEIGHT = 4288, 2848
DISC_BOX = {"disc_x": WIDTH, "disc_y": HEIGHT, "disc_width": WIDTH, "disc_height": HEIGHT}

SEGMENTATION = "A. Segmentation"
LESIONS = {
    "mask_microaneurysm": ("1. Microaneurysms", "MA"),
    "mask_haemorrhage": ("2. Haemorrhages", "HE"),
    "mask_hard_exudate": ("3. Hard Exudates", "EX"),
    "mask_soft_exudate": ("4. Soft Exudates", "SE"),
    "mask_optic_disc": ("5. Optic Disc", "OD"),
}
OVERLAP = "70 of the 81 segmentation photos also occur in the grading part: check for duplicates before using both"


def read_grading(folder: Path) -> Reading:
    """Read part B: retinopathy grade 0-4 and risk of macular oedema 0-2, with the official split.

    Both copies of a photograph that was published twice keep their published labels and count as one patient; of the
    pair across the official split, the training copy has no split. Where `fovea_disc.csv` is there, the centre of the fovea is
    a note, in shares of the photograph's width and height, and a mask, as is the ellipse in the optic disc's box.
    """
    IDRID.require(folder, [f"{GRADING}/1. Original Images", f"{GRADING}/2. Groundtruths"])
    table = pd.concat([_graded(folder, split) for split in SPLIT_FOLDERS], ignore_index=True)
    if (Path(folder) / FOVEAS).is_file():
        table = table.merge(_foveas(folder), on=["split", "photo"], how="left")
    table, copies = _copies_as_one_patient(table)
    remarks = [
        "patients are not published: each distinct photo counts as one patient",
        *copies,
        "grade 0 with risk 0 counts as normal, though graders looked for retinopathy and macular oedema only",
        OVERLAP,
    ]
    return IDRID.reading(table, folder, remarks)


def _copies_as_one_patient(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    there = set(table["patient"])
    pairs = {copy: first for copy, first in TWICE.items() if {copy, first} <= there}
    if not pairs:
        return table, []
    across = [copy for copy, first in pairs.items() if copy.split("-")[0] != first.split("-")[0]]
    grades = dict(zip(table["patient"], table["diabetic_retinopathy_grade"], strict=True))
    risks = dict(zip(table["patient"], table["macular_oedema_risk"], strict=True))
    named = [
        f"{first} = {copy} (grades {grades[first]} and {grades[copy]}, oedema risks {risks[first]} and {risks[copy]})"
        for copy, first in pairs.items()
    ]
    remarks = [
        f"{len(pairs)} photos were published twice, byte for byte, so {len(table) - len(pairs)} photos are distinct: "
        f"{'; '.join(named)}. Both copies are kept, with their labels, as one patient",
        *(f"{copy} is left in no split, because it is also {pairs[copy]}" for copy in across),
    ]
    split = table["split"].mask(table["patient"].isin(across))
    return table.assign(patient=table["patient"].replace(pairs), split=split), remarks


def _graded(folder: Path, split: str) -> pd.DataFrame:
    entry = f"{GRADING}/2. Groundtruths/{GRADING_TABLES[split]}"
    rows = IDRID.table(folder, entry, [NAME, GRADE, RISK])
    path = Path(folder) / entry
    grade = IDRID.numbers(rows, GRADE, path, highest=4)
    risk = IDRID.numbers(rows, RISK, path, highest=2)
    return pd.DataFrame(
        {
            "photo": f"{GRADING}/1. Original Images/{SPLIT_FOLDERS[split]}/" + rows[NAME] + ".jpg",
            "patient": split + "-" + rows[NAME].str.removeprefix("IDRiD_"),
            "split": split,
            "device": DEVICE,
            "abnormal": ((grade > 0) | (risk > 0)).astype("Int64"),
            "diabetic_retinopathy": (grade > 0).astype("Int64"),
            "diabetic_retinopathy_grade": grade,
            "macular_oedema_risk": risk,
        }
    )


def _foveas(folder: Path) -> pd.DataFrame:
    """`split`, `photo`, fovea and optic disc of the photographs that the table names."""
    places = ["fovea_x", "fovea_y"]
    rows = IDRID.table(folder, FOVEAS, ["split", "photo", *places])
    entire = read_table(Path(folder) / FOVEAS).dropna(how="all").reset_index(drop=True)
    folders = {split: f"{GRADING}/1. Original Images/{part}/" for split, part in SPLIT_FOLDERS.items()}
    x, y = (_shares(rows[place], size) for place, size in zip(places, (WIDTH, HEIGHT), strict=True))
    found = pd.DataFrame(
        {
            "split": rows["split"],
            "photo": rows["split"].map(folders) + rows["photo"] + ".jpg",
            "note_fovea_x": x,
            "note_fovea_y": y,
            "mask_fovea": "#point " + x + " " + y,
        }
    )
    if set(DISC_BOX) <= set(entire):
        centre_x, centre_y, width, height = (_shares(entire[column], size) for column, size in DISC_BOX.items())
        found["mask_optic_disc"] = "#ellipse " + centre_x + " " + centre_y + " " + width + " " + height
    return found


def _shares(pixels: "pd.Series[str]", size: int) -> "pd.Series[str]":
    return (pd.to_numeric(pixels, errors="coerce") / size).round(5).astype("string")


def read_segmentation(folder: Path) -> Reading:
    """Read part A: masks of four lesions and the optic disc, with the official split.

    A lesion that a photograph does not show has no file, and its mask cell says `#empty`.
    """
    IDRID_SEGMENTATION.require(
        folder, [f"{SEGMENTATION}/1. Original Images", f"{SEGMENTATION}/2. All Segmentation Groundtruths"]
    )
    table = pd.concat([_outlined(folder, split) for split in SPLIT_FOLDERS], ignore_index=True)
    return IDRID_SEGMENTATION.reading(
        table, folder, ["patients are not published: each photo counts as one patient", OVERLAP]
    )


def _outlined(folder: Path, split: str) -> pd.DataFrame:
    photos = photos_in(folder, f"{SEGMENTATION}/1. Original Images/{SPLIT_FOLDERS[split]}")
    stems = [Path(photo).stem for photo in photos]
    truths = f"{SEGMENTATION}/2. All Segmentation Groundtruths/{SPLIT_FOLDERS[split]}"
    masks: dict[str, list[str | None]] = {}
    for column, (lesion, code) in LESIONS.items():
        found = named(folder, f"{truths}/{lesion}", [f"{stem}_{code}" for stem in stems])
        looked_for = (Path(folder) / truths / lesion).is_dir() and column != "mask_optic_disc"
        none = EMPTY if looked_for else None
        masks[column] = [mask or none for mask in found]
    patients = [stem.removeprefix("IDRiD_") for stem in stems]
    return pd.DataFrame({"photo": photos, "patient": patients, "split": split, "device": DEVICE, **masks})


IDRID = Dataset(
    name="idrid",
    title="IDRiD part B, Disease Grading (India, 2018)",
    page="https://ieee-dataport.org/open-access/indian-diabetic-retinopathy-image-dataset-idrid",
    licence="CC BY 4.0",
    citation=(
        "Porwal P, et al. Indian Diabetic Retinopathy Image Dataset (IDRiD): a database for diabetic retinopathy "
        "screening research. Data 2018;3(3):25. https://doi.org/10.3390/data3030025"
    ),
    read=read_grading,
)

IDRID_SEGMENTATION = replace(
    IDRID, name="idrid-segmentation", title="IDRiD part A, Segmentation (India, 2018)", read=read_segmentation
)
