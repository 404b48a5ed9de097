"""`import`, `check` and `split`: from files to a manifest that can be trusted."""

from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from eyeground.errors import UserError, did_you_mean
from eyeground.machine import usable_cores

OUTPUT = typer.Option(..., "-o", "--output", help="Manifest to write, .csv or .parquet.")
CACHE = typer.Option(
    Path.home() / ".cache" / "eyeground",
    "--cache",
    envvar="EYEGROUND_CACHE",
    help="Folder of standard photos, shared by all runs.",
)
JOBS = typer.Option(None, "--jobs", min=1, help="Processes that read photos; one per core if not given.")


class _Importers(TyperGroup):
    """Adds a command per public dataset, reading their list only when `import` is used."""

    def list_commands(self, ctx: Any) -> list[str]:
        from eyeground.datasets import DATASETS

        return [*super().list_commands(ctx), *sorted(DATASETS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        from eyeground.datasets import DATASETS

        if cmd_name not in DATASETS:
            known = self.list_commands(ctx)
            raise UserError(
                f"there is no importer '{cmd_name}'{did_you_mean(cmd_name, known)}; there are {', '.join(known)}"
            )
        return _dataset_command(cmd_name)


import_app = typer.Typer(
    cls=_Importers,
    help="Make a manifest (one row per photo) from a public dataset's official folder, from class folders, or from a CSV.",
    no_args_is_help=True,
)


def _dataset_command(name: str) -> Any:
    from eyeground.datasets import DATASETS

    dataset = DATASETS[name]
    single = typer.Typer(add_completion=False)

    @single.command(
        name,
        help=f"{dataset.title}.\n\nPage: {dataset.page}\n\nLicence: {dataset.licence}\n\nCite: {dataset.citation}",
        short_help=dataset.title,
    )
    def _import(
        folder: Path = typer.Argument(..., help="Folder in which the publisher's archive was unpacked."),
        output: Path = OUTPUT,
    ) -> None:
        console = Console(soft_wrap=True)
        _write(dataset.read(folder), output, console)
        console.print(f"page: {dataset.page}\nlicence: {dataset.licence}\ncite: {dataset.citation}", highlight=False)

    return typer.main.get_command(single)


@import_app.command("folder")
def import_folder(
    folder: Path = typer.Argument(..., help="Holds <class>/<photo>, or <train|val|test>/<class>/<photo>."),
    output: Path = OUTPUT,
    patient_pattern: str | None = typer.Option(
        None, help=r"Regular expression that finds the patient in a file name: '(?P<patient>\d+)_(?P<eye>left|right)'."
    ),
) -> None:
    """Photos in a folder per class, with or without train/val/test folders above."""
    from eyeground.datasets import read_class_folders

    _write(read_class_folders(folder, patient_pattern), output, Console(soft_wrap=True))


@import_app.command("csv")
def import_csv(
    table: Path = typer.Argument(..., help="A CSV or Parquet table with a row per photo."),
    output: Path = OUTPUT,
    columns: list[str] = typer.Option(
        [],
        "--column",
        help="What a column is, as ours=theirs: --column photo=filename --column patient=id --column eye=side.",
    ),
    labels: list[str] = typer.Option([], "--label", help="A column that is a label; repeat for more."),
    notes: list[str] = typer.Option([], "--note", help="A column of free text to keep; repeat for more."),
    photo_folder: Path | None = typer.Option(None, help="Where the photos lie, if not beside the table."),
    photo_suffix: str = typer.Option("", help="Ending to add to each photo's name, such as .jpg."),
) -> None:
    """A table of your own, whatever its columns are called."""
    from eyeground.datasets import read_labelled_table

    mapping = {}
    for column in columns:
        ours, separator, theirs = column.partition("=")
        if not separator:
            raise UserError(f"--column {column}: expected ours=theirs, for example photo=filename")
        mapping[ours] = theirs
    _write(
        read_labelled_table(table, mapping, labels, notes, photo_folder, photo_suffix), output, Console(soft_wrap=True)
    )


def _write(reading: Any, output: Path, console: Console) -> None:
    from eyeground.datasets import summary
    from eyeground.manifest import write_manifest

    write_manifest(reading, output)
    summary(reading, console)
    console.print(f"written: {output}")


def check(
    manifest: Path = typer.Argument(..., help="Manifest to check."),
    output: Path = typer.Option(
        Path("check"), "-o", "--output", help="Folder for flow.csv, photos.csv and duplicates.csv."
    ),
    against: Path | None = typer.Option(
        None, help="Another manifest, such as the upstream one: photos that stand in both are contamination."
    ),
    clean: Path | None = typer.Option(
        None,
        help="Manifest to write without unreadable photos and with one photo of each group of duplicates across patients.",
    ),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> None:
    """Read every photo; find missing, unreadable, ungradable and duplicated ones; write a flow table."""
    from eyeground.manifest import read_manifest, write_manifest
    from eyeground.protocols.check import check_manifest

    console = Console(soft_wrap=True)
    other = read_manifest(against) if against else None
    checked = check_manifest(read_manifest(manifest), cache, jobs or usable_cores(), other)
    checked.write(output)
    checked.print(console)
    if clean:
        write_manifest(checked.clean, clean)
        console.print(f"written: {clean}, {len(checked.clean)} photos")
    console.print(f"written: {output}/flow.csv, photos.csv, duplicates.csv")


def split(
    manifest: Path = typer.Argument(..., help="Manifest to split."),
    output: Path = OUTPUT,
    train: float = typer.Option(0.7, help="Share of patients to train on."),
    validation: float = typer.Option(0.1, help="Share of patients to choose epochs and thresholds on."),
    test: float = typer.Option(0.2, help="Share of patients for the figures."),
    folds: int = typer.Option(0, help="Number of cross-validation folds to write as column 'fold'; 0 writes none."),
    stratify: list[str] = typer.Option([], help="Label to balance; repeat for more. All labels if none is given."),
    seed: int = typer.Option(0, min=0, help="Another seed, another split."),
) -> None:
    """Give every patient to a split (and a fold), balanced by label; the same seed gives the same split."""
    from eyeground.datasets import summary
    from eyeground.manifest import read_manifest, write_manifest
    from eyeground.splits import fold_patients, split_patients

    shares = {"train": train, "validation": validation, "test": test}
    divided = split_patients(
        read_manifest(manifest), {name: share for name, share in shares.items() if share}, stratify, seed
    )
    if folds:
        divided = fold_patients(divided, folds, stratify, seed)
    write_manifest(divided, output)
    summary(divided, Console(soft_wrap=True))
    typer.echo(f"written: {output}")
