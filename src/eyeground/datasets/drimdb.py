"""DRIMDB: 216 photographs sorted by quality, for checking gradability and abstention; nothing is stated about disease.

`outlier` is no photograph of the posterior pole (an outer eye, a lens, a disc in close-up); `bad` is one of poor quality.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, photos_in

QUALITIES = {"Good": "good", "Bad": "bad", "Outlier": "outlier"}


def read(folder: Path) -> Reading:
    """Read the folders `Good`, `Bad` and `Outlier` into the label `quality`."""
    DATASET.require(folder, list(QUALITIES))
    rows = [
        (photo, Path(photo).stem, quality) for name, quality in QUALITIES.items() for photo in photos_in(folder, name)
    ]
    table = pd.DataFrame(rows, columns=["photo", "patient", "quality"])
    return DATASET.reading(table, folder, ["each photo counts as one patient"])


DATASET = Dataset(
    name="drimdb",
    title="DRIMDB, Diabetic Retinopathy Images Database (Turkey, 2014)",
    page="https://academictorrents.com/details/99811ba62918f8e73791d21be29dcc372d660305",
    licence="not stated by the publisher",
    citation=(
        "Sevik U, Kose C, Berber T, Erdol H. Identification of suitable fundus images using automated quality "
        "assessment methods. J Biomed Opt 2014;19(4):046006. https://doi.org/10.1117/1.JBO.19.4.046006"
    ),
    read=read,
)
