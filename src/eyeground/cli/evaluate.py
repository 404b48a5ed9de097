"""`evaluate`: the validation of any model from its predictions table."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import FOR_SPREADSHEETS, RESAMPLES, SEED, named_paths
from eyeground.cli.printing import print_lines
from eyeground.core.files import require_writable, sha256_of

if TYPE_CHECKING:
    from eyeground.evaluation import Evaluation

MODEL, MORE, REPORT = "The model", "Further inputs", "The report"


def evaluate(
    predictions: Path = typer.Argument(
        ..., help="Table with photo, patient, truth_<output> and probability_<output>; see docs/predictions.md."
    ),
    output: Path = typer.Option(
        ..., "-o", "--output", help="Folder for report.html, metrics.csv, metrics.md, figures and tables."
    ),
    columns: list[str] = typer.Option(
        [],
        "--columns",
        help="For a table that is not in our schema: which of its columns are ours, as 'ours=theirs', separated by commas, such "
        "as 'photo=Filename, patient=Filename, truth:dr=Label, probability:dr=Score'. Names with commas, '=' or brackets go "
        "in quotes. 'source=folder(Filename)' takes the first folder of a path, 'patient=match(Filename, \"^[^_]+\")' what a "
        "regular expression finds. May be repeated, and may name a .yaml file with the same pairs.",
    ),
    targets: list[str] = typer.Option(
        [], "--target", help="Output to evaluate; repeat for more. All that the table has if not given."
    ),
    resamples: int = RESAMPLES,
    seed: int = SEED,
    stratified: bool = typer.Option(
        False, "--stratified", help="Draw patients within strata of their rarest truth: for case-control collections."
    ),
    every_photo: bool = typer.Option(
        False,
        "--every-photo",
        help="Evaluate all photos, whatever their split: for a model that has seen none of them.",
    ),
    rules: list[str] = typer.Option(
        [],
        "--rule",
        help="Operating point: youden, sensitivity=0.95, specificity=0.95, cost=10 (a miss costs ten false alarms), "
        "threshold=0.5. Chosen on validation photos; without any, on test photos, and then called optimistic. Repeat for more.",
    ),
    prevalences: list[float] = typer.Option(
        [], "--prevalence", help="Predictive values at this prevalence too (0 to 1). Repeat for more."
    ),
    subgroups: list[str] = typer.Option(
        [],
        "--by",
        "--subgroup",
        help="Column whose groups are evaluated, besides eye, sex, age, device, source. Repeat for more.",
    ),
    repeat: str = typer.Option(
        "",
        "--repeat",
        metavar="COLUMN",
        help="Photos of one patient with the same cell in this column repeat each other, such as two photos of an eye, or a photo "
        "and its copies: do decisions and probabilities agree?",
    ),
    conformal: float | None = typer.Option(
        None,
        "--conformal",
        metavar="COVERAGE",
        help="Prediction sets that hold the truth of this share of every class, such as 0.9, calibrated on validation photos: how "
        "often they do, and how many photos they leave ambiguous.",
    ),
    bundle: str | None = typer.Option(
        None, "--bundle", help="Bundle whose thresholds are used, chosen when it was trained.", rich_help_panel=MODEL
    ),
    run: Path | None = typer.Option(
        None,
        "--run",
        help="Run folder that trained it: the source of the methods and of the bundle.",
        rich_help_panel=MODEL,
    ),
    external: list[str] = typer.Option(
        [],
        "--external",
        help="The same model's predictions of a dataset it has never seen, as NAME=TABLE. Repeat for more.",
        rich_help_panel=MORE,
    ),
    contamination: list[str] = typer.Option(
        [],
        "--contamination",
        help="What `check MANIFEST --against UPSTREAM -o FOLDER` found in an external dataset, as NAME=FOLDER.",
        rich_help_panel=MORE,
    ),
    checked: Path | None = typer.Option(
        None, "--checked", help="Folder that `check` wrote for these photos: the flow diagram.", rich_help_panel=MORE
    ),
    embeddings: Path | None = typer.Option(
        None,
        "--embeddings",
        help="Table that `predict --embeddings` wrote: does the model know the camera?",
        rich_help_panel=MORE,
    ),
    robustness: Path | None = typer.Option(
        None, "--robustness", help="Folder that `robustness` wrote: the effect of corruptions.", rich_help_panel=MORE
    ),
    title: str = typer.Option("Validation report", "--title", help="Heading of the report.", rich_help_panel=REPORT),
    photos: Path | None = typer.Option(
        None,
        "--photos",
        help="Folder that the photos' paths start from: shows the most confident errors. Photos are then in the report.",
        rich_help_panel=REPORT,
    ),
    names: bool = typer.Option(
        False, "--names", help="Name the photos of errors; file names can identify patients.", rich_help_panel=REPORT
    ),
    for_spreadsheets: bool = FOR_SPREADSHEETS,
) -> "Evaluation":
    """Validate any model from its predictions: metrics with 95 % intervals over patients, and a report to print.

    A table alone gives discrimination, operating points, calibration, decision curves, subgroups, shortcuts and
    errors. Thresholds are a bundle's, or chosen on the table's validation photos; never silently on test photos.

    eyeground evaluate runs/odir/predictions.parquet --run runs/odir --external idrid=idrid.parquet -o report
    """
    from eyeground.data.predictions import read_predictions
    from eyeground.evaluation.external_tables import parse_mapping, read_external
    from eyeground.evaluation.flow import with_known_truths
    from eyeground.evaluation.reporting.report import shown_command
    from eyeground.evaluation.reporting.validation import (
        Presentation,
        Request,
        evaluated,
        external_remark,
        write_validation,
    )
    from eyeground.workflows.gather import InputPaths, gather

    require_writable(output)
    read = read_external(predictions, parse_mapping(columns)) if columns else read_predictions(predictions)
    chosen = read.only(targets) if targets else read
    table, without_truth = with_known_truths(chosen.of_every_split() if every_photo else chosen)
    datasets = named_paths("--external", external)
    paths = InputPaths(
        bundle,
        run,
        datasets,
        named_paths("--contamination", contamination),
        checked,
        embeddings,
        robustness,
        table.outputs,
    )
    report_inputs = gather(paths)
    points = report_inputs.description.operating_points if report_inputs.description else ()
    request = Request(
        operating_points=tuple(point for point in points if point.output in table.outputs),
        rules=tuple(rules),
        prevalences=tuple(prevalences),
        resamples=resamples,
        seed=seed,
        stratified=stratified,
        subgroups=tuple(subgroups),
        repeat=repeat,
        conformal=conformal,
        remarks=(*read.remarks, *external_remark(table, report_inputs.description), *without_truth),
    )
    inputs = [predictions, *datasets.values(), *([embeddings] if embeddings else [])]
    fingerprints = tuple((path.name, sha256_of(path)) for path in inputs)
    presentation = Presentation(title, shown_command(sys.argv), fingerprints, photos, names, for_spreadsheets)
    evaluation = evaluated(table, request)
    write_validation(evaluation, table, request, report_inputs, presentation, output)
    print_lines(
        (output / "metrics.md").read_text(encoding="utf-8"),
        f"written: {output / 'report.html'} (open it in a browser), {output / 'metrics.csv'}",
    )
    return evaluation
