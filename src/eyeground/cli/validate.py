"""`evaluate`: figures with intervals from a predictions table, ours or anyone's."""

from pathlib import Path

import typer
from rich.console import Console


def evaluate(
    predictions: Path = typer.Argument(
        ..., help="Table with photo, patient, truth_<output> and probability_<output>; see docs/predictions.md."
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for metrics.json, metrics.csv, metrics.md and figures."
    ),
    resamples: int = typer.Option(2000, min=0, help="Bootstrap resamples of patients behind each 95 % interval."),
    seed: int = typer.Option(0, min=0, help="Seed of the resamples."),
) -> None:
    """AUROC, AUPRC, sensitivity, specificity and more, per output and on average, each with a 95 % interval over patients.

    Thresholds are chosen on the table's validation photos, never on test photos.
    """
    from eyeground.evaluation import evaluate as figures
    from eyeground.evaluation.tables import write_evaluation
    from eyeground.predictions import read_predictions

    console = Console(soft_wrap=True)
    table = read_predictions(predictions)
    write_evaluation(figures(table, resamples=resamples, seed=seed), table, output)
    console.print((output / "metrics.md").read_text(encoding="utf-8"), markup=False, highlight=False)
    console.print(f"written: {output}")
