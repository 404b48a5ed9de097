"""Options of `screen`, `node` and `watch` that write results as DICOM and FHIR, and what they make."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.errors import UserError

if TYPE_CHECKING:
    from eyeground.screening.exports import Export
    from eyeground.screening.runtime import Screener

DICOM_OUT = typer.Option(
    None,
    "--dicom-out",
    help="Folder for the results of DICOM photos as DICOM objects of the same study: structured report, evidence map, readable page. "
    "Other photos have none.",
)
FHIR_OUT = typer.Option(
    None,
    "--fhir-out",
    help="Folder for the results as FHIR: one Bundle (JSON) per photo, checked before it is written.",
)
FHIR_RELEASE = typer.Option("R4", "--fhir-release", help="Release of FHIR: R4, as hospitals run it, or R5.")
SEGMENTERS = typer.Option(
    [],
    "--segmenter",
    help="With --dicom-out or --fhir-out: also the structures that this segmenter finds, its folder or a name that `models` lists; "
    "repeat for more.",
)
DEIDENTIFY = typer.Option(
    None,
    "--deidentify",
    help="De-identify what is written as DICOM and FHIR (Basic Profile of PS3.15), and write the photo beside its results. The file holds the "
    "secret key of the pseudonyms, and is made if missing: with the same key a patient keeps the pseudonym. Tables and report of -o are not changed.",
)


def exports_of(
    screener: "Screener",
    dicom_out: Path | None,
    segmenters: list[str],
    fhir_out: Path | None,
    fhir_release: str,
    deidentify: Path | None = None,
) -> "list[Export]":
    """What writes results in further forms, as it was asked for."""
    from eyeground.core.files import require_writable

    if segmenters and dicom_out is None and fhir_out is None:
        raise UserError("--segmenter is for --dicom-out and --fhir-out; to segment alone use `eyeground segment`")
    if deidentify is not None and dicom_out is None and fhir_out is None:
        raise UserError("--deidentify is for --dicom-out and --fhir-out")
    from eyeground.screening.segmenter import load_segmenter

    pseudonyms = None
    if deidentify is not None:
        from eyeground.serving.pseudonyms import pseudonyms_of

        pseudonyms = pseudonyms_of(deidentify)
    loaded = [load_segmenter(one, threads=1) for one in segmenters]
    exports: list[Export] = []
    if dicom_out is not None:
        from eyeground.serving.dicom.export import DicomExport

        require_writable(dicom_out)
        exports.append(DicomExport(dicom_out, screener, loaded, pseudonyms))
    if fhir_out is not None:
        from eyeground.serving.fhir.export import FhirExport

        require_writable(fhir_out)
        exports.append(FhirExport(fhir_out, screener, fhir_release, loaded, pseudonyms))
    return exports
