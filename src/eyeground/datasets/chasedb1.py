"""CHASE_DB1: both eyes of 14 British schoolchildren, vessels segmented by two annotators.

The publisher divides nothing, and papers train on the first 20 photographs or on others: `split` stays empty.
"""

import re
from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named, photos_in

EYES = {"L": "left", "R": "right"}


def read(folder: Path) -> Reading:
    """Read the 28 photographs with both vessel masks, and field-of-view masks where the folder `masks` has them."""
    DATASET.require(folder, ["."])
    found = [(photo, re.fullmatch(r"Image_(\d+)([LR])", Path(photo).stem)) for photo in photos_in(folder)]
    photos = [(photo, match) for photo, match in found if match]
    if not photos:
        DATASET.require(folder, ["Image_01L.jpg"])
    stems = [Path(photo).stem for photo, _ in photos]
    table = pd.DataFrame(
        {
            "photo": [photo for photo, _ in photos],
            "patient": [match[1] for _, match in photos],
            "eye": [EYES[match[2]] for _, match in photos],
            "device": "Nidek NM-200-D",
            "mask_vessel": named(folder, ".", [f"{stem}_1stHO" for stem in stems]),
            "mask_vessel_second": named(folder, ".", [f"{stem}_2ndHO" for stem in stems]),
            "mask_field_of_view": named(folder, "masks", stems),
        }
    )
    return DATASET.reading(table, folder, ["no split is published: name yours beside any result"])


DATASET = Dataset(
    name="chasedb1",
    title="CHASE_DB1, Child Heart and Health Study in England (United Kingdom, 2011)",
    page="https://researchdata.kingston.ac.uk/96/",
    licence="not stated by the publisher",
    citation=(
        "Fraz MM, et al. An ensemble classification-based approach applied to retinal blood vessel segmentation. "
        "IEEE Trans Biomed Eng 2012;59(9):2538-2548. https://doi.org/10.1109/TBME.2012.2205687"
    ),
    read=read,
)
