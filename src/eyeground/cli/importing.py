"""`import`: a manifest from a public dataset, class folders, DICOM objects or a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from eyeground.cli.options import MANIFEST_OUTPUT
from eyeground.cli.printing import print_lines
from eyeground.cli.verbs import as_command
from eyeground.core.console import Console
from eyeground.core.files import require_table_output
from eyeground.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from eyeground.data.manifest import Manifest
    from eyeground.datasets.dataset import Reading

ONE_PHOTO_PER_PATIENT = typer.Option(
    False, "--one-photo-per-patient", help="Every photo is of another patient, so that none need be named."
)


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
        output: Path = MANIFEST_OUTPUT,
    ) -> None:
        import_dataset(name, folder, output)

    return typer.main.get_command(single)


def import_dataset(
    dataset: str = typer.Argument(..., help="Name of a public dataset, as `eyeground import` lists them."),
    folder: Path = typer.Argument(..., help="Folder in which the publisher's archive was unpacked."),
    output: Path = MANIFEST_OUTPUT,
) -> "Manifest":
    """Make a manifest from a public dataset's official folder."""
    from eyeground.datasets import DATASETS

    if dataset not in DATASETS:
        raise UserError(
            f"there is no dataset '{dataset}'{did_you_mean(dataset, DATASETS)}; there are {', '.join(DATASETS)}"
        )
    require_table_output(output)
    known = DATASETS[dataset]
    reading = _write(known.read(folder), output)
    print_lines(f"page: {known.page}", f"licence: {known.licence}", f"cite: {known.citation}")
    return reading


def import_folder(
    folder: Path = typer.Argument(
        ..., help="Holds <class>/<photo>, <train|val|test>/<class>/<photo>, or photos alone, which then have no labels."
    ),
    output: Path = MANIFEST_OUTPUT,
    patient_pattern: str | None = typer.Option(
        None, help=r"Regular expression that finds the patient in a file name: '(?P<patient>\d+)_(?P<eye>OD|OS)'."
    ),
    one_photo_per_patient: bool = ONE_PHOTO_PER_PATIENT,
) -> "Manifest":
    """Photos in a folder per class, with or without train/val/test folders above, or in one folder without labels."""
    from eyeground.datasets import read_class_folders

    require_table_output(output)
    reading = read_class_folders(folder, patient_pattern, one_photo_per_patient)
    return _write(reading, output)


def import_dicom(
    folder: Path = typer.Argument(..., help="Walked through; files need no ending."),
    output: Path = MANIFEST_OUTPUT,
) -> "Manifest":
    """DICOM objects: patient, eye, age, sex, camera, study date, accession number and UID come from each of them."""
    from eyeground.datasets import read_dicom_folder

    require_table_output(output)
    return _write(read_dicom_folder(folder), output)


def import_csv(
    table: Path = typer.Argument(..., help="A CSV, Excel or Parquet table with a row per photo."),
    output: Path = MANIFEST_OUTPUT,
    columns: list[str] = typer.Option(
        [],
        "--column",
        help="What a column is, as ours=theirs: --column photo=filename --column patient=id; --column 'patient=folder(path)' and "
        "--column 'eye=match(path, \"(OD|OS)\")' take a part of one. Columns called photo, patient, eye and so on need none.",
    ),
    labels: list[str] = typer.Option(
        [],
        "--label",
        help="A column that is a label; repeat for more. 'dr=Referable DR?' renames it, and 'dr=Referable DR?:yes=1,no=0' its "
        "values too.",
    ),
    notes: list[str] = typer.Option([], "--note", help="A column of free text to keep; repeat for more."),
    photo_folder: Path | None = typer.Option(None, help="Folder of the photos, if not that of the table."),
    photo_suffix: str = typer.Option("", help="Ending to add to each photo's name, such as .jpg."),
    one_photo_per_patient: bool = ONE_PHOTO_PER_PATIENT,
) -> "Manifest":
    """A table of your own, whatever its columns are called."""
    from eyeground.data.column_mapping import parse_columns
    from eyeground.data.manifest import MASK_PREFIX, OPTIONAL, REQUIRED
    from eyeground.datasets import read_labelled_table

    require_table_output(output)
    mapping = parse_columns(columns, (*REQUIRED, *OPTIONAL), (MASK_PREFIX,))
    reading = read_labelled_table(table, mapping, labels, notes, photo_folder, photo_suffix, one_photo_per_patient)
    return _write(reading, output)


def _write(reading: "Reading", output: Path) -> "Reading":
    from eyeground.data.manifest import write_manifest
    from eyeground.datasets import summary

    write_manifest(reading, output)
    summary(reading, Console(soft_wrap=True))
    print_lines(f"written: {output}")
    return reading


for _name, _reader in (("folder", import_folder), ("dicom", import_dicom), ("csv", import_csv)):
    import_app.command(_name)(as_command(_reader))
