"""`join`, `check` and `split`: from manifests to one that can be trusted."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyeground.cli.options import CACHE, JOBS, MANIFEST_OUTPUT, MASK_VALUE, pair, pairs
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.core.files import require_table_output, require_writable
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError

if TYPE_CHECKING:
    from eyeground.data.manifest import Manifest
    from eyeground.workflows.check import Checked


def join(
    manifests: list[Path] = typer.Argument(..., help="Manifests to join; a photo that is in several becomes one row."),
    output: Path = MANIFEST_OUTPUT,
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
    named = {Path(path): name for name, path in (pair("--source", text, "NAME=MANIFEST") for text in sources)}
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
    for name, text in pairs("--licence", licences, "NAME=TEXT").items():
        terms[name] = Terms(text, terms.get(name, Terms()).citation)
    for name, text in pairs("--citation", citations, "NAME=TEXT").items():
        terms[name] = Terms(terms.get(name, Terms()).licence, text)
    joined = with_terms(joined, terms)
    write_manifest(joined, output)
    summary(joined, Console(soft_wrap=True))
    print_lines(f"written: {output}; `eyeground check {output}` finds photos that are in several of them")
    return joined


def check(
    manifest: Path = typer.Argument(..., help="Manifest to check."),
    output: Path = typer.Option(
        Path("check"), "-o", "--output", help="Folder for flow.csv, photos.csv, duplicates.csv and masks.csv."
    ),
    against: Path | None = typer.Option(
        None, help="Another manifest, such as the upstream one: photos in both are contamination."
    ),
    clean: Path | None = typer.Option(
        None,
        help="Manifest to write without unreadable photos and with one photo of each group of duplicates across patients.",
    ),
    mask_values: list[str] = MASK_VALUE,
    cache: Path = CACHE,
    jobs: int | None = JOBS,
) -> "Checked":
    """Read every photo and mask; find missing, unreadable, ungradable and duplicated ones; write a flow table."""
    from eyeground.data.manifest import read_manifest, write_manifest
    from eyeground.datasets.summary import report_remarks
    from eyeground.imaging.masks import with_mask_values
    from eyeground.workflows.check import check_manifest

    require_writable(output)
    if clean:
        require_table_output(clean)
    other = read_manifest(against, needs=()) if against else None
    photos = with_mask_values(read_manifest(manifest), mask_values)
    report_remarks(photos, Console(soft_wrap=True))
    checked = check_manifest(photos, cache, jobs or usable_cores(), other)
    checked.write(output)
    checked.print(Console(soft_wrap=True))
    if clean:
        write_manifest(checked.clean, clean)
        print_lines(f"written: {clean}, {len(checked.clean)} photos")
    print_lines(f"written: {output}/flow.csv, photos.csv, duplicates.csv{', masks.csv' if len(checked.masks) else ''}")
    return checked


def split(
    manifest: Path = typer.Argument(..., help="Manifest to split."),
    output: Path = MANIFEST_OUTPUT,
    train: float = typer.Option(0.7, help="Share of patients to train on."),
    validation: float = typer.Option(0.1, help="Share of patients to choose epochs and thresholds on."),
    test: float = typer.Option(0.2, help="Share of patients to test on."),
    folds: int = typer.Option(0, help="Number of cross-validation folds to write as column 'fold'; 0 writes none."),
    stratify: list[str] = typer.Option([], help="Label to balance; repeat for more. All labels if none is given."),
    seed: int = typer.Option(0, min=0, help="Another seed, another split."),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Replace the splits or folds that the manifest has, such as a publisher's."
    ),
) -> "Manifest":
    """Give every patient to a split (and a fold), balanced by label; the same seed gives the same split.

    Splits and folds that the manifest has stay as they are: `folds` adds folds to them, and `overwrite` replaces both.
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
    summary(divided, Console(soft_wrap=True))
    if kept:
        print_lines("the manifest's own splits were kept; --overwrite replaces them")
    print_lines(f"written: {output}")
    return divided
