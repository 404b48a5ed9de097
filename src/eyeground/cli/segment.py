"""`segment`: masks of structures, without torch."""

from pathlib import Path
from typing import Any

import typer

from eyeground.cli.options import MASK_VALUE
from eyeground.cli.printing import print_lines
from eyeground.errors import NothingReadableError, UserError


def segment(
    photos: list[Path] | None = typer.Argument(
        None, help="Folders (walked through) and photos: JPEG, PNG, TIFF, BMP, PPM, DICOM."
    ),
    bundles: list[str] = typer.Option(
        ...,
        "--bundle",
        help="Segmenter: its folder, or a name that `models` lists. Repeat for segmenters of other structures.",
    ),
    output: Path = typer.Option(..., "-o", "--output", help="Folder for masks/, overlays/, segments.csv."),
    measure: Path | None = typer.Option(
        None,
        "--measure",
        help="Manifest with masks (columns mask_NAME) to compare the segmentation with: Dice, AUROC and more, with 95 % intervals "
        "over patients, in structures.csv. Only its `test` photos where it has splits.",
    ),
    absent: list[str] = typer.Option(
        [],
        "--absent",
        help="Structure of which an empty mask cell of the manifest says that the photo shows none. Repeat for more.",
    ),
    mask_values: list[str] = MASK_VALUE,
    biomarkers: bool = typer.Option(
        False,
        "--biomarkers",
        help="Measure the masks: vessel density, fractal dimension, tortuosity and, where the optic disc is segmented, too, calibre.",
    ),
    threads: int | None = typer.Option(None, "--threads", min=1, help="Cores to compute on; all if not given."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the results of other segmenters in the folder."),
) -> "list[dict[str, Any]]":
    """Segment vessels, optic disc or lesions: masks of the photos' own size, pictures, and the area of each structure.

    With `measure`, compare with the masks of annotators, and with a second annotator where there is one.
    """
    from eyeground.screening.segmenter import load_segmenter
    from eyeground.workflows.segment.segment import segment as segment_photos

    if measure is not None and len(bundles) > 1:
        raise UserError("--measure takes one segmenter at a time; name one --bundle")
    if not photos and measure is None:
        raise UserError("nothing to segment: name photos or folders, or a manifest with --measure")
    segmenters = [load_segmenter(bundle, threads) for bundle in bundles]
    print_lines(*(f"model {one.bundle.identity}, segments {', '.join(one.structures)}" for one in segmenters))
    if measure is not None:
        from eyeground.data.manifest import read_manifest
        from eyeground.imaging.masks import with_mask_values
        from eyeground.workflows.segment.measure import ESTIMATES, as_lines, measured_against

        manifest = with_mask_values(read_manifest(measure), mask_values)
        if "split" in manifest.table:
            manifest = manifest.in_split("test")
        print_lines(
            *as_lines(measured_against(manifest, segmenters[0], output, absent)), f"written: {output / ESTIMATES}"
        )
    if not photos:
        return []
    rows = segment_photos(photos, segmenters, output, biomarkers, overwrite)
    unreadable = sum(row["status"] == "unreadable" for row in rows)
    print_lines(
        f"{len(rows) - unreadable:,} photos segmented, {unreadable:,} unreadable",
        f"written: {output / 'masks'}, {output / 'overlays'}, {output / 'segments.csv'}",
    )
    if unreadable == len(rows):
        raise NothingReadableError(len(rows), output / "segments.csv")
    return rows
