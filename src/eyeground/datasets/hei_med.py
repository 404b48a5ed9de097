"""HEI-MED: 169 patients of a telemedicine programme in Memphis, bright lesions outlined by an ophthalmologist.

Read in the layout of our reduced copy; what the publisher calls healthy may have a haemorrhage, see docs/datasets.md.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named
from eyeground.imaging.shapes import EMPTY

TABLE = "hei_med.csv"
COLUMNS = ("photo", "patient", "healthy", "exudate", "sex", "race", "diabetes", "disc_x", "disc_y", "lesions")
SEXES = {"F": "female", "M": "male", "O": None}
NO_DISEASE_STATED = {"Other Bright Lesion", "Artifact"}


def read(folder: Path) -> Reading:
    """Read the photographs, one a patient, with exudate masks; the disc's centre, in pixels of the photograph, is a note."""
    rows = DATASET.table(folder, TABLE, COLUMNS)
    path = Path(folder) / TABLE
    abnormal = rows["lesions"].fillna("").map(_abnormal).astype("Int64")
    exudate = DATASET.numbers(rows, "exudate", path, highest=1)
    outlines = pd.Series(named(folder, ".", [f"{Path(photo).stem}_exudate" for photo in rows["photo"]]), dtype="string")
    without = pd.Series(EMPTY, index=rows.index, dtype="string").where(exudate == 0)
    table = pd.DataFrame(
        {
            "photo": rows["photo"],
            "patient": rows["patient"],
            "sex": DATASET.words(rows, "sex", path, SEXES),
            "race": rows["race"].mask(rows["race"] == "unknown"),
            "abnormal": abnormal,
            "healthy": DATASET.numbers(rows, "healthy", path, highest=1),
            "exudate": exudate,
            "mask_exudate": outlines.fillna(without),
            "mask_hard_exudate": without,
            "mask_soft_exudate": without,
        }
    ).join(rows[["lesions", "diabetes", "disc_x", "disc_y"]].add_prefix("note_"))
    remarks = [
        "hard and soft exudates were not told apart: of either, only that there is none is known",
        f"'abnormal' is unknown for {int(abnormal.isna().sum())} eyes with an 'other bright lesion' and nothing else",
    ]
    return DATASET.reading(table, folder, remarks)


def _abnormal(lesions: str) -> int | None:
    if not lesions:
        return 0
    return 1 if set(lesions.split(";")) - NO_DISEASE_STATED else None


DATASET = Dataset(
    name="hei_med",
    title="HEI-MED, Hamilton Eye Institute Macular Edema Dataset (USA, 2010)",
    page="https://github.com/lgiancaUTH/HEI-MED",
    licence="non-commercial research",
    citation=(
        "Giancardo L, et al. Exudate-based diabetic macular edema detection in fundus images using publicly available "
        "datasets. Med Image Anal 2012;16(1):216-226. https://doi.org/10.1016/j.media.2011.07.004"
    ),
    read=read,
)
