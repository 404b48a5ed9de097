"""`embed`: embeddings of photographs as a table, without a manifest and without torch."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import JOBS
from eyeground.cli.printing import print_lines
from eyeground.cli.screen import BUNDLE, PHOTOS
from eyeground.errors import NothingReadableError

if TYPE_CHECKING:
    from eyeground.screening.embedding import Embedded


def embed(
    photos: list[str] = PHOTOS,
    output: Path = typer.Option(..., "-o", "--output", help="Table to write, .parquet or .csv."),
    bundle: str | None = BUNDLE,
    jobs: int | None = JOBS,
) -> "Embedded":
    """Write the embedding of each photo (the features before the model's head), for a classifier, a search or a map of your own.

    One row each: `photo`, `patient` and `eye` where a manifest knows them, `reason` (empty, or why the photo could not be
    read), and `e0`, `e1`, … An interrupted run writes no table and starts again.
    """
    from eyeground.core.machine import save_address_space

    save_address_space()
    from eyeground.screening.embedding import embed as embed_photos
    from eyeground.screening.runtime import load

    screener = load(bundle)
    print_lines(f"model {screener.bundle.identity}{'' if bundle else ', the default'}")
    embedded = embed_photos(photos, screener, output, jobs)
    width = screener.bundle.description.embedding_size
    print_lines(
        *embedded.notes,
        f"written: {output}, {embedded.photos:,} photos with {width:,} numbers each, in {embedded.seconds:.1f} s; "
        f"unreadable, with a reason and without numbers: {embedded.unreadable:,}",
    )
    if embedded.unreadable == embedded.photos:
        raise NothingReadableError(embedded.photos, output)
    return embedded
