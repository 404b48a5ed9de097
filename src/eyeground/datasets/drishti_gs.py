"""Drishti-GS1: 101 Indian photographs for glaucoma in the published halves, disc and cup outlined by four experts.

Read in the layout of our reduced copy, whose masks are grey by the share of experts who marked a pixel.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading
from eyeground.imaging.masks import with_mask_values

TABLE = "drishti_gs.csv"
DIAGNOSES = {"normal": 0, "glaucoma": 1}
RATIOS = ("cdr_expert_1", "cdr_expert_2", "cdr_expert_3", "cdr_expert_4")

SHARES = ("optic_disc=share", "optic_cup=share")  # grey is the share of the four experts who marked a pixel


def read(folder: Path) -> Reading:
    """Read both halves; each expert's vertical cup-to-disc ratio is a note."""
    rows = DATASET.table(folder, TABLE, ["photo", "split", "diagnosis", *RATIOS])
    glaucoma = DATASET.words(rows, "diagnosis", Path(folder) / TABLE, DIAGNOSES).astype("Int64")
    stems = rows["photo"].str.removesuffix(".jpg")
    table = pd.DataFrame(
        {
            "photo": rows["photo"],
            "patient": stems.str.rsplit("_", n=1).str[-1],
            "split": rows["split"],
            "abnormal": glaucoma,
            "glaucoma": glaucoma,
            "mask_optic_disc": stems + "_disc.png",
            "mask_optic_cup": stems + "_cup.png",
        }
    ).join(rows[list(RATIOS)].add_prefix("note_"))
    remarks = [
        "patients are not published: each photo counts as one patient",
        "'normal' was judged for glaucoma: other diseases were not looked for in a published way",
    ]
    return with_mask_values(DATASET.reading(table, folder, remarks), SHARES)


DATASET = Dataset(
    name="drishti_gs",
    title="Drishti-GS1 (India, 2014)",
    page="https://cvit.iiit.ac.in/projects/mip/drishti-gs/mip-dataset2/Home.php",
    licence="not stated by the publisher",
    citation=(
        "Sivaswamy J, et al. Drishti-GS: retinal image dataset for optic nerve head (ONH) segmentation. ISBI 2014:53-56. "
        "https://doi.org/10.1109/ISBI.2014.6867807"
    ),
    read=read,
)
