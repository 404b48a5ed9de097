"""`segment`: masks of structures, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eyeground.cli.options import MASK_VALUE
from eyeground.cli.printing import print_lines
from eyeground.errors import NothingReadableError, UserError

if TYPE_CHECKING:
    from eyeground.biomarkers.measurement import Told
    from eyeground.screening.segmenter import Segmenter
    from eyeground.screening.structure_set import StructureSet


def segment(
    photos: list[Path] | None = typer.Argument(
        None, help="Folders (walked through) and photos: JPEG, PNG, TIFF, BMP, PPM, DICOM."
    ),
    bundles: list[str] = typer.Option(
        [],
        "--bundle",
        help="Segmenter: its folder, or a name that `models` lists. Repeat for segmenters of other structures. Without it, every "
        "structure that an installed or pulled segmenter knows.",
    ),
    output: Path = typer.Option(..., "-o", "--output", help="Folder for masks/, overlays/, segments.csv."),
    masks: Path | None = typer.Option(
        None,
        "--masks",
        help="Manifest with masks of your own (columns mask_NAME): measure them in place of segmenting.",
    ),
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
        help="Measure the masks: eye, fovea, disc, cup, calibre (CRAE, CRVE, AVR), tortuosity, fractal dimension and more, with a JSON "
        "file and figures for each photo.",
    ),
    mm_per_pixel: float | None = typer.Option(
        None,
        "--mm-per-pixel",
        help="Millimetres on the retina per pixel of the photos; else the disc counts as 1.8 mm high.",
    ),
    camera_angle: float | None = typer.Option(
        None, "--camera-angle", help="Degrees of the field of view, for a scale from camera and --axial-length."
    ),
    axial_length: float | None = typer.Option(None, "--axial-length", help="Of the eyes in mm, with --camera-angle."),
    write: list[str] = typer.Option(
        [],
        "--write",
        help="Write this, too: label-map, probabilities (16-bit PNG), original-overlay (outlines at the photo's size), coco (run "
        "lengths of all masks in one file). Repeat for more.",
    ),
    threads: int | None = typer.Option(None, "--threads", min=1, help="Cores to compute on; all if not given."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the results of other segmenters in the folder."),
) -> "list[dict[str, Any]]":
    """Segment vessels, optic disc, fovea and lesions: masks of the photos' own size, pictures, areas and biomarkers.

    With `measure`, compare with the masks of annotators, and with a second annotator where there is one.
    """
    from eyeground.biomarkers.measurement import Told
    from eyeground.workflows.segment.segment import segment as segment_photos
    from eyeground.workflows.segment.segment import wanted

    if measure is not None and len(bundles) != 1:
        raise UserError("--measure takes one segmenter at a time; name one --bundle")
    if not photos and measure is None and masks is None:
        raise UserError("nothing to segment: name photos or folders, or a manifest with --measure or --masks")
    told = Told(mm_per_pixel=mm_per_pixel, camera_angle=camera_angle, axial_length=axial_length)
    outputs = wanted(biomarkers, write, told)
    if masks is not None:
        return _measured_masks(masks, mask_values, output, told, bool(photos or bundles or measure))
    chosen = _structure_set(bundles, threads)
    print_lines(
        *(
            f"model {one.bundle.identity}, segments {', '.join(names)}"
            for one, names in zip(chosen.segmenters, chosen.wanted, strict=True)
        )
    )
    if measure is not None:
        _measured_against(measure, mask_values, chosen.segmenters[0], output, absent)
    if not photos:
        return []
    rows = segment_photos(photos, chosen, output, outputs, overwrite)
    counts = {status: sum(row["status"] == status for row in rows) for status in ("drawn", "ungradable", "unreadable")}
    print_lines(
        f"{counts['drawn']:,} photos segmented, {counts['ungradable']:,} ungradable, {counts['unreadable']:,} unreadable",
        f"written: {output / 'masks'}, {output / 'overlays'}, {output / 'segments.csv'}",
    )
    if counts["unreadable"] == len(rows):
        raise NothingReadableError(len(rows), output / "segments.csv")
    return rows


def _structure_set(bundles: list[str], threads: int | None) -> "StructureSet":
    from eyeground.screening.segmenter import load_segmenter
    from eyeground.screening.structure_set import installed_set, named_set

    return named_set([load_segmenter(bundle, threads) for bundle in bundles]) if bundles else installed_set(threads)


def _measured_masks(
    masks: Path, mask_values: list[str], output: Path, told: "Told", is_mixed: bool
) -> "list[dict[str, Any]]":
    from eyeground.data.manifest import read_manifest
    from eyeground.imaging.masks import with_mask_values
    from eyeground.workflows.segment.own_masks import measure_own_masks

    if is_mixed:
        raise UserError("--masks measures the masks of its manifest; leave out photos, --bundle and --measure")
    rows = measure_own_masks(with_mask_values(read_manifest(masks), mask_values), output, told)
    print_lines(f"{len(rows):,} photos measured", f"written: {output / 'segments.csv'}")
    return rows


def _measured_against(
    measure: Path, mask_values: list[str], segmenter: "Segmenter", output: Path, absent: list[str]
) -> None:
    from eyeground.data.manifest import read_manifest
    from eyeground.imaging.masks import with_mask_values
    from eyeground.workflows.segment.measure import ESTIMATES, as_lines, measured_against

    manifest = with_mask_values(read_manifest(measure), mask_values)
    if "split" in manifest.table:
        manifest = manifest.in_split("test")
    print_lines(*as_lines(measured_against(manifest, segmenter, output, absent)), f"written: {output / ESTIMATES}")
