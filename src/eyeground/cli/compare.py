"""`compare`: models on the same photos, from their predictions tables alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from eyeground.cli.options import RESAMPLES, SEED, pair
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.core.files import require_writable
from eyeground.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from eyeground.evaluation.comparing.comparison import Comparison
    from eyeground.evaluation.comparing.thresholds import Threshold


def compare(
    predictions: list[Path] = typer.Argument(
        ..., help="Two or more predictions tables of the same photos; see docs/predictions.md."
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for comparison.csv, comparison.md, forest.svg and forest.png."
    ),
    names: list[str] = typer.Option(
        [], "--name", help="Name of each model, once per table and in their order; the files' names if not given."
    ),
    reference: str | None = typer.Option(
        None, "--reference", help="Compare each model with this one; each with each if not given."
    ),
    outputs: list[str] = typer.Option(
        [], "--target", help="Output of the models to compare; repeat for more. All that the models share if not given."
    ),
    every_photo: bool = typer.Option(
        False,
        "--every-photo",
        help="Compare on all photos, whatever their split: for models that have seen none of them.",
    ),
    margin: float | None = typer.Option(
        None,
        help="Largest loss that would not matter, such as 0.02, chosen in advance: gives every difference a verdict.",
    ),
    rule: str = typer.Option(
        "youden", help="How thresholds are chosen on validation photos: youden, sensitivity=0.95 or specificity=0.95."
    ),
    bundles: list[str] = typer.Option(
        [], "--bundle", help="Use a bundle's thresholds for a model, as MODEL=BUNDLE; repeat for more."
    ),
    thresholds: list[str] = typer.Option(
        [], "--threshold", help="Use this threshold for a model, as MODEL=0.42, where one output is compared."
    ),
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> "Comparison":
    """Which of several models is better, by how much, and how certain this is: AUROC, sensitivity and specificity on the same photos.

    Photos that one model lacks are left out. Differences have 95 % intervals over patients, tests that treat the two
    eyes of a patient as one patient, and p-values adjusted for their number. With a margin, each is called superior, non-inferior,
    equivalent, inferior or inconclusive, from its interval.

    Example: eyeground compare imagenet.parquet fundus.parquet --reference imagenet --margin 0.02 -o comparison
    """
    from eyeground.data.predictions import read_predictions
    from eyeground.evaluation.comparing.comparison import compare as compared
    from eyeground.evaluation.comparing.report import paragraphs, write_comparison
    from eyeground.evaluation.comparing.shared_photos import shared_outputs
    from eyeground.evaluation.comparing.tables import models_table, overview_table

    require_writable(output)
    tables = [read_predictions(path, needs=()) for path in predictions]
    if every_photo:
        tables = [table.of_every_split() for table in tables]
    models = dict(zip(_names(predictions, names), tables, strict=True))
    wanted = shared_outputs(models, tuple(outputs))
    comparison = compared(
        models,
        wanted,
        reference,
        margin,
        rule,
        _thresholds(list(models), wanted, bundles, thresholds),
        resamples,
        seed,
    )
    write_comparison(comparison, output)
    print_lines(*dict.fromkeys(remark for table in tables for remark in table.remarks))
    print_lines(*(f"{paragraph}\n" for paragraph in paragraphs(comparison)))
    for table in (models_table(comparison), overview_table(comparison)):
        _print(table)
    print_lines(f"written: {output}")
    return comparison


def _names(tables: Sequence[Path], given: Sequence[str]) -> list[str]:
    """The models' names: those given, or the files' with as many folders before them as make all unique."""
    if given and len(given) != len(tables):
        raise UserError(f"{len(given)} names (--name) for {len(tables)} tables; give each table one, or none at all")
    for names in (given, [str(table.resolve()) for table in tables]):
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            raise UserError(f"'{repeated}' is given twice; a comparison needs different models with different names")
    if given:
        return list(given)
    parts = [table.resolve().with_suffix("").parts for table in tables]
    return [_shortest(of_table, parts) for of_table in parts]


def _shortest(parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    """The shortest end of a path that is the end of no other."""
    for depth in range(1, len(parts) + 1):
        if sum(other[-depth:] == parts[-depth:] for other in others) == 1:
            return "/".join(parts[-depth:])
    raise UserError(f"two tables are called '{parts[-1]}' and differ only in their ending; give each table a --name")


def _thresholds(
    models: Sequence[str], outputs: Sequence[str], bundles: Sequence[str], values: Sequence[str]
) -> "dict[str, dict[str, Threshold]]":
    """Thresholds by model and output, from bundles and as given."""
    from eyeground.bundle.open import open_bundle
    from eyeground.evaluation.comparing.thresholds import Threshold, threshold_of

    found: dict[str, dict[str, Threshold]] = {}
    for text in bundles:
        model, folder = _assigned(text, "--bundle", models)
        points = [point for point in open_bundle(folder).description.operating_points if point.output in outputs]
        # The first of an output is the one that screening uses.
        found[model] = {point.output: threshold_of(point) for point in reversed(points)}
    for text in values:
        model, value = _assigned(text, "--threshold", models)
        if len(outputs) > 1:
            raise UserError(f"--threshold {text}: for which of {', '.join(outputs)}? Choose one with --target")
        try:
            found[model] = {outputs[0]: Threshold(float(value), "given")}
        except ValueError as error:
            raise UserError(f"--threshold {text}: '{value}' is not a number") from error
    return found


def _assigned(text: str, option: str, models: Sequence[str]) -> tuple[str, str]:
    form = f"MODEL=…, where MODEL is one of {', '.join(models)}"
    model, value = pair(option, text, form)
    if model not in models:
        raise UserError(f"{option} '{text}': expected {form}{did_you_mean(model, models)}")
    return model, value


def _print(table: "pd.DataFrame") -> None:
    """Print a table as wide as it is: a terminal wraps lines more legibly than cells."""
    printed = Table(box=None, padding=(0, 2, 0, 0))
    for heading in table.columns:
        printed.add_column(heading, no_wrap=True)
    for row in table.to_numpy().tolist():
        printed.add_row(*row)
    width = Console(width=1000).measure(printed).maximum
    Console(width=width, soft_wrap=True, highlight=False, markup=False).print(printed, "")
