"""Models that can be opened by name: those of this install, then those pulled to this machine; and the default model.

Installed ones come first, so that nothing pulled can take their place.
"""

import os
import re
from pathlib import Path

from eyeground.errors import UserError

DESCRIPTION = "bundle.json"
RELEASED = Path(__file__).parent / "released"
DEFAULT = "default.txt"
CACHE_VARIABLE = "EYEGROUND_CACHE"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def pulled_folder() -> Path:
    """Where pulled models are kept: `models` in the user's cache of eyeground."""
    return _cache() / "models"


def converted_file(name: str) -> Path:
    """Where the converted checkpoint of a format is kept."""
    return _cache() / "initialisations" / f"{name}.safetensors"


def released() -> tuple[str, ...]:
    """Names of the models that come with this install."""
    return _names(RELEASED)


def pulled() -> tuple[str, ...]:
    """Names of the models that were pulled to this machine."""
    return _names(pulled_folder())


def models() -> dict[str, Path]:
    """Folder of every model by name: installed ones first, then pulled ones."""
    places = {name: RELEASED / name for name in released()}
    return places | {name: pulled_folder() / name for name in pulled() if name not in places}


def folder_of(name: str) -> Path | None:
    """The folder of the model of this name, or None where there is none."""
    if not is_plain_name(name):
        return None
    places = (RELEASED / name, pulled_folder() / name)
    return next((folder for folder in places if (folder / DESCRIPTION).is_file()), None)


def is_plain_name(name: str) -> bool:
    """Whether a name can be a folder's and a model's: letters, digits, dot, underscore, plus and minus.

    >>> is_plain_name("eyeground-mobilenetv2-imagenet+fundus-224"), is_plain_name("../models")
    (True, False)
    """
    return bool(_PLAIN_NAME.fullmatch(name))


def how_to_install(extra: str) -> str:
    """The command that installs an extra, from the clone, since no package index has eyeground.

    >>> how_to_install("dicom")  # doctest: +ELLIPSIS
    'install it with: pip install "...[dicom]"...'
    """
    clone = RELEASED.parents[2]
    if (clone / "pyproject.toml").is_file():
        return f'install it with: pip install "{clone}[{extra}]"'
    return f'install it with: pip install ".[{extra}]", in the folder that eyeground was cloned into'


def default_model() -> str:
    """Name of the model to screen with where none is asked for.

    Raises:
        UserError: If this install has none.
    """
    path = RELEASED / DEFAULT
    try:
        name = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        name = ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not name:
        raise UserError(
            "no model comes with this install, so there is no default; name one with --bundle (a folder, or a model that "
            "`eyeground models` lists), or fetch one with `eyeground pull`"
        )
    if folder_of(name) is None:
        raise UserError(
            f"{path}: names '{name}', which is not there; install eyeground again, or name another with --bundle"
        )
    return name


def _cache() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else Path.home() / ".cache" / "eyeground"


def _names(place: Path) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in place.glob(f"*/{DESCRIPTION}") if is_plain_name(path.parent.name)))
