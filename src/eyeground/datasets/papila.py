"""PAPILA: both eyes of 244 Spanish patients: healthy, glaucoma or glaucoma suspect, with age and sex.

A spreadsheet per eye, with headings in its first three rows. The experts' outlines of disc and cup are not read.
"""

from pathlib import Path

import pandas as pd

from eyeground.core.spreadsheets import first_sheet
from eyeground.datasets.dataset import Dataset, Reading
from eyeground.errors import UserError

EYES = {"right": ("patient_data_od.xlsx", "OD"), "left": ("patient_data_os.xlsx", "OS")}
COLUMNS = ("Age", "Gender", "Diagnosis")
SEXES = {0: "male", 1: "female"}
LABELS = ("abnormal", "glaucoma", "glaucoma_suspect")
DIAGNOSES: dict[int, tuple[int | None, ...]] = {0: (0, 0, 0), 1: (1, 1, None), 2: (1, None, 1)}


def read(folder: Path) -> Reading:
    """Read both spreadsheets and the photographs of `FundusImages`."""
    DATASET.require(folder, ["FundusImages", *(f"ClinicalData/{name}" for name, _ in EYES.values())])
    table = pd.concat([_eye(folder, eye) for eye in EYES], ignore_index=True)
    return DATASET.reading(
        table, folder, ["'healthy' means without glaucoma: other diseases were not looked for in a published way"]
    )


def _eye(folder: Path, eye: str) -> pd.DataFrame:
    name, code = EYES[eye]
    path = Path(folder) / "ClinicalData" / name
    rows = _patients(path)
    diagnosis = DATASET.numbers(rows, "Diagnosis", path, highest=2)
    sex = DATASET.numbers(rows, "Gender", path, highest=1)
    unknown: tuple[int | None, ...] = (None,) * len(LABELS)
    labels = [DIAGNOSES.get(value, unknown) for value in diagnosis.fillna(-1).astype(int).tolist()]
    table = pd.DataFrame(
        {
            "photo": "FundusImages/RET" + rows["patient"] + code + ".jpg",
            "patient": rows["patient"],
            "eye": eye,
            "device": "Topcon TRC-NW400",
            "age": rows["Age"],
            "sex": sex.map(SEXES),
        }
    )
    return table.join(pd.DataFrame(labels, index=rows.index, columns=list(LABELS), dtype="Int64"))


def _patients(path: Path) -> pd.DataFrame:
    """Rows of patients, keeping the sheet's row numbers, with the columns `patient` and `COLUMNS`."""
    sheet = first_sheet(path)
    numbers = sheet[0].astype("string").str.strip().str.extract(r"^#(\d+)$", expand=False)
    if numbers.isna().all():
        raise UserError(f"{path}: no row begins with a patient's number such as '#002'. Dataset page: {DATASET.page}")
    heading = sheet[numbers.isna().cummin()]
    places = {}
    for column in COLUMNS:
        matches = [place for place in sheet.columns if (heading[place].astype("string").str.strip() == column).any()]
        if not matches:
            raise UserError(f"{path}: no column is headed '{column}'. Dataset page: {DATASET.page}")
        places[column] = sheet[matches[0]]
    rows = pd.DataFrame({"patient": numbers, **places})[numbers.notna()]
    rows.index = rows.index - 1  # a table's row 0 is row 2 of the sheet
    return rows


DATASET = Dataset(
    name="papila",
    title="PAPILA (Spain, 2022)",
    page="https://doi.org/10.6084/m9.figshare.14798004",
    licence="CC BY 4.0",
    citation=(
        "Kovalyk O, et al. PAPILA: dataset with fundus images and clinical data of both eyes of the same patient for "
        "glaucoma assessment. Scientific Data 2022;9:291. https://doi.org/10.1038/s41597-022-01388-1"
    ),
    read=read,
)
