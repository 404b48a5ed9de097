"""ODIR-5K in its Kaggle layout: `full_df.csv` and the cropped eye photos of `preprocessed_images/`.

Labels come from the keywords of the photo's own eye: the table's other columns describe the patient, or the first keyword
only; see docs/datasets.md.
"""

import re
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading
from eyeground.datasets.findings import vocabulary
from eyeground.errors import UserError

TABLE, PHOTOS = "full_df.csv", "preprocessed_images"
COLUMNS = (
    "ID",
    "Patient Age",
    "Patient Sex",
    "Left-Diagnostic Keywords",
    "Right-Diagnostic Keywords",
    "labels",
    "filename",
)
LETTERS = {
    "N": "normal",
    "D": "diabetes",
    "G": "glaucoma",
    "C": "cataract",
    "A": "amd",
    "H": "hypertension",
    "M": "myopia",
    "O": "other",
}
AGE_NOT_RECORDED = "1"  # fourteen patients; the next youngest are in their teens


def read(folder: Path) -> Reading:
    """Read the unpacked Kaggle archive, one row per eye photo."""
    DATASET.require(folder, [TABLE, PHOTOS])
    rows = DATASET.table(folder, TABLE, COLUMNS)
    eye = _eyes(rows["filename"], Path(folder) / TABLE)
    keywords = rows["Left-Diagnostic Keywords"].where(eye == "left", rows["Right-Diagnostic Keywords"])
    labels = _labels(keywords, Path(folder) / TABLE)
    ages = rows["Patient Age"].mask(rows["Patient Age"] == AGE_NOT_RECORDED)
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "photo": PHOTOS + "/" + rows["filename"],
                    "patient": rows["ID"],
                    "eye": eye,
                    "age": ages,
                    "sex": rows["Patient Sex"].str.lower(),
                }
            ),
            labels,
            pd.DataFrame({"note_keywords": keywords}),
        ],
        axis=1,
    )
    return DATASET.reading(table, folder, _remarks(rows, labels))


def keywords_of(text: str) -> tuple[str, ...]:
    """Split an eye's keywords at commas, full-width ('，') or not.

    >>> keywords_of("normal fundus，lens dust")
    ('normal fundus', 'lens dust')
    """
    return tuple(word.strip() for word in re.split("[，,]", text) if word.strip())


def _eyes(filenames: "pd.Series[str]", path: Path) -> "pd.Series[str]":
    eyes = filenames.str.extract(r"_(left|right)\.\w+$", expand=False)
    if eyes.isna().any():
        index = eyes.index[eyes.isna()][0]
        raise UserError(
            f"{path}, row {index + 2}: 'filename' does not end in '_left' or '_right', so the eye is unknown"
        )
    return eyes


def _labels(keywords: "pd.Series[str]", path: Path) -> pd.DataFrame:
    words = vocabulary("odir5k")
    eyes = keywords.fillna("").map(keywords_of)
    words.require((word for eye in eyes for word in eye), str(path))
    labels = pd.DataFrame([words.labels_of(eye, unmentioned_is_absent=True) for eye in eyes], dtype="Int64")
    labels.insert(1, "normal", 1 - labels["abnormal"])
    return labels


def _remarks(rows: pd.DataFrame, labels: pd.DataFrame) -> list[str]:
    # Kaggle's file writes ['N'], some copies of it N.
    letters = rows["labels"].str.extract("([NDGCAHMO])", expand=False)
    published = letters == "N"
    derived = labels["abnormal"] == 0
    differ = int((published != derived.fillna(False)).sum())
    denied = sum(
        int(((letters == letter) & (labels[label] == 0).fillna(False)).sum()) for letter, label in LETTERS.items()
    )
    return [
        f"normal or not: {differ} of {len(rows)} eyes differ between the keywords (used) and the published column 'labels'",
        f"{denied} of {len(rows)} eyes have a letter in 'labels' that their keywords deny; 'labels' holds only the first keyword",
        f"{int(labels['abnormal'].isna().sum())} eyes have only remarks on the photo and are unknown in every label",
        f"{int((rows['Patient Age'] == AGE_NOT_RECORDED).sum())} photos give the age as 1, which stands for 'not recorded'; left empty",
        "some eyes are near-duplicates across patients: run `eyeground check` before splitting",
    ]


DATASET = Dataset(
    name="odir5k",
    title="ODIR-5K, Ocular Disease Intelligent Recognition (China, 2019), Kaggle layout",
    page="https://www.kaggle.com/datasets/andrewmvd/ocular-disease-recognition-odir5k",
    licence="not stated by the publisher",
    citation=(
        "Peking University International Competition on Ocular Disease Intelligent Recognition (ODIR-2019), "
        "https://odir2019.grand-challenge.org"
    ),
    read=read,
)
