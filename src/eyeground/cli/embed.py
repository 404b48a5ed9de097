"""`embed`: what a model's last layer knows of photographs, as a table, without a manifest and without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.data import JOBS
from eyeground.cli.screen import BUNDLE, PHOTOS
from eyeground.core.console import Console
from eyeground.errors import NothingReadableError

if TYPE_CHECKING:
    from eyeground.screening.embedding import Embedded


def embed(
    photos: list[str] = PHOTOS,
    output: Path = typer.Option(..., "-o", "--output", help="Table to write, .parquet or .csv."),
    bundle: str | None = BUNDLE,
    jobs: int | None = JOBS,
) -> "Embedded":
    """Write what the model's last layer knows of each photo, for a classifier, a search or a map of your own.

    One row each: `photo`, `patient` and `eye` where a manifest knows them, `reason` (empty, or why the photo could not be
    read), and `e0`, `e1`, … An interrupted run writes no table and starts again.
    """
    from eyeground.core.machine import save_address_space

    save_address_space()
    from eyeground.screening.embedding import embed as embed_photos
    from eyeground.screening.runtime import load

    console = Console(soft_wrap=True)
    screener = load(bundle)
    console.print(f"model {screener.bundle.identity}{'' if bundle else ', the default'}", highlight=False)
    embedded = embed_photos(photos, screener, output, jobs)
    for note in embedded.notes:
        console.print(note, markup=False)
    width = screener.bundle.description.embedding_size
    console.print(
        f"written: {output}, {embedded.photos:,} photos with {width:,} numbers each, in {embedded.seconds:.1f} s; "
        f"unreadable, with a reason and without numbers: {embedded.unreadable:,}",
        markup=False,
    )
    if embedded.unreadable == embedded.photos:
        raise NothingReadableError(embedded.photos, output)
    return embedded
