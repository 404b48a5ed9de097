"""Predictions tables that others wrote: which of their columns are which of ours; see docs/predictions.md.

Columns that are neither mapped nor named as ours are left out, so that no name or date of birth comes along.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from eyeground.core.tables import read_table
from eyeground.data.column_mapping import Origin, is_call, mapped_table, parse_origin, parse_pairs
from eyeground.data.manifest import OPTIONAL, REQUIRED
from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions, validated_predictions
from eyeground.errors import UserError, did_you_mean

OPTION = "--columns"
EXAMPLE = "photo=Filename, patient=Filename, truth:dr=Label, probability:dr=Score"
YAML = (".yaml", ".yml")
KNOWN = REQUIRED + OPTIONAL


def parse_mapping(texts: Sequence[str]) -> dict[str, Origin]:
    """Read a mapping from texts of `ours=theirs` pairs and from YAML files.

    Args:
        texts: Each pairs separated by commas, or the path of a `.yaml` file.

    Returns:
        By the name of our column, such as `photo` or `truth_dr`.

    Raises:
        UserError: If a text is no such mapping, or one of our columns is mapped twice.

    >>> mapping = parse_mapping(["photo=Filename, source=folder(Filename)", "truth:dr='Label, adjudicated'"])
    >>> mapping["source"]
    Origin(column='Filename', function='folder', pattern='', values=())
    >>> mapping["truth_dr"].column
    'Label, adjudicated'
    """
    mapping: dict[str, Origin] = {}
    for text in texts:
        pairs = _read_yaml(Path(text)) if _is_yaml(text) else parse_pairs(text, OPTION, EXAMPLE, _our_name)
        for name, origin in pairs.items():
            if name in mapping:
                raise UserError(f"{OPTION} maps '{name}' twice; keep one")
            mapping[name] = origin
    return mapping


def read_external(path: Path, mapping: Mapping[str, Origin]) -> Predictions:
    """Read a predictions table whose columns have other names.

    Args:
        path: CSV or Parquet.
        mapping: From `parse_mapping`. Columns of the table with our names that are not mapped are kept; others are
            left out.

    Raises:
        UserError: If the table lacks a column that is mapped, photo or patient is neither mapped nor there, or the
            mapped table is not valid; a photo in two rows is an error that names the second.
    """
    path = Path(path)
    table = read_table(path)
    found = f"Columns found: {', '.join(map(str, table.columns))}"
    ours = mapped_table(table, mapping, str(path), _is_ours)
    for required in REQUIRED:
        if required not in ours:
            raise UserError(f"{path}: --columns does not say which column is '{required}'{_remedy(required)}. {found}")
    _refuse_half_outputs(path, list(ours.columns), found)
    try:
        return validated_predictions(ours, str(path), table.index + 2)
    except UserError as error:
        mapped = ", ".join(f"{name} is {origin}" for name, origin in mapping.items())
        raise UserError(f"{error}\nAs mapped: {mapped}") from error


def _is_yaml(text: str) -> bool:
    return text.lower().endswith(YAML) and "=" not in text


def _read_yaml(path: Path) -> dict[str, Origin]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(value, str) for value in content.values()):
        raise UserError(f"{path}: expected one line for each column, such as 'photo: Filename'")
    names = {_our_name(str(ours)): value for ours, value in content.items()}
    # A YAML value is one entire name, so it needs no quotes unless it is a call.
    return {
        name: parse_origin(value, name, OPTION) if is_call(value) else Origin(value) for name, value in names.items()
    }


def _our_name(text: str) -> str:
    """`truth:dr` or `truth_dr` as `truth_dr`; of other columns, only those that evaluation knows."""
    name = text.strip()
    for prefix in (TRUTH, PROBABILITY):
        short = prefix.removesuffix("_")
        if name.startswith((f"{short}:", prefix)) and name[len(prefix) :].strip():
            return prefix + name[len(prefix) :].strip()
    if name not in KNOWN:
        known = [*KNOWN, "truth:<output>", "probability:<output>"]
        raise UserError(
            f"--columns: '{name}' is not a column of ours{did_you_mean(name, known)}; use {', '.join(known)}"
        )
    return name


def _is_ours(column: str) -> bool:
    return column in KNOWN or column.startswith((TRUTH, PROBABILITY))


def _remedy(column: str) -> str:
    if column == "patient":
        return " (where patients are unknown, give patient the photo's column: every photo then counts as a patient)"
    return f", such as '{column}=Filename'"


def _refuse_half_outputs(path: Path, names: Sequence[str], found: str) -> None:
    """Refuse a truth or a probability without its other half, in the words of the mapping."""
    for one, other in ((TRUTH, PROBABILITY), (PROBABILITY, TRUTH)):
        for name in names:
            output = name.removeprefix(one)
            if name.startswith(one) and other + output not in names:
                lacking, given = other.removesuffix("_"), one.removesuffix("_")
                hint = did_you_mean(other + output, names)
                raise UserError(f"{path}: '{given}:{output}' has no '{lacking}:{output}' beside it{hint}. {found}")
    if not any(name.startswith(PROBABILITY) for name in names):
        raise UserError(f"{path}: --columns names no output; write it like '{EXAMPLE}'. {found}")
