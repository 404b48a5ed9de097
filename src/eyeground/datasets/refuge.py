"""REFUGE: 1,200 Chinese photographs for glaucoma, in the challenge's training, validation and test parts.

Training photographs lie in a folder per class, the others are labelled by a spreadsheet. Cameras differ between training
and the other parts, so a score also measures the change of camera.
"""

from pathlib import Path

import pandas as pd

from eyeground.core.spreadsheets import first_sheet
from eyeground.datasets.dataset import Dataset, Reading, photos_in
from eyeground.errors import UserError
from eyeground.imaging.masks import with_mask_values

TRAINING = ("Training400", "REFUGE-Training400/Training400")
CLASSES = {"Glaucoma": 1, "Non-Glaucoma": 0}
# The part's photographs, its spreadsheet (each as unpacked side by side, or nested by some mirrors), the label's heading.
LATER_PARTS = {
    "validation": (
        ("REFUGE-Validation400", "REFUGE-Validation400/REFUGE-Validation400"),
        (
            "REFUGE-Validation400-GT/Fovea_locations.xlsx",
            "REFUGE-Validation400-GT/REFUGE-Validation400-GT/Fovea_locations.xlsx",
        ),
        "Glaucoma Label",
    ),
    "test": (
        ("REFUGE-Test400", "Test400", "REFUGE-Test400/Test400"),
        ("REFUGE-Test-GT/Glaucoma_label_and_Fovea_location.xlsx",),
        "Label(Glaucoma=1)",
    ),
}
OUTLINES = ("Annotation-Training400", "REFUGE-Validation400-GT", "REFUGE-Test-GT")
VALUES = ("optic_disc=0-128", "optic_cup=0")
CAMERAS = {"train": "Zeiss Visucam 500", "validation": "Canon CR-2", "test": "Canon CR-2"}


def read(folder: Path) -> Reading:
    """Read the training part and whichever of the others are there."""
    tables, remarks = [_training(folder)], []
    for split, (places, _, _) in LATER_PARTS.items():
        if any((Path(folder) / place).is_dir() for place in places):
            tables.append(_later_part(folder, split))
        else:
            remarks.append(f"the {split} part is left out: '{places[0]}' is not there")
    remarks += [
        "patients are not published: each photo counts as one patient",
        "training photos come from another camera than validation and test photos",
        "only glaucoma was judged: 'abnormal' is unknown without it",
    ]
    table = pd.concat(tables, ignore_index=True)
    outlines = _outlines(Path(folder))
    found = table["photo"].map(lambda photo: outlines.get(Path(photo).stem)).astype("string")
    return with_mask_values(
        DATASET.reading(table.assign(mask_optic_disc=found, mask_optic_cup=found), folder, remarks), VALUES
    )


def _outlines(folder: Path) -> dict[str, str]:
    """Where the outlines of each photo lie, by its name; mirrors nest them differently."""
    pictures = (path for place in OUTLINES for path in (folder / place).rglob("*.bmp"))
    return {path.stem: path.relative_to(folder).as_posix() for path in pictures if "Disc_Cup_Masks" in path.parts}


def _training(folder: Path) -> pd.DataFrame:
    place = DATASET.locate(folder, *TRAINING)
    DATASET.require(folder, [f"{place}/{name}" for name in CLASSES])
    rows = [(photo, label) for name, label in CLASSES.items() for photo in photos_in(folder, f"{place}/{name}")]
    return _part("train", [photo for photo, _ in rows], [label for _, label in rows])


def _later_part(folder: Path, split: str) -> pd.DataFrame:
    places, sheets, heading = LATER_PARTS[split]
    place = next(place for place in reversed(places) if (Path(folder) / place).is_dir())
    path = Path(folder) / DATASET.locate(folder, *sheets)
    sheet = first_sheet(path)
    if sheet.empty:
        raise UserError(f"{path}: the sheet is empty. Dataset page: {DATASET.page}")
    rows = sheet.iloc[1:].set_axis([str(cell) for cell in sheet.iloc[0]], axis="columns").reset_index(drop=True)
    rows = DATASET.columns_of(rows, path, ["ImgName", heading])
    return _part(
        split, [f"{place}/{name}" for name in rows["ImgName"]], DATASET.numbers(rows, heading, path, highest=1)
    )


def _part(split: str, photos: list[str], glaucoma: "list[int] | pd.Series[int]") -> pd.DataFrame:
    labels = pd.Series(glaucoma, dtype="Int64")
    return pd.DataFrame(
        {
            "photo": photos,
            "patient": [f"{split}-{Path(photo).stem}" for photo in photos],
            "split": split,
            "device": CAMERAS[split],
            "abnormal": labels.where(labels == 1),
            "glaucoma": labels,
        }
    )


DATASET = Dataset(
    name="refuge",
    title="REFUGE, Retinal Fundus Glaucoma Challenge (China, 2018)",
    page="https://refuge.grand-challenge.org",
    licence="not stated by the publisher",
    citation=(
        "Orlando JI, et al. REFUGE Challenge: a unified framework for evaluating automated methods for glaucoma "
        "assessment from fundus photographs. Med Image Anal 2020;59:101570. https://doi.org/10.1016/j.media.2019.101570"
    ),
    read=read,
)
