"""`screen`: photos in, findings, evidence and a report out, without torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eyeground.cli.exports import DEIDENTIFY, DICOM_OUT, FHIR_OUT, FHIR_RELEASE, SEGMENTERS, exports_of
from eyeground.cli.options import FOR_SPREADSHEETS, JOBS
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.errors import NothingReadableError, UserError

if TYPE_CHECKING:
    from eyeground.config.operating_point import Share
    from eyeground.scale.batch.screen import Options, ScreenedAtScale
    from eyeground.screening.batch import Screened
    from eyeground.screening.decision import Rule
    from eyeground.screening.finding_writer import Overlays
    from eyeground.screening.runtime import Screener

BUNDLE = typer.Option(
    None,
    "--bundle",
    help="The model, a bundle: its folder, or a name that `models` lists; the default of this install if not given.",
)
PHOTOS = typer.Argument(
    ...,
    help="Folders, photos (JPEG, PNG, TIFF, DICOM), zip and tar archives, manifests, quoted patterns, or - for a list on standard input. Any number, mixed.",
)
ANATOMY = typer.Option(
    None,
    "--anatomy/--no-anatomy",
    help="Also find which eye it is, disc, cup with its vertical ratio, and fovea. On where a segmenter of them is installed and the "
    "model's photos are large enough for it.",
)
OPERATING_POINT = typer.Option(
    None,
    "--operating-point",
    help="Which of the bundle's thresholds decides, by its rule: sensitivity=0.95, specificity=0.9, youden, or a threshold "
    "of your own, threshold=0.3. The bundle's first one if not given; a wrong one lists those there are.",
)


def screen(
    photos: list[str] = PHOTOS,
    bundle: str | None = BUNDLE,
    output: str = typer.Option(
        ...,
        "-o",
        "--output",
        help="Folder for results.csv, .parquet and .jsonl, overlays, report.html and, with patients, eyes.csv and patients.csv. With --ray "
        "it may be s3://bucket/folder.",
    ),
    jobs: int | None = JOBS,
    operating_point: str | None = OPERATING_POINT,
    prevalence: float = typer.Option(
        0.1, "--prevalence", min=0.0, max=1.0, help="Share of abnormal photos to expect, for the expected referrals."
    ),
    identifiers: bool = typer.Option(
        False,
        "--identifiers",
        help="Show file names and patient identifiers in the report next to its keys, and in tables those of DICOM.",
    ),
    report: bool = typer.Option(True, "--report/--no-report", help="Write report.html, or only tables."),
    overlays: str | None = typer.Option(
        None,
        "--overlays",
        help="Which photos get a picture with evidence, which the report shows too: all, abnormal or none. All if not given; with --ray "
        "none.",
    ),
    shards: int | None = typer.Option(
        None,
        "--shards",
        min=1,
        help="Also write the results in this number of Parquet files: shards/00001-of-00004.parquet, …",
    ),
    columns: list[str] = typer.Option(
        [],
        "--column",
        help="Which column of the manifests is photo, patient or eye, as ours=theirs; repeat for more: --column photo=filename "
        "--column 'patient=folder(filename)'.",
    ),
    keep: list[str] = typer.Option(
        [],
        "--keep",
        help="Further column of the manifests to copy to the results, such as mrn or accession; repeat for more.",
    ),
    for_spreadsheets: bool = FOR_SPREADSHEETS,
    anatomy: bool | None = ANATOMY,
    dicom_out: Path | None = DICOM_OUT,
    segmenters: list[str] = SEGMENTERS,
    fhir_out: Path | None = FHIR_OUT,
    fhir_release: str = FHIR_RELEASE,
    deidentify: Path | None = DEIDENTIFY,
    overwrite: bool = typer.Option(
        False,
        "--overwrite",
        help="Replace what an earlier screening with another model or operating point left in the folder.",
    ),
    ray: str | None = typer.Option(
        None,
        "--ray",
        metavar="[ADDRESS]",
        help="Screen on a Ray cluster: its HOST:PORT, auto for the one that this machine belongs to, or nothing for the cores of this "
        "machine. PHOTOS may then be s3:// folders or a table of them. Writes results/ (Parquet) and summary.html.",
    ),
) -> "Screened | ScreenedAtScale":
    """Screen photos: one row each with status, reason and probabilities, an evidence map, and a report for the browser.

    A photo that cannot be read has a row with its reason. An interrupted screening continues where it stopped.

    A folder, and all below it: `eyeground screen photos/ -o out`

    Photos by name: `eyeground screen left.jpg right.dcm -o out`

    A pattern, in quotes: `eyeground screen 'photos/**/*_left.jpg' -o out`

    A manifest, a table with the column photo and perhaps patient and eye: `eyeground screen clinic.csv -o out`

    A table of your own: `eyeground screen clinic.xlsx --column photo=File --column patient=MRN --keep Accession -o out`

    Archives, which stay packed: `eyeground screen export.zip older.tar.gz -o out`

    A list from another program: `find photos -newer yesterday -name '*.jpg' | eyeground screen - -o out`

    For an archive of a hospital: `eyeground screen export/ -o out --dicom-out results/`

    For research, without names: `eyeground screen export/ -o out --dicom-out shared/ --deidentify study.key`

    A million on many machines: `eyeground screen s3://bucket/photos -o s3://bucket/screened --ray auto`

    Very many, for a program to read: `eyeground screen archive/ -o out --no-report --overlays none --shards 16`
    """
    from eyeground.core.machine import save_address_space

    save_address_space()
    from eyeground.screening.batch import screen as screen_photos
    from eyeground.screening.results import SHARDS
    from eyeground.screening.runtime import load
    from eyeground.screening.sources import TableColumns

    chosen = TableColumns()
    if columns or keep:
        from eyeground.data.column_mapping import parse_columns
        from eyeground.data.photo_list import PHOTO_LIST

        chosen = TableColumns(parse_columns(columns, PHOTO_LIST), tuple(keep))
    screener = load(bundle, operating_point=operating_point, anatomy=anatomy)
    print_lines(
        f"model {screener.bundle.identity}{'' if bundle else ', the default'}",
        _expectation(screener.rule, prevalence),
        *([] if screener.anatomy is None else [f"eye, disc, cup and fovea by {screener.anatomy.bundle.identity}"]),
    )
    if ray is not None:
        _refuse_with_ray(
            {
                "--dicom-out": dicom_out,
                "--fhir-out": fhir_out,
                "--segmenter": segmenters,
                "--deidentify": deidentify,
                "--shards": shards,
                "--for-spreadsheets": for_spreadsheets,
                "--no-report": not report,
            }
        )
        from eyeground.scale.batch.screen import Options

        options = Options(
            bundle, operating_point, overlays_of(overlays or "none"), chosen, identifiers, jobs, overwrite
        )
        return _screen_at_scale(photos, screener, output, ray, options)
    exports = exports_of(screener, dicom_out, segmenters, fhir_out, fhir_release, deidentify)
    screened = screen_photos(
        photos,
        screener,
        Path(output),
        jobs,
        identifiers,
        report=report,
        overlays=overlays_of(overlays or "all"),
        shards=shards,
        columns=chosen,
        for_spreadsheets=for_spreadsheets,
        overwrite=overwrite,
        exports=exports,
    )
    _print_what_came_out(screened, [note for export in exports for note in export.notes()])
    if screened.patients:
        print_lines(
            f"{sum(screened.patients.values()):,} patients: {_counted(screened.patients).replace('none', 'no referral')}"
        )
    opened = f"{screened.report} (open it in a browser), " if report else ""
    table = Path(output) / "results.csv"
    print_lines(f"written: {opened}{table}{f', {table.parent / SHARDS}' if shards else ''}")
    if set(screened.counts) == {"unreadable"}:
        raise NothingReadableError(screened.photos, table)
    return screened


def _refuse_with_ray(given: dict[str, Any]) -> None:
    """Refuse options that a screening on many machines does not know."""
    unknown = next((option for option, value in given.items() if value), None)
    if unknown is not None:
        raise UserError(f"{unknown} is not for --ray, which writes results/ (Parquet) and summary.html")


def _screen_at_scale(
    photos: list[str], screener: "Screener", output: str, address: str, options: "Options"
) -> "ScreenedAtScale":
    """Screen on a cluster, and print what came out."""
    from eyeground.scale.batch.screen import screen_at_scale

    screened = screen_at_scale(photos, screener, output, address, options)
    _print_what_came_out(screened, [])
    print_lines(f"written: {output}/summary.html (open it in a browser), {output}/results/")
    if set(screened.counts) == {"unreadable"}:
        raise NothingReadableError(screened.photos, Path(output) / "results")
    return screened


def _print_what_came_out(screened: "Screened | ScreenedAtScale", notes: list[str]) -> None:
    for warning in screened.warnings:
        Console(soft_wrap=True).print(f"[bold yellow]warning:[/] {warning}", highlight=False)
    print_lines(*screened.notes, *notes)
    before = f" ({screened.finished_before:,} of them before)" if screened.finished_before else ""
    print_lines(f"{screened.photos:,} photos{before} in {screened.seconds:.1f} s: {_counted(screened.counts)}")


def overlays_of(word: str) -> "Overlays":
    """The word behind --overlays, as one of those that are known."""
    from eyeground.screening.finding_writer import OVERLAYS

    known = next((one for one in OVERLAYS if one == word), None)
    if known is None:
        raise UserError(f"--overlays is '{word}'; expected {', '.join(OVERLAYS)}")
    return known


def _expectation(rule: "Rule", prevalence: float) -> str:
    """What to expect of the rule that decides: referred, found and missed among 1,000 photos, where this was measured."""
    from eyeground.screening.decision import NO_RULE, expected_referrals
    from eyeground.screening.suspicion import describe_disease

    decision = rule.decision
    if decision is None:
        raise UserError(NO_RULE)
    outputs = ", ".join(describe_disease(rule.targets, output) for output in rule.deciding)
    rule_text = f"abnormal where any of these reaches its threshold: {outputs} ({decision.rule}, chosen on {decision.chosen_on})"
    expected = expected_referrals(decision, prevalence)
    if expected is None or decision.sensitivity is None or decision.specificity is None:
        return f"{rule_text}; what the rule does on other photos was not measured"
    where = "photos of the site" if decision.chosen_on == "site" else "test photos"
    return (
        f"{rule_text}. If it does here what it did on {where} (sensitivity {_share(decision.sensitivity)}, specificity "
        f"{_share(decision.specificity)}), of 1,000 photos with {1000 * prevalence:.0f} abnormal ones {expected.referred:.0f} are "
        f"called abnormal: {expected.found:.0f} of those found, {expected.missed:.0f} missed"
    )


def _share(share: "Share") -> str:
    return f"{share.value:.2f}, {share.low:.2f} to {share.high:.2f}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))
