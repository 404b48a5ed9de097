"""The readable page as Encapsulated PDF."""

from typing import Any

from eyeground.serving.dicom.attributes import coded, common, finish, reference, study
from eyeground.serving.dicom.page import pdf_page
from eyeground.serving.dicom.source import Source
from eyeground.serving.result import Result
from eyeground.serving.terminology import concept

KIND, PLACE = "readable result", 3
_ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"


def readable_result(source: Source, result: Result) -> Any:
    """Make the document of a photograph, readable or not.

    Returns:
        A pydicom data set.
    """
    from highdicom.base import SOPClass

    dataset = SOPClass(
        sop_class_uid=_ENCAPSULATED_PDF,
        modality="DOC",
        **study(source),
        **common(source, result, KIND, PLACE, "Screening result"),
    )
    dataset.ConversionType = "WSD"
    dataset.BurnedInAnnotation = "YES"
    dataset.RecognizableVisualFeatures = "NO"
    dataset.AcquisitionDateTime = source.header.AcquisitionDateTime
    dataset.DocumentTitle = "Screening result (research use, preliminary)"
    dataset.ConceptNameCodeSequence = [coded(concept("imaging report"))]
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.SourceInstanceSequence = [reference(source)]
    content = pdf_page(source, result)
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    return finish(dataset, source)
