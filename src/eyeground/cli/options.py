"""Options and arguments that several commands share, and values of the form NAME=VALUE."""

import re
from collections.abc import Sequence
from pathlib import Path

import typer

from eyeground.errors import UserError

MANIFEST_OUTPUT = typer.Option(..., "-o", "--output", help="Manifest to write, .csv or .parquet.")
CACHE = typer.Option(
    Path.home() / ".cache" / "eyeground",
    "--cache",
    envvar="EYEGROUND_CACHE",
    help="Folder of standard photos, shared by all runs.",
)
FOR_SPREADSHEETS = typer.Option(
    False,
    "--for-spreadsheets",
    help="In CSV files, put an apostrophe before text that Excel would run as a formula (it begins with =, +, - or @).",
)
MASK_VALUE = typer.Option(
    [],
    "--mask-value",
    help="Values of a mask column's pictures that mean the structure, where this is unclear: artery=1,3, a range disc=128-255, or a "
    "colour vein=0000ff. Repeat for more columns; a manifest's cell may give it for itself: map.png#1,3.",
)
_RAY_ADDRESS = re.compile(r"auto|local|ray://.+|[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+")
JOBS = typer.Option(None, "--jobs", min=1, help="Processes that read photos; one per core if not given.")
BUNDLE = typer.Option(..., "--bundle", help="Bundle: its folder, or the name of a released one.")
SET = typer.Option([], "--set", help="Override a setting, as key=value: --set optimisation.epochs=20. Repeat for more.")
RESAMPLES = typer.Option(2000, min=0, help="Bootstrap resamples of patients behind each 95 % interval.")
SEED = typer.Option(0, min=0, help="Seed of the resamples.")
TRUTH = typer.Option(
    [],
    "--truth",
    help="Label column that is the truth of an output, as OUTPUT=COLUMN, such as "
    "'diabetic_retinopathy_grade>=2=referable'; repeat for more. Columns called as a target need none.",
)


def with_ray_address(arguments: Sequence[str]) -> list[str]:
    """Arguments in which `--ray` without an address is the cluster of this machine; typer's options always take a value.

    >>> with_ray_address(["screen", "--ray", "photos/", "--ray", "10.0.0.1:6379"])
    ['screen', '--ray=local', 'photos/', '--ray', '10.0.0.1:6379']
    """
    followed = zip(arguments, [*arguments[1:], ""], strict=True)
    return [
        "--ray=local" if one == "--ray" and not _RAY_ADDRESS.fullmatch(following) else one
        for one, following in followed
    ]


def pair(option: str, text: str, form: str, last: bool = False) -> tuple[str, str]:
    """Both sides of NAME=VALUE, split at the first '=' or at the last.

    Raises:
        UserError: If one of them is missing, with the expected form.
    """
    name, _, value = (part.strip() for part in (text.rpartition if last else text.partition)("="))
    if not (name and value):
        raise UserError(f"{option} '{text}': expected {form}")
    return name, value


def pairs(option: str, texts: Sequence[str], form: str, last: bool = False) -> dict[str, str]:
    """Values by name, of texts of the form NAME=VALUE.

    Raises:
        UserError: If one is no pair, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, value = pair(option, text, form, last)
        if name in found:
            raise UserError(f"{option}: '{name}' is given twice")
        found[name] = value
    return found


def truth_columns(texts: Sequence[str]) -> dict[str, str]:
    """Label columns by output, of --truth; an output's own name may contain '='."""
    return pairs("--truth", texts, "OUTPUT=COLUMN, such as abnormal=referable", last=True)


def named_paths(option: str, texts: Sequence[str]) -> dict[str, Path]:
    """Paths by name, of texts of the form NAME=PATH."""
    return {name: Path(path) for name, path in pairs(option, texts, "NAME=PATH, such as idrid=idrid.parquet").items()}
