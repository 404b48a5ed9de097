"""`convert`: a checkpoint of another group, once, into a file that `initialisation` takes."""

from pathlib import Path

import typer
from rich.console import Console

from eyeground.models.foreign import FORMATS


def convert(
    file: Path = typer.Argument(..., help="The publisher's checkpoint: .pth, .pt, .bin or .safetensors."),
    source: str = typer.Option(..., "--from", help=f"What it is, one of: {', '.join(FORMATS)}."),
    output: Path = typer.Option(..., "-o", "--output", help="File to write, .safetensors."),
) -> None:
    """Convert a checkpoint of another group once and safely, for a recipe's `initialisation`.

    Nothing that lies in the file is run. Every tensor is taken over, left out for a stated reason, or an error.
    """
    from eyeground.models.convert import convert as convert_checkpoint
    from eyeground.models.convert import known_format

    console = Console(soft_wrap=True, highlight=False)
    account, origin = convert_checkpoint(file, known_format(source), output)
    account.print(console)
    console.print(f"page: {origin.page}\nlicence: {origin.licence}\ncite: {origin.citation}", markup=False)
    console.print(f"written: {output}. A recipe that starts from it:", markup=False)
    mean, std = list(origin.mean), list(origin.std)
    console.print(
        f"initialisation: {output}\narchitecture: {{backbone: {origin.backbone}}}\n"
        f"preprocessing: {{side: {origin.side}, mean: {mean}, std: {std}}}",
        markup=False,
    )
