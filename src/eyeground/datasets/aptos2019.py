"""APTOS 2019 Blindness Detection: diabetic retinopathy grades 0-4 of Indian screening photographs.

Only the training half was published with grades; `test_images` is not read.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading

TABLE, PHOTOS = "train.csv", "train_images"


def read(folder: Path) -> Reading:
    """Read `train.csv` and the photographs of `train_images`."""
    DATASET.require(folder, [TABLE, PHOTOS])
    rows = DATASET.table(folder, TABLE, ["id_code", "diagnosis"])
    grade = DATASET.numbers(rows, "diagnosis", Path(folder) / TABLE, highest=4)
    table = pd.DataFrame(
        {
            "photo": PHOTOS + "/" + rows["id_code"] + ".png",
            "patient": rows["id_code"],
            "abnormal": (grade > 0).astype("Int64").where(grade > 0),
            "diabetic_retinopathy": (grade > 0).astype("Int64"),
            "diabetic_retinopathy_grade": grade,
        }
    )
    remarks = [
        "patients are not published: each photo counts as one patient",
        "the set holds duplicates: run `eyeground check` before splitting",
        "only diabetic retinopathy was graded: 'abnormal' is unknown at grade 0",
    ]
    return DATASET.reading(table, folder, remarks)


DATASET = Dataset(
    name="aptos2019",
    title="APTOS 2019 Blindness Detection (India, 2019)",
    page="https://www.kaggle.com/competitions/aptos2019-blindness-detection",
    licence="Kaggle competition rules",
    citation=(
        "Asia Pacific Tele-Ophthalmology Society. APTOS 2019 Blindness Detection. Kaggle, 2019. "
        "https://www.kaggle.com/competitions/aptos2019-blindness-detection"
    ),
    read=read,
)
