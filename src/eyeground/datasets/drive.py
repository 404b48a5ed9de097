"""DRIVE: 40 photographs of a Dutch screening programme, vessels segmented by hand, in the official halves.

Arteries and veins of other annotators are read from `av` where it is there: 1 artery, 2 vein, 3 crossing. The test folder
is `test` or `testing` by the age of the archive, and newer ones have no masks in it; either is read.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, named, photos_in
from eyeground.imaging.masks import with_mask_values

VALUES = ("artery=1,3", "vein=2,3")


def read(folder: Path) -> Reading:
    """Read both halves, with vessel and field-of-view masks."""
    halves = {"train": "training", "test": DATASET.locate(folder, "testing", "test")}
    DATASET.require(folder, [f"{half}/images" for half in halves.values()])
    table = pd.concat([_half(folder, split, half) for split, half in halves.items()], ignore_index=True)
    reading = DATASET.reading(table, folder, ["each photo counts as one patient"])
    return with_mask_values(reading, VALUES) if "mask_artery" in table else reading


def _half(folder: Path, split: str, half: str) -> pd.DataFrame:
    photos = photos_in(folder, f"{half}/images")
    stems = [Path(photo).stem for photo in photos]
    numbers = [stem.split("_")[0] for stem in stems]
    arteries = named(folder, f"{half}/av", [f"{number}_av" for number in numbers])
    columns = {"mask_artery": arteries, "mask_vein": arteries} if any(arteries) else {}
    return pd.DataFrame(
        {
            "photo": photos,
            "patient": numbers,
            "split": split,
            "device": "Canon CR5",
            "mask_vessel": named(folder, f"{half}/1st_manual", [f"{number}_manual1" for number in numbers]),
            "mask_vessel_second": named(folder, f"{half}/2nd_manual", [f"{number}_manual2" for number in numbers]),
            "mask_field_of_view": named(folder, f"{half}/mask", [f"{stem}_mask" for stem in stems]),
            **columns,
        }
    )


DATASET = Dataset(
    name="drive",
    title="DRIVE, Digital Retinal Images for Vessel Extraction (Netherlands, 2004)",
    page="https://drive.grand-challenge.org",
    licence="not stated by the publisher",
    citation=(
        "Staal J, Abramoff MD, Niemeijer M, Viergever MA, van Ginneken B. Ridge-based vessel segmentation in color "
        "images of the retina. IEEE Trans Med Imaging 2004;23(4):501-509. https://doi.org/10.1109/TMI.2004.825627"
    ),
    read=read,
)
