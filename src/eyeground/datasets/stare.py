"""STARE: 20 photographs of the American STARE project, vessels segmented by two annotators, without splits or patients.

`labels-ah` (Adam Hoover) is the usual reference; `labels-vk` (Valentina Kouznetsova) has more of the fine vessels.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named, photos_in
from eyeground.errors import UserError


def read(folder: Path) -> Reading:
    """Read the photographs of `stare-images` with both vessel masks."""
    folder = Path(folder)
    DATASET.require(folder, ["stare-images", "labels-ah"])
    packed = [place for place in ("stare-images", "labels-ah", "labels-vk") if any((folder / place).glob("*.gz"))]
    if packed:
        raise UserError(f"{folder}: unpack the pictures first: gunzip {' '.join(f'{place}/*.gz' for place in packed)}")
    photos = photos_in(folder, "stare-images")
    stems = [Path(photo).stem for photo in photos]
    table = pd.DataFrame(
        {
            "photo": photos,
            "patient": stems,
            "device": "Topcon TRV-50",
            "mask_vessel": named(folder, "labels-ah", [f"{stem}.ah" for stem in stems]),
            "mask_vessel_second": named(folder, "labels-vk", [f"{stem}.vk" for stem in stems]),
        }
    )
    return DATASET.reading(
        table, folder, ["each photo counts as one patient", "no split is published: name yours beside any result"]
    )


DATASET = Dataset(
    name="stare",
    title="STARE, Structured Analysis of the Retina (USA, 2000)",
    page="https://cecas.clemson.edu/~ahoover/stare/",
    licence="not stated by the publisher",
    citation=(
        "Hoover A, Kouznetsova V, Goldbaum M. Locating blood vessels in retinal images by piecewise threshold probing "
        "of a matched filter response. IEEE Trans Med Imaging 2000;19(3):203-210. https://doi.org/10.1109/42.845178"
    ),
    read=read,
)
