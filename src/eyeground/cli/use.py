"""`screen` and `inspect`: a bundle at work, without torch."""

from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from eyeground.cli.data import JOBS
from eyeground.errors import EXIT_NOTHING_USABLE

BUNDLE = typer.Option(..., "--bundle", help="Bundle to screen with: its folder, or the name of a released one.")


def screen(
    photos: list[Path] = typer.Argument(..., help="Folders (walked through) and photos: JPEG, PNG, TIFF, DICOM."),
    bundle: str = BUNDLE,
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for results.csv, results.parquet, overlays and report.html."
    ),
    jobs: int | None = JOBS,
) -> None:
    """Screen photos: one row each with status, reason and probabilities, an evidence map, and a report for the browser.

    A photo that cannot be read is a row with its reason. An interrupted screening goes on where it stopped.
    """
    from eyeground.screening.batch import screen as screen_photos
    from eyeground.screening.runtime import load

    console = Console(soft_wrap=True)
    screened = screen_photos(photos, load(bundle), output, jobs)
    for note in screened.notes:
        console.print(note, markup=False)
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(screened.counts.items()))
    console.print(f"{screened.photos:,} photos in {screened.seconds:.1f} s: {counts}")
    console.print(f"written: {screened.report} (open it in a browser), {output / 'results.csv'}")
    if set(screened.counts) == {"unreadable"}:
        raise typer.Exit(EXIT_NOTHING_USABLE)


def inspect(bundle: str = typer.Argument(..., help="Bundle: its folder, or the name of a released one.")) -> None:
    """Verify a bundle (hashes, tensors, label map) and say what is in it."""
    from eyeground.bundle import open_bundle

    opened = open_bundle(bundle)
    description = opened.description
    console = Console(soft_wrap=True)
    facts = Table(show_header=False, box=None)
    facts.add_row("model", opened.identity)
    facts.add_row("made", f"{description.created} by eyeground {description.made_by}")
    facts.add_row("backbone", f"{description.architecture.backbone}, {description.architecture.head} head")
    facts.add_row("input", f"{description.preprocessing.side} x {description.preprocessing.side} px")
    facts.add_row("outputs", ", ".join(description.outputs))
    for point in description.operating_points:
        facts.add_row("threshold", f"{point.output}: {point.threshold:.4f} ({point.rule} on {point.chosen_on})")
    training = description.training
    facts.add_row(
        "trained on", f"{training.photos:,} photos of {training.patients:,} patients, from {training.initialisation}"
    )
    facts.add_row("licence", description.licence)
    console.print(facts)
    console.print(f"verified: {len(description.files)} files, {len(description.tensors)} tensors")
