"""`standardise`: a manifest's standard photos packed in shards, for training far from the photographs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import CACHE, JOBS
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.core.files import require_writable
from eyeground.core.machine import usable_cores

if TYPE_CHECKING:
    from eyeground.scale.shards import Standardised


def standardise(
    manifest: Path = typer.Argument(..., help="Manifest of the photographs."),
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder of shards; `pretrain` and `adapt` take it as a manifest."
    ),
    side: int = typer.Option(
        224,
        min=32,
        max=4096,
        help="Side of the standard photos in pixels: preprocessing.side of the recipe, or the side of the bundle.",
    ),
    photos_per_shard: int = typer.Option(
        1000, "--photos-per-shard", min=1, help="Rows of the manifest in one tar file; about 60 MB at 224 px."
    ),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Standardised":
    """Pack the standard photos of a manifest with their labels in tar shards, to train from instead of the photographs.

    Each sample is a PNG and a JSON, as WebDataset reads them; index.parquet says where each lies, with checksums. Photos
    that cannot be read are left out and listed in unreadable.csv. An interrupted run continues when it is repeated.
    """
    from eyeground.config.training_recipe import Preprocessing
    from eyeground.data.manifest import read_manifest
    from eyeground.datasets.summary import report_remarks
    from eyeground.scale.shards import UNREADABLE
    from eyeground.scale.shards import standardise as pack

    require_writable(output)
    photos = read_manifest(manifest)
    report_remarks(photos, Console(soft_wrap=True))
    packed = pack(photos, output, Preprocessing(side=side), cache, jobs or usable_cores(), photos_per_shard)
    if len(packed.unreadable):
        first = packed.unreadable.iloc[0]
        print_lines(
            f"{len(packed.unreadable):,} photos cannot be read and are left out; the first is row {first['row']}, "
            f"{first['photo']}: {first['reason']}. All are in {output / UNREADABLE}"
        )
    there = packed.shards - packed.made
    print_lines(
        f"written: {output}, {packed.photos:,} photos in {packed.shards:,} shards, {packed.size / 1e6:,.1f} MB"
        + (f"; {there:,} of the shards were there" if there else "")
    )
    return packed
