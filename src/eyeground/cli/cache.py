"""`cache`: what is kept of photographs on this machine, and how to remove it."""

from pathlib import Path

import typer
from rich.table import Table

from eyeground.cli.options import CACHE
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.errors import UserError


def cache(
    folder: Path = CACHE,
    limit: str | None = typer.Option(
        None, "--limit", help="Remove what was used longest ago, until the rest takes at most this: 20GB, 500MB."
    ),
    clear: bool = typer.Option(False, "--clear", help="Remove all of it."),
) -> None:
    """Show what is kept of photos, limit it, or clear it. These copies show patients as your photos do.

    Commands that prepare the photos of a manifest keep a small lossless copy of each, under the hash of its file; `screen`, `segment`,
    `embed` and `import` keep nothing. What is removed is made again when it is needed. Models that were pulled stay.
    """
    from pydantic import ByteSize

    from eyeground.imaging.cache_size import kept, shrink

    if limit is not None or clear:
        removed = shrink(folder, 0 if clear else _size(limit or ""))
        print_lines(f"removed: {removed:,} files")
    found = kept(folder)
    table = Table("folder", "files", "size")
    for part in found:
        table.add_row(part.folder.name, f"{part.files:,}", ByteSize(part.size).human_readable(decimal=True))
    if found:
        Console(soft_wrap=True).print(table)
    total = ByteSize(sum(part.size for part in found)).human_readable(decimal=True)
    print_lines(f"{folder}: {sum(part.files for part in found):,} files, {total}")


def _size(text: str) -> int:
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        return TypeAdapter(ByteSize).validate_python(text)
    except ValidationError as error:
        raise UserError(f"--limit {text}: expected a number of bytes, such as 20GB, 500MB or 1.5TB") from error
