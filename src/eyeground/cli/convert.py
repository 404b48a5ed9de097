"""`convert`: a checkpoint of another group, once, into a file that `initialisation` takes."""

from pathlib import Path

import typer

from eyeground.cli.printing import print_lines
from eyeground.core.console import Console
from eyeground.models.external_checkpoints import FORMATS


def convert(
    file: Path = typer.Argument(..., help="The publisher's checkpoint: .pth, .pt, .bin or .safetensors."),
    source: str = typer.Option(..., "--from", help=f"What it is, one of: {', '.join(FORMATS)}."),
    output: Path | None = typer.Option(
        None,
        "-o",
        "--output",
        help="File to write, .safetensors. If not given, it is kept so that the format's name is an initialisation.",
    ),
) -> "Path":
    """Convert a checkpoint of another group once and safely, for a recipe's `initialisation`.

    No code in the file is run. Every tensor is loaded, left out for a stated reason, or an error.
    """
    from eyeground.bundle.installed import converted_file
    from eyeground.models.convert import convert as convert_checkpoint
    from eyeground.models.convert import known_format

    known = known_format(source)
    target = output or converted_file(known.name)
    load_report, origin = convert_checkpoint(file, known, target)
    load_report.print(Console(soft_wrap=True, highlight=False))
    print_lines(
        f"page: {origin.page}",
        f"licence: {origin.licence}",
        f"cite: {origin.citation}",
        f"written: {target}. A recipe that starts from it:",
        f"initialisation: {output or known.name}",
        f"architecture: {{backbone: {origin.backbone}}}",
        f"preprocessing: {{side: {origin.side}, mean: {list(origin.mean)}, std: {list(origin.std)}}}",
    )
    return target
