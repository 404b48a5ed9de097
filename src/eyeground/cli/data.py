"""`import`, `join`, `check` and `split`: from files to a manifest that can be trusted."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from eyeground.cli.verbs import as_command
from eyeground.core.console import Console
from eyeground.core.files import require_table_output, require_writable
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from eyeground.data.manifest import Manifest
    from eyeground.datasets.dataset import Reading
    from eyeground.workflows.check import Checked

OUTPUT = typer.Option(..., "-o", "--output", help="Manifest to write, .csv or .parquet.")
CACHE = typer.Option(
    Path.home() / ".cache" / "eyeground",
    "--cache",
    envvar="EYEGROUND_CACHE",
    help="Folder of standard photos, shared by all runs.",
)
ONE_PHOTO_PER_PATIENT = typer.Option(
    False, "--one-photo-per-patient", help="Every photo is of another patient, so that none need be named."
)
FOR_SPREADSHEETS = typer.Option(
    False,
    "--for-spreadsheets",
    help="In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).",
)
MASK_VALUE = (
    "Values of a mask column's pictures that are drawn, where they can't be told: artery=1,3, a range disc=128-255, or a colour "
    "vein=0000ff. Repeat for more columns; a manifest's cell may say it for itself: map.png#1,3."
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
        import_dataset(name, folder, output)

    return typer.main.get_command(single)


def import_dataset(
    dataset: str = typer.Argument(..., help="Name of a public dataset, as `eyeground import` lists them."),
    folder: Path = typer.Argument(..., help="Folder in which the publisher's archive was unpacked."),
    output: Path = OUTPUT,
) -> "Manifest":
    """Make a manifest from a public dataset's official folder."""
    from eyeground.datasets import DATASETS

    if dataset not in DATASETS:
        raise UserError(
            f"there is no dataset '{dataset}'{did_you_mean(dataset, DATASETS)}; there are {', '.join(DATASETS)}"
        )
    require_table_output(output)
    console, known = Console(soft_wrap=True), DATASETS[dataset]
    reading = _write(known.read(folder), output, console)
    console.print(f"page: {known.page}\nlicence: {known.licence}\ncite: {known.citation}", highlight=False)
    return reading


def import_folder(
    folder: Path = typer.Argument(
        ..., help="Holds <class>/<photo>, <train|val|test>/<class>/<photo>, or photos alone, which then have no labels."
    ),
    output: Path = OUTPUT,
    patient_pattern: str | None = typer.Option(
        None, help=r"Regular expression that finds the patient in a file name: '(?P<patient>\d+)_(?P<eye>OD|OS)'."
    ),
    one_photo_per_patient: bool = ONE_PHOTO_PER_PATIENT,
) -> "Manifest":
    """Photos in a folder per class, with or without train/val/test folders above, or in one folder without labels."""
    from eyeground.datasets import read_class_folders

    require_table_output(output)
    reading = read_class_folders(folder, patient_pattern, one_photo_per_patient)
    return _write(reading, output, Console(soft_wrap=True))


def import_dicom(
    folder: Path = typer.Argument(..., help="Walked through; files need no ending."),
    output: Path = OUTPUT,
) -> "Manifest":
    """DICOM objects: patient, eye, age, sex, camera, study date, accession number and UID come from each of them."""
    from eyeground.datasets import read_dicom_folder

    require_table_output(output)
    return _write(read_dicom_folder(folder), output, Console(soft_wrap=True))


def import_csv(
    table: Path = typer.Argument(..., help="A CSV, Excel or Parquet table with a row per photo."),
    output: Path = OUTPUT,
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
    photo_folder: Path | None = typer.Option(None, help="Where the photos lie, if not beside the table."),
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
    return _write(reading, output, Console(soft_wrap=True))


for _name, _reader in (("folder", import_folder), ("dicom", import_dicom), ("csv", import_csv)):
    import_app.command(_name)(as_command(_reader))


def join(
    manifests: list[Path] = typer.Argument(
        ..., help="Manifests to join; a photo that stands in several becomes one row."
    ),
    output: Path = OUTPUT,
    sources: list[str] = typer.Option(
        [],
        "--source",
        help="Where the photos of a manifest come from, as NAME=MANIFEST; repeat for more. Not needed where its column 'source' "
        "says so. Patients of different sources are different patients.",
    ),
    licences: list[str] = typer.Option(
        [], "--licence", help="Licence of a source, as NAME=TEXT; repeat for more. Known for the datasets of `import`."
    ),
    citations: list[str] = typer.Option([], "--citation", help="Citation of a source, as NAME=TEXT; repeat for more."),
) -> "Manifest":
    """Join manifests into one: labels of all, patients of different sources apart, licences and citations for the card."""
    from eyeground.data.joining import Terms, patients_apart, with_source, with_terms
    from eyeground.data.joining import join as join_manifests
    from eyeground.data.manifest import read_manifest, write_manifest
    from eyeground.datasets import DATASETS, summary

    require_table_output(output)
    named = {Path(path): name for name, path in _pairs(sources, "--source")}
    for path in named:
        if path not in manifests:
            raise UserError(
                f"--source {named[path]}={path}: is none of the manifests; they are {', '.join(map(str, manifests))}"
            )
    read = {
        str(path): with_source(read_manifest(path), named[path], str(path)) if path in named else read_manifest(path)
        for path in manifests
    }
    joined = join_manifests(patients_apart(read), output.parent)
    known = set() if "source" not in joined.table else set(joined.table["source"].dropna())
    terms = {name: Terms(DATASETS[name].licence, DATASETS[name].citation) for name in sorted(known & DATASETS.keys())}
    for name, text in _pairs(licences, "--licence"):
        terms[name] = Terms(text, terms.get(name, Terms()).citation)
    for name, text in _pairs(citations, "--citation"):
        terms[name] = Terms(terms.get(name, Terms()).licence, text)
    joined = with_terms(joined, terms)
    write_manifest(joined, output)
    console = Console(soft_wrap=True)
    summary(joined, console)
    console.print(f"written: {output}; `eyeground check {output}` finds photos that stand in several of them")
    return joined


def _pairs(texts: Sequence[str], option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    for name, separator, value in pairs:
        if not (name and separator and value):
            raise UserError(
                f"{option} {name}{separator}{value}: expected NAME={'MANIFEST' if option == '--source' else 'TEXT'}"
            )
    return [(name, value) for name, _, value in pairs]


def _write(reading: "Reading", output: Path, console: Console) -> "Reading":
    from eyeground.data.manifest import write_manifest
    from eyeground.datasets import summary

    write_manifest(reading, output)
    summary(reading, console)
    console.print(f"written: {output}")
    return reading


def check(
    manifest: Path = typer.Argument(..., help="Manifest to check."),
    output: Path = typer.Option(
        Path("check"), "-o", "--output", help="Folder for flow.csv, photos.csv, duplicates.csv and masks.csv."
    ),
    against: Path | None = typer.Option(
        None, help="Another manifest, such as the upstream one: photos that stand in both are contamination."
    ),
    clean: Path | None = typer.Option(
        None,
        help="Manifest to write without unreadable photos and with one photo of each group of duplicates across patients.",
    ),
    mask_values: list[str] = typer.Option([], "--mask-value", help=MASK_VALUE),
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Checked":
    """Read every photo and mask; find missing, unreadable, ungradable and duplicated ones; write a flow table."""
    from eyeground.data.manifest import read_manifest, write_manifest
    from eyeground.datasets.summary import report_remarks
    from eyeground.imaging.masks import with_mask_values
    from eyeground.workflows.check import check_manifest

    console = Console(soft_wrap=True)
    require_writable(output)
    if clean:
        require_table_output(clean)
    other = read_manifest(against, needs=()) if against else None
    photos = with_mask_values(read_manifest(manifest), mask_values)
    report_remarks(photos, console)
    checked = check_manifest(photos, cache, jobs or usable_cores(), other)
    checked.write(output)
    checked.print(console)
    if clean:
        write_manifest(checked.clean, clean)
        console.print(f"written: {clean}, {len(checked.clean)} photos")
    console.print(
        f"written: {output}/flow.csv, photos.csv, duplicates.csv" + (", masks.csv" if len(checked.masks) else "")
    )
    return checked


def split(
    manifest: Path = typer.Argument(..., help="Manifest to split."),
    output: Path = OUTPUT,
    train: float = typer.Option(0.7, help="Share of patients to train on."),
    validation: float = typer.Option(0.1, help="Share of patients to choose epochs and thresholds on."),
    test: float = typer.Option(0.2, help="Share of patients for the figures."),
    folds: int = typer.Option(0, help="Number of cross-validation folds to write as column 'fold'; 0 writes none."),
    stratify: list[str] = typer.Option([], help="Label to balance; repeat for more. All labels if none is given."),
    seed: int = typer.Option(0, min=0, help="Another seed, another split."),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Replace the splits or folds that the manifest has, such as a publisher's."
    ),
) -> "Manifest":
    """Give every patient to a split (and a fold), balanced by label; the same seed gives the same split.

    Splits and folds that the manifest has stay as they are: --folds adds folds to them, and --overwrite replaces both.
    """
    from eyeground.core.tables import read_table
    from eyeground.data.manifest import is_label, read_manifest, write_manifest
    from eyeground.data.splits import fold_patients, is_divided, refuse_replacing, split_patients
    from eyeground.datasets import summary

    require_table_output(output)
    shares = {"train": train, "validation": validation, "test": test}
    balanced = stratify or filter(is_label, read_table(manifest).columns)
    photos = read_manifest(manifest, needs=(*balanced, *(() if overwrite else ("split", "fold"))))
    kept = bool(folds) and not overwrite and is_divided(photos, "split")
    if not overwrite:
        refuse_replacing(photos, "fold" if folds else "split")
    divided = photos
    if not kept:
        divided = split_patients(photos, {name: share for name, share in shares.items() if share}, stratify, seed)
    if folds:
        divided = fold_patients(divided, folds, stratify, seed)
    write_manifest(divided, output)
    console = Console(soft_wrap=True)
    summary(divided, console)
    if kept:
        console.print("the manifest's own splits were kept; --overwrite replaces them")
    console.print(f"written: {output}", markup=False, highlight=False)
    return divided
