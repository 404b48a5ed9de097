"""`predict`: a bundle's predictions of a manifest."""

from pathlib import Path

import typer

from eyeground.cli.data import CACHE, JOBS
from eyeground.console import Console
from eyeground.machine import usable_cores

MOST_UNREADABLE_SHOWN = 5


def predict(
    manifest: Path = typer.Argument(..., help="Manifest of photos, with the labels to hold the predictions against."),
    bundle: str = typer.Option(..., "--bundle", help="Bundle: its folder, or the name of a released one."),
    output: Path = typer.Option(..., "-o", "--output", help="Predictions table to write, .csv or .parquet."),
    embeddings: Path | None = typer.Option(
        None, "--embeddings", help="Also write what the model's last layer knows of each photo, for `evaluate`."
    ),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> None:
    """Write a bundle's probabilities of a manifest's photos beside their truths, without torch: external validation."""
    from eyeground.manifest import read_manifest
    from eyeground.predictions import write_predictions
    from eyeground.protocols.predict import predict_manifest
    from eyeground.screening.runtime import load
    from eyeground.tables import write_table

    console = Console(soft_wrap=True)
    found = predict_manifest(read_manifest(manifest), load(bundle), cache, jobs or usable_cores())
    write_predictions(found.predictions, output)
    if embeddings:
        write_table(found.embeddings, embeddings)
    for photo, reason in list(found.unreadable.items())[:MOST_UNREADABLE_SHOWN]:
        console.print(f"left out: {photo}: {reason}", markup=False)
    console.print(
        f"written: {output}, {len(found.predictions.table):,} photos; left out as unreadable: {len(found.unreadable):,}"
    )
