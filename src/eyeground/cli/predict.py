"""`predict`: a bundle's predictions of a manifest."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.data import CACHE, FOR_SPREADSHEETS, JOBS
from eyeground.cli.truths import TRUTH, columns_of_truths
from eyeground.core.console import Console
from eyeground.core.files import require_table_output
from eyeground.core.machine import usable_cores

if TYPE_CHECKING:
    from eyeground.data.predictions import Predictions

MOST_UNREADABLE_SHOWN = 5


def predict(
    manifest: Path = typer.Argument(..., help="Manifest of photos, with the labels to hold the predictions against."),
    bundle: str = typer.Option(..., "--bundle", help="Bundle: its folder, or the name of a released one."),
    output: Path = typer.Option(..., "-o", "--output", help="Predictions table to write, .csv or .parquet."),
    truth: list[str] = TRUTH,
    embeddings: Path | None = typer.Option(
        None, "--embeddings", help="Also write what the model's last layer knows of each photo, for `evaluate`."
    ),
    for_spreadsheets: bool = FOR_SPREADSHEETS,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Predictions":
    """Write a bundle's probabilities of a manifest's photos beside their truths, without torch: external validation.

    Each photo also has the status and unfamiliarity that screening gives it, and whether the bundle learned from this very
    file. Further columns of the manifest come along, but for masks and notes.
    """
    from eyeground.core.tables import write_table
    from eyeground.data.manifest import read_manifest
    from eyeground.data.predictions import write_predictions
    from eyeground.screening.runtime import load
    from eyeground.workflows.predict import predict_manifest
    from eyeground.workflows.truth_columns import match_truths

    for path in (output, embeddings):
        if path:
            require_table_output(path)
    console = Console(soft_wrap=True)
    photos, screener = read_manifest(manifest), load(bundle)
    truths = match_truths(photos, screener.bundle.description.targets, columns_of_truths(truth))
    for sentence in truths.messages:
        console.print(sentence, markup=False, highlight=False)
    found = predict_manifest(photos, screener, cache, jobs or usable_cores(), truths)
    write_predictions(found.predictions, output, for_spreadsheets)
    if embeddings:
        write_table(found.embeddings, embeddings, for_spreadsheets)
    for photo, reason in list(found.unreadable.items())[:MOST_UNREADABLE_SHOWN]:
        console.print(f"left out: {photo}: {reason}", markup=False)
    console.print(
        f"written: {output}, {len(found.predictions.table):,} photos; left out as unreadable: {len(found.unreadable):,}"
    )
    return found.predictions
