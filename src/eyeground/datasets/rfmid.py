"""RFMiD: 3,200 Indian photographs with 45 findings and an overall disease risk; see docs/datasets.md.

The archives of IEEE DataPort, their Kaggle copy and the RIADD challenge nest the same files in three ways; all are read.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading
from eyeground.datasets.findings import Vocabulary, vocabulary

RISK = "Disease_Risk"
CHALLENGE = "A. RFMiD_All_Classes_Dataset"
# Each part's table and photographs, in the places where the three archives have them.
PARTS = {
    "train": (
        ("Training_Set/RFMiD_Training_Labels.csv", "Training_Set/Training"),
        ("Training_Set/Training_Set/RFMiD_Training_Labels.csv", "Training_Set/Training_Set/Training"),
        (
            f"{CHALLENGE}/2. Groundtruths/a. RFMiD_Training_Labels.csv",
            f"{CHALLENGE}/1. Original Images/a. Training Set",
        ),
    ),
    "validation": (
        ("Evaluation_Set/RFMiD_Validation_Labels.csv", "Evaluation_Set/Validation"),
        ("Evaluation_Set/Evaluation_Set/RFMiD_Validation_Labels.csv", "Evaluation_Set/Evaluation_Set/Validation"),
        (
            f"{CHALLENGE}/2. Groundtruths/b. RFMiD_Validation_Labels.csv",
            f"{CHALLENGE}/1. Original Images/b. Validation Set",
        ),
    ),
    "test": (
        ("Test_Set/RFMiD_Testing_Labels.csv", "Test_Set/Test"),
        ("Test_Set/Test_Set/RFMiD_Testing_Labels.csv", "Test_Set/Test_Set/Test"),
        (
            f"{CHALLENGE}/2. Groundtruths/c. RFMiD_Testing_Labels.csv",
            f"{CHALLENGE}/1. Original Images/c. Testing Set",
        ),
    ),
}


def read(folder: Path) -> Reading:
    """Read the three parts."""
    table = pd.concat([_part(folder, split) for split in PARTS], ignore_index=True)
    return DATASET.reading(table, folder, ["patients are not published: each photo counts as one patient"])


def _part(folder: Path, split: str) -> pd.DataFrame:
    entry = DATASET.locate(folder, *(table for table, _ in PARTS[split]))
    photos = dict(PARTS[split])[entry]
    words = vocabulary("rfmid")
    rows = DATASET.table(folder, entry, ["ID", RISK, *words.names])
    table = pd.DataFrame(
        {
            "photo": photos + "/" + rows["ID"] + ".png",
            "patient": split + "-" + rows["ID"],
            "split": split,
        }
    )
    return table.join(_labels(rows, Path(folder) / entry, words))


def _labels(rows: pd.DataFrame, path: Path, words: Vocabulary) -> pd.DataFrame:
    codes = pd.DataFrame({code: DATASET.numbers(rows, code, path, highest=1) for code in words.names})
    marked = [[code for code in codes.columns if row[code] == 1] for row in codes.fillna(0).to_dict("records")]
    # Nothing marked means that nothing was found; the published risk then stands for the word 'abnormal'.
    derived = pd.DataFrame(
        [
            words.labels_of(found, unmentioned_is_absent=True) if found else dict.fromkeys(words.labels, 0)
            for found in marked
        ],
        dtype="Int64",
    )
    derived["abnormal"] = DATASET.numbers(rows, RISK, path, highest=1)
    own = codes.rename(columns=words.names)
    return derived.join(own[[name for name in own.columns if name not in derived.columns]])


DATASET = Dataset(
    name="rfmid",
    title="RFMiD, Retinal Fundus Multi-disease Image Dataset (India, 2021)",
    page="https://ieee-dataport.org/open-access/retinal-fundus-multi-disease-image-dataset-rfmid",
    licence="CC BY 4.0",
    citation=(
        "Pachade S, et al. Retinal Fundus Multi-Disease Image Dataset (RFMiD): a dataset for multi-disease detection "
        "research. Data 2021;6(2):14. https://doi.org/10.3390/data6020014"
    ),
    read=read,
)
