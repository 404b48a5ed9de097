"""EyePACS, as published in Kaggle's Diabetic Retinopathy Detection: 88,702 photographs graded 0-4.

Grades of the test half were published after the competition; either half is read where it is there.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading
from eyeground.errors import UserError

HALVES = {"train": ("trainLabels.csv", "train"), "test": ("retinopathy_solution.csv", "test")}


def read(folder: Path) -> Reading:
    """Read the training half and, where its grades are there, the test half."""
    DATASET.require(folder, list(HALVES["train"]))
    tables = [_half(folder, split) for split, (table, _) in HALVES.items() if (Path(folder) / table).is_file()]
    remarks = ["only diabetic retinopathy was graded, once per photo: 'abnormal' is unknown at grade 0"]
    if len(tables) < len(HALVES):
        remarks.append(f"the test half is left out: its grades, '{HALVES['test'][0]}', are not there")
    return DATASET.reading(pd.concat(tables, ignore_index=True), folder, remarks)


def _half(folder: Path, split: str) -> pd.DataFrame:
    entry, photos = HALVES[split]
    rows = DATASET.table(folder, entry, ["image", "level"])
    grade = DATASET.numbers(rows, "level", Path(folder) / entry, highest=4)
    names = rows["image"].str.extract(r"^(?P<patient>\d+)_(?P<eye>left|right)$")
    if names.isna().any().any():
        index = int(names.index[names.isna().any(axis=1)][0])
        raise UserError(
            f"{Path(folder) / entry}, row {index + 2}: 'image' is not a patient's number and eye as in '10_left'"
        )
    return pd.DataFrame(
        {
            "photo": photos + "/" + rows["image"] + ".jpeg",
            "patient": names["patient"],
            "eye": names["eye"],
            "split": split,
            "abnormal": (grade > 0).astype("Int64").where(grade > 0),
            "diabetic_retinopathy": (grade > 0).astype("Int64"),
            "diabetic_retinopathy_grade": grade,
        }
    )


DATASET = Dataset(
    name="eyepacs",
    title="EyePACS, Kaggle Diabetic Retinopathy Detection (USA, 2015)",
    page="https://www.kaggle.com/competitions/diabetic-retinopathy-detection",
    licence="Kaggle competition rules",
    citation=(
        "Cuadros J, Bresnick G. EyePACS: an adaptable telemedicine system for diabetic retinopathy screening. "
        "J Diabetes Sci Technol 2009;3(3):509-516. https://doi.org/10.1177/193229680900300315"
    ),
    read=read,
)
