"""All DICOM objects of one photograph's result, in the photograph's own study; which of them there are depends on its status.

Readable photographs get a structured report, an evidence map where the model gives one, a readable page, and a segmentation of each
segmenter that was asked for. An unreadable one gets report and page, which say so.
"""

import warnings
from typing import Any

from eyeground.imaging.limits import RefusedError
from eyeground.serving.dicom.document import readable_result
from eyeground.serving.dicom.evidence import evidence_map
from eyeground.serving.dicom.report import structured_report
from eyeground.serving.dicom.segmentation import segmentation
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import Result


def dicom_objects(source: Source, result: Result) -> dict[str, Any]:
    """Make the objects.

    Args:
        source: Header of the photograph.
        result: Of the same photograph.

    Returns:
        Name of a file without ending, such as `report`, to a pydicom data set.

    Raises:
        RefusedError: If the photograph's header or class is one that no results can be made with.
    """
    warnings.filterwarnings("ignore", module=r"(high|py)dicom\b")  # they quote names of patients
    try:
        return _made(source, result)
    except Exception as error:  # whatever a header that is within the standard's letter may still lead to
        raise RefusedError(f"its results cannot be made as DICOM objects ({type(error).__name__})") from error


def _made(source: Source, result: Result) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if source.width:  # else there is nothing that a region could be marked on
        made["report"] = structured_report(source, result)
    if result.finding.evidence is not None and result.picture.size:
        made["evidence"] = evidence_map(source, result)
    made["page"] = readable_result(source, result)
    for place, (identity, segmented) in enumerate(sorted(result.segmented.items())):
        made[f"segmentation-{place + 1}"] = segmentation(source, result, identity, segmented, place)
    return made
