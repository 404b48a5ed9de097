"""UNAM: 545 photographs of three Mexican clinics, graded for diabetic retinopathy and diabetic macular oedema.

Grades are read from `unam.csv` of our reduced copy. NPDR is grade 1, 2 or 3, so the grade of such an eye is unknown.
"""

from pathlib import Path

import pandas as pd

from eyeground.datasets.dataset import Dataset, Reading

TABLE = "unam.csv"
RETINOPATHY = {"0": 0, "NPDR": 1, "PDR": 1}
GRADES = {"0": 0, "NPDR": None, "PDR": 4}


def read(folder: Path) -> Reading:
    """Read the graded photographs, both eyes of most patients."""
    rows = DATASET.table(folder, TABLE, ["photo", "patient", "eye", "DME", "DR"])
    path = Path(folder) / TABLE
    oedema = DATASET.numbers(rows, "DME", path, highest=1)
    retinopathy = DATASET.words(rows, "DR", path, RETINOPATHY).astype("Int64")
    grade = DATASET.words(rows, "DR", path, GRADES).astype("Int64")
    table = pd.DataFrame(
        {
            "photo": rows["photo"],
            "patient": rows["patient"],
            "eye": rows["eye"],
            "abnormal": ((retinopathy > 0) | (oedema > 0)).astype("Int64"),
            "diabetic_retinopathy": retinopathy,
            "diabetic_retinopathy_grade": grade,
            "macular_oedema": oedema,
        }
    )
    remarks = [
        "no retinopathy and no macular oedema counts as normal, though graders looked for these two only",
        f"{int((retinopathy.eq(1) & grade.isna()).sum())} eyes are 'NPDR', grade 1, 2 or 3: their grade is unknown",
    ]
    return DATASET.reading(table, folder, remarks)


DATASET = Dataset(
    name="unam",
    title="UNAM, eye fundus photographs of three clinics (Mexico, 2015-2022)",
    page="https://doi.org/10.1016/j.compbiomed.2024.107979",
    licence="not stated by the publisher",
    citation=(
        "Hughes-Cano JA, et al. Improved predictive diagnosis of diabetic macular edema based on hybrid models: an "
        "observational study. Comput Biol Med 2024;170:107979. https://doi.org/10.1016/j.compbiomed.2024.107979"
    ),
    read=read,
)
