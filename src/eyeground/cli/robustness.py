"""`robustness`: a bundle's results on corrupted photos."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from eyeground.cli.options import BUNDLE, CACHE, JOBS, RESAMPLES
from eyeground.cli.printing import print_left_out, print_lines
from eyeground.core.console import Console
from eyeground.core.machine import usable_cores

if TYPE_CHECKING:
    import pandas as pd

    from eyeground.evaluation.robustness.robustness import Robustness


def robustness(
    manifest: Path = typer.Argument(..., help="Manifest of photos with labels that the bundle predicts."),
    bundle: str = BUNDLE,
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for robustness.csv, figure, severities.png and predictions."
    ),
    corruptions: str | None = typer.Option(
        None,
        "--corruptions",
        help="Corruptions by name, separated by commas; all if not given: defocus, motion_blur, low_resolution, jpeg, "
        "too_dark, too_bright, uneven_illumination, colour_cast, sensor_noise, haze, crop, rotation.",
    ),
    sample: int | None = typer.Option(
        None,
        "--sample",
        min=1,
        help="Patients to sample at random. Every photo is predicted 61 times: 200 patients are usually enough.",
    ),
    every_photo: bool = typer.Option(
        False, "--every-photo", help="Take all photos, whatever their split: for a model that has seen none of them."
    ),
    resamples: int = RESAMPLES,
    seed: int = typer.Option(0, min=0, help="Seed of the sample, the corruptions and the resamples."),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Robustness":
    """Corrupt photos as happens in clinics, at five severities, and measure a bundle's AUROC and decisions on them.

    Twelve corruptions (blur, compression, light, colour, noise, haze, cut and tilted photos) from severity 1, barely
    visible, to 5, which a grader would reject; severities.png shows them on a rendered photo. Corrupted and clean
    photos are compared in pairs: for each corruption and severity AUROC, its change, and the share of decisions that flip
    at the bundle's thresholds, each with a 95 % interval over patients.

    Test photos are taken, or all where the manifest has no splits. An interrupted run continues where it stopped.
    """
    from eyeground.core.files import replacing
    from eyeground.core.tables import write_table
    from eyeground.data.manifest import read_manifest
    from eyeground.evaluation.reporting.figure_style import save_figure
    from eyeground.evaluation.robustness.robustness import robustness as measured
    from eyeground.evaluation.robustness.section import (
        brief_table,
        mean_table,
        robustness_section,
        robustness_table,
    )
    from eyeground.imaging.corruptions import CORRUPTIONS
    from eyeground.screening.runtime import load
    from eyeground.workflows.robustness.corrupt import CorruptionPlan, corrupt_manifest
    from eyeground.workflows.robustness.severity_sheet import severity_sheet

    console = Console(soft_wrap=True)
    names = tuple(dict.fromkeys(name.strip() for name in corruptions.split(","))) if corruptions else tuple(CORRUPTIONS)
    plan = CorruptionPlan(names, sample, every_photo, seed)
    screener = load(bundle)
    predictions, unreadable = corrupt_manifest(
        read_manifest(manifest), screener, plan, output, cache, jobs or usable_cores()
    )
    print_left_out(unreadable)
    write_table(predictions.table(), output / "predictions.parquet")
    result = measured(predictions, screener.bundle.description.operating_points, resamples, seed)
    section = robustness_section(result)
    write_table(robustness_table(result), output / "robustness.csv")
    for block in section.figures:
        save_figure(block.figure, output, block.name)
    with replacing(output / "severities.png") as partial:
        severity_sheet(names, seed).savefig(partial, format="png", dpi=200)
    print_lines(*section.paragraphs)
    for found in result.outputs:
        console.rule(found.output, align="left")
        console.print(_table(mean_table(found)), _table(brief_table(result, found)))
    print_lines(f"written: {output}")
    return result


def _table(cells: "pd.DataFrame") -> Table:
    table = Table(*cells.columns, box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for row in cells.itertuples(index=False):
        table.add_row(*map(str, row))
    return table
