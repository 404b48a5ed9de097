"""The evidence map as Secondary Capture: the photograph, the evidence beside it, the scale of its colours, and what it is, in words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from eyeground.screening.pictures import draw_finding
from eyeground.serving.dicom.attributes import common, finish, reference, study
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import PRELIMINARY, PRODUCT, RESEARCH_USE, Result

KIND, PLACE = "evidence map", 2
_STRIP, _TEXT = 48, 14  # pixels
_PAPER, _INK = (250, 250, 248), (40, 40, 44)


def evidence_map(source: Source, result: Result) -> Any:
    """Make the Secondary Capture of a photograph that could be read and whose model gives evidence.

    Returns:
        A pydicom data set.
    """
    from highdicom.sc import SCImage

    dataset = SCImage(
        pixel_array=sheet(source, result),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        **study(source),
        **common(source, result, KIND, PLACE, "Evidence map"),
    )
    # highdicom asks for an orientation, which a sheet of two pictures and text has not.
    dataset.PatientOrientation = []
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", "EVIDENCE"]
    dataset.BurnedInAnnotation = "YES"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.DerivationDescription = (
        f"Evidence map of {result.finding.model} for {result.finding.output}, beside the photograph. {RESEARCH_USE}"
    )[:1024]
    dataset.SourceImageSequence = [reference(source)]
    return finish(dataset, source)


def sheet(source: Source, result: Result) -> NDArray[np.uint8]:
    """The picture: uint8 RGB, the drawn finding with a strip of text below."""
    drawn = draw_finding(result.finding, result.picture)
    image = Image.new("RGB", (drawn.shape[1], drawn.shape[0] + _STRIP), _PAPER)
    image.paste(Image.fromarray(drawn))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT)
    eye = f"{source.eye} eye" if source.eye else "eye not stated"
    made = f"{PRODUCT} {result.version}, {result.finding.model}, {result.made:%Y-%m-%d %H:%M} UTC"
    for line, text in enumerate((f"{eye}. {made}", f"{RESEARCH_USE} {PRELIMINARY}")):
        draw.text((16, drawn.shape[0] + 2 + line * (_TEXT + 7)), text, fill=_INK, font=font)
    return np.asarray(image)
