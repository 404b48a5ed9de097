"""Prints what a manifest holds: counts, label balance, splits, absent photographs, remarks."""

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eyeground.data.manifest import Manifest
from eyeground.datasets.dataset import Reading

MOST_CLASSES_SHOWN = 12
MOST_ABSENT_SHOWN = 3


def summary(manifest: Manifest, console: Console | None = None) -> None:
    """Print what a manifest holds.

    Args:
        manifest: Its remarks are printed too, and the absent photographs if it is a `Reading`.
        console: Where to; standard output if not given.
    """
    console = console or Console()
    table = manifest.table
    console.print(
        f"[bold]{len(manifest):,}[/] photos of [bold]{manifest.patients:,}[/] patients; eyes: {_counts(table, 'eye')}"
    )
    if "split" in table:
        console.print(f"splits: {_counts(table, 'split')}")
    if manifest.labels:
        console.print(_label_table(manifest))
    for mask in manifest.masks:
        console.print(f"{mask}: {int(table[mask].notna().sum()):,} of {len(table):,} photos")
    if isinstance(manifest, Reading) and manifest.absent_photos:
        examples = ", ".join(manifest.absent_photos[:MOST_ABSENT_SHOWN])
        console.print(
            f"[yellow]{len(manifest.absent_photos):,} photos are listed but not in {escape(str(manifest.root))}, and left "
            f"out[/], for example {escape(examples)}"
        )
    report_remarks(manifest, console)


def report_remarks(manifest: Manifest, console: Console) -> None:
    """Print the remarks of reading the manifest."""
    for remark in manifest.remarks:
        style = "bold red" if remark.startswith("WARNING") else "dim"
        console.print(f"[{style}]{escape(remark)}[/]")


def _label_table(manifest: Manifest) -> Table:
    shown = Table(box=None, pad_edge=False)
    for heading in ("label", "positive", "negative", "unknown", "values"):
        text = heading in ("label", "values")
        shown.add_column(heading, justify="left" if text else "right", no_wrap=heading != "values")
    for label in manifest.labels:
        cells = manifest.table[label]
        known = cells.dropna()
        unknown = f"{int(cells.isna().sum()):,}"
        if pd.api.types.is_numeric_dtype(cells) and known.isin([0, 1]).all():
            shown.add_row(label, f"{int((known == 1).sum()):,}", f"{int((known == 0).sum()):,}", unknown, "")
        else:
            shown.add_row(label, "", "", unknown, escape(_values(known)))
    return shown


def _values(known: pd.Series) -> str:
    counts = known.value_counts().sort_index()
    listed = ", ".join(f"{value}: {count:,}" for value, count in counts.head(MOST_CLASSES_SHOWN).items())
    return listed + (f" and {len(counts) - MOST_CLASSES_SHOWN} more" if len(counts) > MOST_CLASSES_SHOWN else "")


def _counts(table: pd.DataFrame, column: str) -> str:
    if column not in table:
        return "unknown"
    counts = table[column].value_counts()
    parts = [f"{count:,} {value}" for value, count in counts.items()]
    unknown = int(table[column].isna().sum())
    return ", ".join(parts + ([f"{unknown:,} unknown"] if unknown else []))
