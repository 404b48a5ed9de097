"""Messidor-2: 1,748 French photographs, with the grades adjudicated by three retina specialists.

Photographs and the pairing of eyes come from ADCIS, grades from Krause et al. on Kaggle, where some file endings differ in
case (`.jpg` for `.JPG`), so names are compared without regard to case.
"""

import csv
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, photos_in

GRADES, PAIRS, PHOTOS = "messidor_data.csv", "messidor-2.csv", "IMAGES"
COLUMNS = ("image_id", "adjudicated_dr_grade", "adjudicated_dme", "adjudicated_gradable")


def read(folder: Path) -> Reading:
    """Read the graded photographs; an ungradable one has no labels but `gradable`."""
    DATASET.require(folder, [GRADES, PHOTOS])
    path = Path(folder) / GRADES
    rows = DATASET.table(folder, GRADES, COLUMNS)
    grade, oedema, gradable = (
        DATASET.numbers(rows, column, path, highest) for column, highest in zip(COLUMNS[1:], (4, 1, 1), strict=True)
    )
    found = {Path(photo).name.lower(): photo for photo in photos_in(folder, PHOTOS)}
    names = rows["image_id"].str.lower()
    eyes = _eyes(Path(folder) / PAIRS)
    affected = ((grade > 0) | (oedema > 0)).fillna(False)
    table = pd.DataFrame(
        {
            "photo": names.map(found).fillna(PHOTOS + "/" + rows["image_id"]),
            "patient": [eyes.get(name, (Path(name).stem, None))[0] for name in names],
            "eye": [eyes.get(name, (name, None))[1] for name in names],
            "device": "Topcon TRC NW6",
            "gradable": gradable,
            "abnormal": pd.Series(1, index=rows.index, dtype="Int64").where(affected),
            "diabetic_retinopathy": (grade > 0).astype("Int64"),
            "diabetic_retinopathy_grade": grade,
            "macular_oedema_referable": oedema,
        }
    )
    return DATASET.reading(table, folder, _remarks(eyes, names))


def _eyes(path: Path) -> dict[str, tuple[str, str]]:
    """Each photograph's patient (the stem of the left eye's file) and eye, by file name in lower case."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        pairs = [[cell.strip().lower() for cell in row] for row in csv.reader(stream, delimiter=";")]
    return {
        name: (Path(pair[0]).stem, eye)
        for pair in pairs
        if len(pair) >= 2 and Path(pair[0]).suffix
        for name, eye in zip(pair, ("left", "right"), strict=False)
        if name
    }


def _remarks(eyes: dict[str, tuple[str, str]], names: "pd.Series[str]") -> list[str]:
    remarks = ["only diabetic retinopathy and macular oedema were graded: 'abnormal' is unknown without them"]
    alone = int((~names.isin(eyes)).sum())
    if alone:
        remarks.append(
            f"WARNING: {alone} photos have no entry in '{PAIRS}' and count as one patient each, although the two eyes of "
            "a person were photographed: get the pairing from ADCIS before splitting"
        )
    return remarks


DATASET = Dataset(
    name="messidor2",
    title="Messidor-2 with adjudicated grades (France, 2014 and 2018)",
    page="https://www.adcis.net/en/third-party/messidor2/",
    licence="research and education, on request from ADCIS",
    citation=(
        "Decenciere E, et al. Feedback on a publicly distributed image database: the Messidor database. Image Anal "
        "Stereol 2014;33(3):231-234. https://doi.org/10.5566/ias.1155; grades: Krause J, et al. Grader variability and "
        "the importance of reference standards for evaluating machine learning models for diabetic retinopathy. "
        "Ophthalmology 2018;125(8):1264-1272. https://doi.org/10.1016/j.ophtha.2018.01.034"
    ),
    read=read,
)
