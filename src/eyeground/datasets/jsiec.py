"""JSIEC: 1,000 Chinese photographs filed under 39 headings, one heading each; see docs/datasets.md.

A heading states its own disease and nothing about others: an eye under 'DR1' may have a membrane as well.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading, photos_in
from eyeground.datasets.findings import vocabulary

FIRST_HEADING = "0.0.Normal"
ARCHIVE = "1000images"


def read(folder: Path) -> Reading:
    """Read the heading folders, in `folder` itself or in its `1000images`."""
    place = Path(DATASET.locate(folder, FIRST_HEADING, f"{ARCHIVE}/{FIRST_HEADING}")).parent
    inside = Path(folder) / place
    headings = sorted(
        path.name
        for path in inside.iterdir()
        if path.is_dir() and path.name != ARCHIVE and not path.name.startswith(".")
    )
    words = vocabulary("jsiec")
    words.require(headings, str(inside))
    rows = [(photo, heading) for heading in headings for photo in photos_in(folder, (place / heading).as_posix())]
    table = pd.DataFrame(rows, columns=["photo", "heading"])
    labels = {heading: words.labels_of([heading], unmentioned_is_absent=False) for heading in headings}
    table["patient"] = [f"{heading}-{Path(photo).stem}" for photo, heading in rows]
    table = table.join(pd.DataFrame([labels[heading] for _, heading in rows], dtype="Int64"))
    missing = len(words.words) - len(headings)
    remarks = [
        "patients are not published: each photo counts as one patient",
        "one heading per photo: diseases other than the heading's are unknown, not absent",
    ]
    return DATASET.reading(
        table, folder, remarks + ([f"{missing} of the 39 headings are not there"] if missing else [])
    )


DATASET = Dataset(
    name="jsiec",
    title="JSIEC, 1000 fundus images with 39 categories (China, 2021)",
    page="https://doi.org/10.5281/zenodo.3477553",
    licence="as stated on its Zenodo page",
    citation=(
        "Cen LP, et al. Automatic detection of 39 fundus diseases and conditions in retinal photographs using deep "
        "neural networks. Nature Communications 2021;12:4828. https://doi.org/10.1038/s41467-021-25138-w"
    ),
    read=read,
)
