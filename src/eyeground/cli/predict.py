"""`predict`: a bundle's predictions of a manifest."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import BUNDLE, CACHE, FOR_SPREADSHEETS, JOBS, TRUTH, truth_columns
from eyeground.cli.printing import print_left_out, print_lines
from eyeground.core.files import require_table_output
from eyeground.core.machine import usable_cores

if TYPE_CHECKING:
    from eyeground.data.predictions import Predictions


def predict(
    manifest: Path = typer.Argument(..., help="Manifest of photos, with the labels to compare the predictions with."),
    bundle: str = BUNDLE,
    output: Path = typer.Option(..., "-o", "--output", help="Predictions table to write, .csv or .parquet."),
    truth: list[str] = TRUTH,
    embeddings: Path | None = typer.Option(
        None, "--embeddings", help="Also write the embedding of each photo, for `evaluate`."
    ),
    for_spreadsheets: bool = FOR_SPREADSHEETS,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Predictions":
    """Write a bundle's probabilities of a manifest's photos with their truths, without torch: external validation.

    Each photo also has the status and unfamiliarity that screening gives it, and whether the bundle learned from this very
    file. Further columns of the manifest are copied, except masks and notes.
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
    photos, screener = read_manifest(manifest), load(bundle)
    truths = match_truths(photos, screener.bundle.description.targets, truth_columns(truth))
    print_lines(*truths.messages)
    found = predict_manifest(photos, screener, cache, jobs or usable_cores(), truths)
    write_predictions(found.predictions, output, for_spreadsheets)
    if embeddings:
        write_table(found.embeddings, embeddings, for_spreadsheets)
    print_left_out(found.unreadable)
    print_lines(
        f"written: {output}, {len(found.predictions.table):,} photos; left out as unreadable: {len(found.unreadable):,}"
    )
    return found.predictions
