r"""Which columns of another table are which of ours, in one syntax for every command; see docs/predictions.md.

photo=Filename, patient=folder(Filename), eye=match(Filename, "_(left|right)$"), dr='Referable DR?':yes=1,no=0
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from eyeground.core.columns import text_cells
from eyeground.core.words import folded
from eyeground.errors import UserError, did_you_mean

FUNCTIONS = ("folder", "match")

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
# The name of an output of ours may hold `>=`; one that holds `=` is put in quotes.
_PAIR = re.compile(
    rf"\s*({_QUOTED}|(?:>=|[^=,'\"()])+?)\s*=\s*((?:{_QUOTED}|\((?:{_QUOTED}|[^()'\"])*\)|[^,'\"()])*)\s*(?:,|$)"
)
_CALL = re.compile(rf"({'|'.join(FUNCTIONS)})\s*\(\s*({_QUOTED}|[^,'\"()]+?)\s*(?:,\s*(.+?)\s*)?\)", re.DOTALL)
_VALUE = r"[^:=,'\"]+=[^:=,'\"]*"
_TRANSLATED = re.compile(rf"(.*):\s*({_VALUE}(?:,{_VALUE})*)", re.DOTALL)


@dataclass(frozen=True)
class Origin:
    """Where a column of ours comes from.

    Attributes:
        column: Of the other table.
        function: `{"", "folder", "match"}`.
        pattern: The regular expression of `match`.
        values: What a value of theirs is in ours; empty where values stay as they are.
    """

    column: str
    function: str = ""
    pattern: str = ""
    values: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        text = f"'{self.column}'"
        if self.function:
            text = f"{self.function}({self.column}{f', {self.pattern!r}' if self.pattern else ''})"
        return text + (":" + ",".join(f"{theirs}={ours}" for theirs, ours in self.values) if self.values else "")


def parse_pairs(text: str, option: str, example: str, our_name: Callable[[str], str]) -> dict[str, Origin]:
    """Read `ours=theirs` pairs, separated by commas.

    Args:
        text: A column of the other table whose name holds a comma, an equals sign or quotes is put in quotes.
        option: What the text was given as, for errors.
        example: A mapping that is right, for errors.
        our_name: Turns the text before the first `=` into a column of ours, or raises a `UserError`.

    Raises:
        UserError: If the text is no such mapping, or maps one of our columns twice.
    """
    mapping: dict[str, Origin] = {}
    last = ""
    for ours, theirs in _pairs(text, option, example):
        try:
            name = our_name(ours)
        except UserError:
            if not (last and mapping[last].values):
                raise
            mapping[last] = replace(mapping[last], values=(*mapping[last].values, (ours, theirs)))
            continue
        if name in mapping:
            raise UserError(f"{option} maps '{name}' twice; keep one")
        mapping[name] = parse_origin(theirs, name, option)
        last = name
    return mapping


def parse_columns(texts: Sequence[str], known: Collection[str], prefixes: tuple[str, ...] = ()) -> dict[str, Origin]:
    """Read the texts of repeated `--column` options, for columns of ours that are known or begin with a prefix.

    >>> parse_columns(["photo=File name", "eye=Side:rechts=right,links=left"], ("photo", "eye"))["eye"].values
    (('rechts', 'right'), ('links', 'left'))
    """

    def our_name(text: str) -> str:
        if text in known or (prefixes and text.startswith(prefixes)):
            return text
        names = [*known, *(f"{prefix}…" for prefix in prefixes)]
        raise UserError(
            f"--column: '{text}' is not a column of ours{did_you_mean(text, known)}; use {', '.join(names)}"
        )

    mapping: dict[str, Origin] = {}
    for text in texts:
        for name, origin in parse_pairs(text, "--column", "photo=filename", our_name).items():
            if name in mapping:
                raise UserError(f"--column maps '{name}' twice; keep one")
            mapping[name] = origin
    return mapping


def parse_label(text: str, columns: Collection[str]) -> tuple[str, Origin]:
    """Read a `--label`: a column of the table, `name=column`, and with its values `name=column:theirs=ours,theirs=ours`.

    >>> parse_label("dr=Referable DR?:yes=1,no=0", ["Referable DR?"])
    ('dr', Origin(column='Referable DR?', function='', pattern='', values=(('yes', '1'), ('no', '0'))))
    """
    if text in columns:
        return text, Origin(text)
    translated = _TRANSLATED.fullmatch(text)
    if translated and translated[1] in columns:
        return translated[1], Origin(translated[1], values=_values(translated[2]))
    name, _, theirs = (part.strip() for part in text.partition("="))
    if not theirs:
        return text, Origin(text)
    return name, Origin(theirs) if theirs in columns else parse_origin(theirs, name, "--label")


def parse_origin(text: str, name: str, option: str) -> Origin:
    """Read the text after `name=`: a column, perhaps in quotes, or a function of one, perhaps with its values."""
    translated = _TRANSLATED.fullmatch(text.strip())
    values = _values(translated[2]) if translated else ()
    text = (translated[1] if translated else text).strip()
    if not text:
        raise UserError(f"{option}: '{name}=' names no column; write it like {name}=their_column")
    call = _CALL.fullmatch(text)
    if call is None:
        unknown = re.fullmatch(r"(\w+)\(.*\)", text)
        if unknown and (hint := did_you_mean(unknown[1], FUNCTIONS)):
            raise UserError(
                f"{option}: '{unknown[1]}' of '{name}' is unknown{hint}; use folder(column), match(column, pattern), or "
                "put the name of the column in quotes"
            )
        return Origin(_unquoted(text), values=values)
    function, column, pattern = call[1], _unquoted(call[2]), _unquoted(call[3] or "")
    if (function == "match") != bool(pattern):
        raise UserError(f"{option}: write '{name}' as folder(column), or as match(column, \"pattern\")")
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(f"{option}: the pattern of '{name}', {pattern!r}, is no regular expression: {error}") from error
    return Origin(column, function, pattern, values)


def is_call(text: str) -> bool:
    """Whether a text is a function of a column and not the name of one."""
    return _CALL.fullmatch(text) is not None


def mapped_table(
    table: pd.DataFrame, mapping: Mapping[str, Origin], name: str, ours: Callable[[str], bool]
) -> pd.DataFrame:
    """The columns of a table that are ours, by mapping or by name; all others are left out.

    Args:
        table: As `eyeground.core.tables.read_table` gives it.
        name: What to call the table in errors.
        ours: Whether a name is that of a column of ours, which needs no mapping; capitals aside.

    Raises:
        UserError: If a mapped column is not there, or a value has no translation.
    """
    for column, origin in mapping.items():
        if origin.column not in table:
            hint = did_you_mean(origin.column, table.columns)
            found = ", ".join(map(str, table.columns))
            raise UserError(
                f"{name}: there is no column '{origin.column}' to be '{column}'{hint}. Columns found: {found}"
            )
    kept: dict[str, pd.Series] = {}
    for column in table.columns:
        if ours(column) and column not in mapping:
            kept[column] = table[column]
    for column in table.columns:
        lower = column.lower()
        if ours(lower) and lower not in mapping and lower not in kept:
            kept[lower] = table[column].rename(lower)
    mapped = {column: _cells_of(table, origin, name).rename(column) for column, origin in mapping.items()}
    return pd.DataFrame(kept | mapped, index=table.index)


def _pairs(text: str, option: str, example: str) -> list[tuple[str, str]]:
    pairs, position = [], 0
    while text[position:].strip(" ,"):
        pair = _PAIR.match(text, position)
        if pair is None:
            rest = text[position:].strip()
            raise UserError(
                f"{option}: '{rest}' is no 'ours=theirs' pair; write it like '{example}', and put a name that holds "
                "commas, quotes, '=' or brackets in quotes"
            )
        pairs.append((_unquoted(pair[1]), pair[2].strip()))
        position = pair.end()
    if not pairs:
        raise UserError(f"{option} is empty; write it like '{example}'")
    return pairs


def _values(text: str) -> tuple[tuple[str, str], ...]:
    parts = (pair.partition("=") for pair in text.split(","))
    return tuple((theirs.strip(), ours.strip()) for theirs, _, ours in parts)


def _unquoted(text: str) -> str:
    """The text inside quotes, where a backslash keeps a quote; every other backslash stays, for patterns."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace(f"\\{text[0]}", text[0])
    return text


def _cells_of(table: pd.DataFrame, origin: Origin, name: str) -> pd.Series:
    cells = table[origin.column]
    if origin.function:
        pattern = r"^/?([^/]+)/" if origin.function == "folder" else origin.pattern
        # All that is found, unless a group selects a part.
        grouped = pattern if re.compile(pattern).groups else f"({pattern})"
        cells = text_cells(cells).str.extract(grouped, expand=True)[0]
    return _translated(cells, origin, name) if origin.values else cells


def _translated(cells: pd.Series, origin: Origin, name: str) -> pd.Series:
    meanings = {folded(theirs): ours for theirs, ours in origin.values}
    text = text_cells(cells)
    strange = text[text.notna() & ~text.map(folded, na_action="ignore").isin(meanings)]
    if len(strange):
        others = ", ".join(f"'{cell}'" for cell in strange.unique()[:5])
        raise UserError(
            f"{name}, row {int(strange.index[0]) + 2} (of {len(strange):,} such rows): '{origin.column}' holds {others}, which "
            f"{origin} does not translate; add it, as in {strange.iloc[0]}=1, or {strange.iloc[0]}= for unknown"
        )
    return text.map(lambda cell: meanings[folded(cell)] or pd.NA, na_action="ignore").astype("string")
