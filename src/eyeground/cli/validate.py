"""`predict` and `evaluate`: a bundle's predictions, and figures with intervals from any predictions table."""

from pathlib import Path

import typer
from rich.console import Console

from eyeground.cli.data import CACHE, JOBS
from eyeground.machine import usable_cores

MOST_UNREADABLE_SHOWN = 5


def predict(
    manifest: Path = typer.Argument(..., help="Manifest of photos, with the labels to hold the predictions against."),
    bundle: str = typer.Option(..., "--bundle", help="Bundle: its folder, or the name of a released one."),
    output: Path = typer.Option(..., "-o", "--output", help="Predictions table to write, .csv or .parquet."),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> None:
    """Write a bundle's probabilities of a manifest's photos beside their truths, without torch: external validation."""
    from eyeground.manifest import read_manifest
    from eyeground.predictions import write_predictions
    from eyeground.protocols.predict import predict_manifest
    from eyeground.screening.runtime import load

    console = Console(soft_wrap=True)
    predictions, unreadable = predict_manifest(read_manifest(manifest), load(bundle), cache, jobs or usable_cores())
    write_predictions(predictions, output)
    for photo, reason in list(unreadable.items())[:MOST_UNREADABLE_SHOWN]:
        console.print(f"left out: {photo}: {reason}", markup=False)
    console.print(f"written: {output}, {len(predictions.table):,} photos; left out as unreadable: {len(unreadable):,}")


def evaluate(
    predictions: Path = typer.Argument(
        ..., help="Table with photo, patient, truth_<output> and probability_<output>; see docs/predictions.md."
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for metrics.json, metrics.csv, metrics.md and figures."
    ),
    resamples: int = typer.Option(2000, min=0, help="Bootstrap resamples of patients behind each 95 % interval."),
    seed: int = typer.Option(0, min=0, help="Seed of the resamples."),
    bundle: str | None = typer.Option(
        None, "--bundle", help="Use this bundle's thresholds, chosen when it was trained."
    ),
    every_photo: bool = typer.Option(
        False,
        "--every-photo",
        help="Evaluate all photos, whatever their split: for a model that has seen none of them.",
    ),
) -> None:
    """AUROC, AUPRC, sensitivity, specificity and more, per output and on average, each with a 95 % interval over patients.

    Thresholds are a bundle's, or chosen on the table's validation photos; never on test photos.
    """
    from eyeground.bundle import open_bundle
    from eyeground.evaluation import evaluate as figures
    from eyeground.evaluation.tables import write_evaluation
    from eyeground.predictions import Predictions, read_predictions

    console = Console(soft_wrap=True)
    table = read_predictions(predictions)
    if every_photo:
        table = Predictions(table.table.drop(columns="split", errors="ignore"))
    points = open_bundle(bundle).description.operating_points if bundle else ()
    known = [point for point in points if point.output in table.outputs]
    write_evaluation(figures(table, known, resamples=resamples, seed=seed), table, output)
    console.print((output / "metrics.md").read_text(encoding="utf-8"), markup=False, highlight=False)
    console.print(f"written: {output}")
