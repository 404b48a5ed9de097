"""What a dataset adapter is, and the steps that all of them share; see docs/datasets.md.

Photographs that the publisher lists but the folder lacks are named in the reading, as many people hold a part of a dataset.
"""

import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from eyeground.core.files import is_hidden
from eyeground.core.tables import read_table
from eyeground.data.manifest import MASK_PREFIX, Manifest, validated
from eyeground.errors import UserError, did_you_mean

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".gif", ".ppm")
MOST_NAMES_SHOWN = 8
_FIRST_BYTES = 132
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*")
_DICOM = slice(128, 132)


@dataclass(frozen=True)
class Reading(Manifest):
    """A manifest as its adapter read it.

    Attributes:
        absent_photos: Photographs that the dataset lists and the folder lacks, relative to `root`; they have no row.
    """

    absent_photos: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """One public dataset.

    Attributes:
        name: What a user types, and the value of the manifest's `source` column.
        title: The publisher's name for it, with country and year.
        page: Address of the publisher's page, where the archive is obtained.
        licence: As the publisher states it, or "not stated by the publisher".
        citation: The paper to cite.
        read: Takes the unpacked folder and returns a `Reading`, paths relative to that folder. Raises `UserError` if
            the folder does not have the published layout.
    """

    name: str
    title: str
    page: str
    licence: str
    citation: str
    read: Callable[[Path], Reading]

    def require(self, folder: Path, entries: Sequence[str]) -> None:
        """Check that `folder` holds the given files and folders.

        Raises:
            UserError: Naming what was expected, what is there instead, and the page of the dataset.
        """
        folder = Path(folder)
        missing = [entry for entry in entries if not (folder / entry).exists()]
        if missing:
            expected = " and ".join(f"'{entry}'" for entry in missing)
            raise UserError(
                f"{folder}: expected {expected}, as {self.title} is published; found {_contents(folder)}. "
                f"Name the folder in which the archive was unpacked. Dataset page: {self.page}"
            )

    def locate(self, folder: Path, *entries: str) -> str:
        """Return the first of several published places that exists: mirrors of one archive nest differently.

        Raises:
            UserError: As `require`, if none of them exists.
        """
        for entry in entries:
            if (Path(folder) / entry).exists():
                return entry
        self.require(folder, entries[:1])
        return entries[0]

    def table(self, folder: Path, entry: str, columns: Sequence[str]) -> pd.DataFrame:
        """Read one of the dataset's CSV tables (cells as text), keeping the given columns.

        Blanks around column names and rows without any cell are dropped: several published tables have them.

        Raises:
            UserError: If the file or a column is missing.
        """
        self.require(folder, [entry])
        return self.columns_of(read_table(Path(folder) / entry), Path(folder) / entry, columns)

    def columns_of(self, table: pd.DataFrame, path: Path, columns: Sequence[str]) -> pd.DataFrame:
        """Return the given columns of a table that was read from `path`; see `table`."""
        table = table.rename(columns=lambda column: str(column).strip())
        for column in columns:
            if column not in table:
                found = ", ".join(column for column in table.columns if not column.startswith("Unnamed"))
                raise UserError(
                    f"{path}: there is no column '{column}'{did_you_mean(column, table.columns)}; found {found}. "
                    f"This is not the table that {self.title} is published with. Dataset page: {self.page}"
                )
        return table[list(columns)].dropna(how="all").reset_index(drop=True)

    def numbers(self, rows: pd.DataFrame, column: str, path: Path, highest: int) -> "pd.Series[int]":
        """Return a column as whole numbers from 0 to `highest`, empty cells as missing.

        Raises:
            UserError: Naming the first row with anything else.
        """
        given = rows[column].astype("string").str.strip()
        numbers = pd.to_numeric(given, errors="coerce").astype("Float64")
        good = numbers.isin(range(highest + 1))
        wrong = rows[column][given.notna() & (given != "") & ~good]
        if len(wrong):
            raise UserError(
                f"{path}, row {int(wrong.index[0]) + 2}: '{column}' is '{wrong.iloc[0]}'; "
                f"expected a whole number from 0 to {highest} or empty"
            )
        return numbers.astype("Int64")

    def words(
        self, rows: pd.DataFrame, column: str, path: Path, meanings: Mapping[str, int | str | None]
    ) -> "pd.Series[Any]":
        """Return a column with each of its words replaced by its meaning, empty cells as missing.

        Raises:
            UserError: Naming the first row with another word.
        """
        given = rows[column]
        wrong = given[given.notna() & ~given.isin(meanings)]
        if len(wrong):
            raise UserError(
                f"{path}, row {int(wrong.index[0]) + 2}: '{column}' is '{wrong.iloc[0]}'"
                f"{did_you_mean(wrong.iloc[0], meanings)}; expected {', '.join(meanings)} or empty"
            )
        return given.map(meanings)

    def reading(self, table: pd.DataFrame, folder: Path, remarks: Iterable[str] = ()) -> Reading:
        """Turn an adapter's table into its reading.

        Patients get the dataset's name in front, so that joined datasets never share one by accident, and
        `source` is filled in. Rows whose photograph is absent leave the table; absent masks become empty.

        Raises:
            UserError: If no photograph is there, or the table breaks the manifest's schema.
        """
        folder = Path(folder)
        table = table.assign(patient=f"{self.name}-" + table["patient"].astype("string"), source=self.name)
        found = found_in(folder, table["photo"])
        there = found.notna()
        if not there.any():
            example = table["photo"].iloc[0] if len(table) else "any photograph"
            raise UserError(
                f"{folder}: none of the {len(table)} photographs of {self.title} is there; expected for example "
                f"'{example}'; found {_contents(folder)}. Dataset page: {self.page}"
            )
        for mask in [column for column in table.columns if column.startswith(MASK_PREFIX)]:
            cells = table[mask].astype("string")
            is_shape = cells.str.startswith("#").fillna(False)
            table[mask] = found_in(folder, cells.mask(is_shape)).where(~is_shape, cells)
        manifest = validated(table.assign(photo=found)[there], str(folder), folder)
        absent = tuple(str(photo) for photo in table.loc[~there, "photo"])
        return Reading(manifest.table, folder, tuple(remarks), absent)


def photos_in(folder: Path, subfolder: str = ".") -> list[str]:
    """Return the photographs directly in a subfolder, by name, as paths relative to `folder`."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in (Path(folder) / subfolder).iterdir()
        if path.suffix.lower() in PHOTO_SUFFIXES and not is_hidden(path.name)
    )


def is_photo(path: Path) -> bool:
    """Whether a file is a photograph by its ending or, if it has another or none, by its first bytes."""
    if path.suffix.lower() in PHOTO_SUFFIXES and path.suffix.lower() != ".gif":  # in which masks are published
        return True
    try:
        with path.open("rb") as stream:
            first = stream.read(_FIRST_BYTES)
    except OSError:
        return False
    return first.startswith(_SIGNATURES) or first[_DICOM] == b"DICM"


def named(folder: Path, subfolder: str, stems: Sequence[str]) -> list[str | None]:
    """Find for each stem the picture of that name, whatever its format, or None; paths relative to `folder`."""
    place = Path(folder) / subfolder
    pictures = {Path(entry).stem: entry for entry in photos_in(folder, subfolder)} if place.is_dir() else {}
    return [pictures.get(stem) for stem in stems]


def found_in(folder: Path, entries: "pd.Series[str]") -> "pd.Series[str]":
    """Find the file of each entry and give its name as it is on disk; missing where there is none.

    Names that differ in capitals only are found too, as they are equal on other machines. Each folder is listed once,
    because a query per photo is slow on a network.

    Raises:
        UserError: If an entry has no file of its own name, and two whose names differ from it in capitals.
    """

    @cache
    def listed(place: str) -> tuple[frozenset[str], dict[str, list[str]]]:
        names = [path.name for path in (folder / place).iterdir()] if (folder / place).is_dir() else []
        alike: dict[str, list[str]] = {}
        for name in sorted(names):
            alike.setdefault(_alike(name), []).append(name)
        return frozenset(names), alike

    def within(place: str, name: str) -> str | None:
        names, alike = listed(place)
        if name in names:
            return PurePosixPath(place, name).as_posix()
        near = alike.get(_alike(name), [])
        if len(near) > 1:
            raise UserError(
                f"{folder}: '{PurePosixPath(place, name)}' may be {' or '.join(near)}; write the one that is meant"
            )
        return PurePosixPath(place, near[0]).as_posix() if near else None

    @cache
    def place_of(path: str) -> str | None:
        if not path or (folder / path).is_dir():
            return path
        return of_entry(path) if os.path.split(path)[1] else None

    def of_entry(entry: str) -> str | None:
        above, name = os.path.split(entry)
        place = place_of(above)
        return None if place is None else within(place, name)

    found = [None if pd.isna(entry) else of_entry(str(entry)) for entry in entries]
    return pd.Series(found, index=entries.index, dtype="string")


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _contents(folder: Path) -> str:
    if not folder.exists():
        return "no such folder"
    if not folder.is_dir():
        return "a file"
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    more = f" and {len(names) - MOST_NAMES_SHOWN} more" if len(names) > MOST_NAMES_SHOWN else ""
    return (", ".join(f"'{name}'" for name in names[:MOST_NAMES_SHOWN]) + more) or "nothing"
