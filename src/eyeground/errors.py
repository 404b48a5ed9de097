"""The one kind of error that a user can act on, such as a wrong column, a full disk, or a folder that is not a bundle.

The command line prints its sentence and exits with `EXIT_USER_ERROR`; any other exception is a bug and shows its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

EXIT_DONE = 0
EXIT_NOTHING_USABLE = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class UserError(ValueError):
    """A mistake or obstacle that the user can act on; its text says where it is and how to mend it."""

    exit_code = EXIT_USER_ERROR


class NothingReadableError(UserError):
    """None of the photos that were given could be read; the table that was written all the same says why of each."""

    exit_code = EXIT_NOTHING_USABLE

    def __init__(self, photos: int, table: Path) -> None:
        super().__init__(f"none of {photos:,} photos could be read; {table} says why")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `" (did you mean 'x'?)"` for the known word nearest to `word`, or an empty string.

    >>> did_you_mean("abnornal", ["abnormal", "glaucoma"])
    " (did you mean 'abnormal'?)"
    """
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean '{nearest[0]}'?)" if nearest else ""


def unknown(what: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """The error for a name that is not known: it proposes the nearest known one and lists all.

    >>> str(unknown("output", "amdd", ["amd", "dr"], "the predictions"))
    "the predictions: there is no output 'amdd' (did you mean 'amd'?); known: amd, dr"
    """
    names = list(known)
    hint = did_you_mean(name, names)
    place = f"{where}: " if where else ""
    return UserError(f"{place}there is no {what} '{name}'{hint}; known: {', '.join(names) or 'none'}")
