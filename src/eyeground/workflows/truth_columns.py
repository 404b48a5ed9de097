"""Which label column of a manifest is the truth of which output of a model.

A column with a target's name is its truth. By name, `x` is also the first step of the grades `x_grade`, and `x_grade` of
1 or more is `x`. Everything else is for the user to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from eyeground.config.targets import Target
from eyeground.core.words import folded
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import truths
from eyeground.errors import UserError, did_you_mean

GRADE = " grade"  # as `folded` writes it


@dataclass(frozen=True)
class MatchedTruths:
    """A manifest's truths of a model's outputs.

    Attributes:
        table: Shape (photos, outputs), float: 0, 1 or NaN, columns named by output.
        used: Label columns that it was made of.
        messages: For the user: where truths come from, which outputs have none, which labels were not used.
    """

    table: pd.DataFrame
    used: frozenset[str]
    messages: tuple[str, ...]


def match_truths(
    manifest: Manifest, targets: Sequence[Target], given: Mapping[str, str] | None = None
) -> MatchedTruths:
    """Find the truths of every output among a manifest's labels.

    Args:
        targets: Of the model.
        given: Label column by target, or by single output (of 0 and 1); takes precedence over names.

    Raises:
        UserError: If a given name does not exist, a label has a value that its target does not have, or a column with a
            grade's name less `_grade` holds other values than 0 and 1.
    """
    given = dict(given or {})
    _check(given, targets, manifest)
    found: dict[str, pd.Series] = {}
    sources: dict[str, str] = {}
    for target in targets:
        columns, source = _of_target(manifest, target, given.get(target.name))
        for output in target.outputs:
            if output != target.name and output in given:
                columns[output] = _of_output(manifest, output, given[output])
                sources[output] = given[output]
            elif output in columns:
                sources[output] = source
        found |= {
            output: columns.get(output, pd.Series(np.nan, index=manifest.table.index)) for output in target.outputs
        }
    return MatchedTruths(pd.DataFrame(found), frozenset(sources.values()), _messages(manifest, found, sources))


def _check(given: Mapping[str, str], targets: Sequence[Target], manifest: Manifest) -> None:
    known = list(dict.fromkeys(name for target in targets for name in (target.name, *target.outputs)))
    for name, column in given.items():
        if name not in known:
            raise UserError(
                f"--truth {name}={column}: the model has no output '{name}'{did_you_mean(name, known)}; "
                f"it has {', '.join(known)}"
            )
        if column not in manifest.labels:
            raise UserError(
                f"--truth {name}={column}: the manifest has no label '{column}'{did_you_mean(column, manifest.labels)}; "
                f"it has {', '.join(manifest.labels) or 'none'}"
            )


def _of_target(manifest: Manifest, target: Target, given: str | None) -> tuple[dict[str, pd.Series], str]:
    """The truths of a target's outputs that a label column gives, and that column."""
    by_name = {folded(label): label for label in reversed(manifest.labels)}
    column = given or (target.name if target.name in manifest.labels else by_name.get(folded(target.name)))
    if column:
        found = truths(manifest.table[column], target.model_copy(update={"name": column}))
        return dict(zip(target.outputs, (found[name] for name in found), strict=True)), column
    name = folded(target.name)
    # 1 stands for the disease unless the target says otherwise; two words may mean anything.
    of_disease = target.kind == "binary" and not target.classes and target.healthy in (None, "0")
    if of_disease and (column := by_name.get(name + GRADE)):
        grades = manifest.table[column]
        if pd.api.types.is_numeric_dtype(grades.dtype):
            return {target.outputs[0]: (grades >= 1).astype("Float64").astype(float)}, column
    if target.kind == "ordinal" and name.endswith(GRADE) and (column := by_name.get(name.removesuffix(GRADE))):
        if not set(manifest.table[column].dropna().unique()) <= {0, 1}:
            raise UserError(
                f"label '{column}' is not 0 and 1 alone, and the model grades it as '{target.name}' "
                f"({', '.join(target.classes)}): if it holds these grades, add --truth {target.name}={column}; if not, "
                f"rename it 'note_{column}'"
            )
        return {target.outputs[0]: _of_output(manifest, target.outputs[0], column)}, column
    return {}, ""


def _of_output(manifest: Manifest, output: str, column: str) -> pd.Series:
    return truths(manifest.table[column], Target(name=column))[column].rename(output)


def _messages(manifest: Manifest, found: Mapping[str, pd.Series], sources: Mapping[str, str]) -> tuple[str, ...]:
    by_column: dict[str, list[str]] = {}
    for output, column in sources.items():
        by_column.setdefault(column, []).append(output)
    from_column = [f"{column} ({', '.join(outputs)})" for column, outputs in by_column.items()]
    messages = [f"columns with truths, and of which outputs: {'; '.join(from_column) or 'none'}"]
    without = [output for output in found if output not in sources]
    if without:
        messages.append(f"no truth in the manifest: {', '.join(without)}")
    unused = [label for label in manifest.labels if label not in sources.values()]
    if unused:
        messages.append(
            f"kept as columns, but no truth of an output: {', '.join(unused)}; --truth OUTPUT=COLUMN makes one a truth"
        )
    return tuple(messages)
