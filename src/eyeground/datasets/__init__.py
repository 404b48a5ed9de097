"""Public fundus datasets: one module each, from the publisher's folder layout to a `Manifest`; see docs/datasets.md.

`folder`, `table` and `dicom` read what is not published: a folder per class, a table of your own, a DICOM export.
"""

from eyeground.datasets import (
    aptos2019,
    chasedb1,
    diaretdb1,
    drimdb,
    drishti_gs,
    drive,
    eyepacs,
    fives,
    hei_med,
    hrf,
    idrid,
    jsiec,
    messidor2,
    odir5k,
    papila,
    refuge,
    rfmid,
    stare,
    unam,
)
from eyeground.datasets.dataset import Dataset, Reading
from eyeground.datasets.dicom import read_dicom_folder
from eyeground.datasets.folder import read_class_folders
from eyeground.datasets.summary import summary
from eyeground.datasets.table import read_labelled_table

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        aptos2019.DATASET,
        chasedb1.DATASET,
        diaretdb1.DATASET,
        drimdb.DATASET,
        drishti_gs.DATASET,
        drive.DATASET,
        eyepacs.DATASET,
        fives.DATASET,
        hei_med.DATASET,
        hrf.DATASET,
        hrf.HRF_ARTERY_VEIN,
        idrid.IDRID,
        idrid.IDRID_SEGMENTATION,
        jsiec.DATASET,
        messidor2.DATASET,
        odir5k.DATASET,
        papila.DATASET,
        refuge.DATASET,
        rfmid.DATASET,
        stare.DATASET,
        unam.DATASET,
    )
}

__all__ = [
    "DATASETS",
    "Dataset",
    "Reading",
    "read_class_folders",
    "read_dicom_folder",
    "read_labelled_table",
    "summary",
]
