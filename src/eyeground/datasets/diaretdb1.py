"""DIARETDB1: 89 Finnish photographs of diabetic eyes with boxes around the optic disc and three kinds of lesions.

Read in the layout of our reduced copy. Boxes hold a quarter to half of the lesions' pixels, so a lesion without one is
unknown, never absent; 84 eyes have at least mild retinopathy, but which is not stated.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, photos_in

TABLE = "boxes.csv"
LESIONS = ("hard_exudate", "haemorrhage_or_microaneurysm")
BOXED = ("optic_disc", *LESIONS)
PLACE = ("x", "y", "width", "height")


def read(folder: Path) -> Reading:
    """Read the photographs; boxes are notes: centre, width and height as shares of the photograph's, one box after the other.

    The optic disc is also a mask, the ellipse in its box; and so are the boxes of each kind of lesion, `mask_boxed_<lesion>`.
    """
    rows = DATASET.table(folder, TABLE, ["photo", "what", *PLACE])
    what = DATASET.words(rows, "what", Path(folder) / TABLE, {name: name for name in BOXED})
    boxes = rows[list(PLACE)].agg(" ".join, axis=1)
    photos = pd.Series(photos_in(folder), dtype="string")
    joined = boxes.groupby([rows["photo"], what]).agg("; ".join).unstack()
    notes = joined.reindex(index=photos, columns=list(BOXED)).reset_index(drop=True)
    lesions = notes[list(LESIONS)].notna().astype("Int64").replace(0, pd.NA)
    table = pd.DataFrame({"photo": photos, "patient": photos.str.removesuffix(".jpg"), "abnormal": lesions.max(axis=1)})
    one_disc = notes["optic_disc"].where(~notes["optic_disc"].str.contains(";", na=False))
    table = table.join(lesions).join(notes.add_prefix("note_boxes_")).assign(mask_optic_disc="#ellipse " + one_disc)
    table = table.join(("#boxes " + notes[list(LESIONS)].astype("string")).add_prefix("mask_boxed_"))
    remarks = [
        "patients are not published: each photo counts as one patient",
        "a lesion without a box is unknown, and no eye is known to be normal: no AUROC can be had from this set alone",
    ]
    return DATASET.reading(table, folder, remarks)


DATASET = Dataset(
    name="diaretdb1",
    title="DIARETDB1, Standard Diabetic Retinopathy Database, Calibration Level 1 (Finland, 2007)",
    page="https://www.it.lut.fi/project/imageret/diaretdb1/",
    licence="(c) ImageRet, for research",
    citation=(
        "Kauppi T, et al. The DIARETDB1 diabetic retinopathy database and evaluation protocol. BMVC 2007:15.1-15.10. "
        "https://doi.org/10.5244/C.21.15"
    ),
    read=read,
)
