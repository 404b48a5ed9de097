"""The readable photographs of a manifest as standard photos on disk, with their truths: the input of every fit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.config.label_words import healthy_among, known_order, means_health
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Preprocessing
from eyeground.core.words import meaning
from eyeground.data.manifest import Manifest
from eyeground.data.predictions import truths
from eyeground.errors import UserError, unknown
from eyeground.imaging.cache import prepare
from eyeground.imaging.packed import StandardFile, packed_photos


@dataclass(frozen=True, kw_only=True)
class PhotosOnDisk:
    """Readable photos of a manifest, as standard photos on disk.

    Attributes:
        manifest: The rows whose photo could be read.
        standard: Standard photo of each row: a PNG in the cache, or one in a shard.
        unreadable: Photos left out, and why.
    """

    manifest: Manifest
    standard: tuple[StandardFile, ...]
    unreadable: dict[str, str] = field(default_factory=dict)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one split."""
        return np.flatnonzero((self.manifest.table["split"] == split).fillna(False).to_numpy(bool))


@dataclass(frozen=True, kw_only=True)
class PreparedPhotos(PhotosOnDisk):
    """Photos on disk with their truths: shape (rows, outputs), float32: 0, 1 or NaN."""

    truth: np.ndarray


def prepare_photos(
    manifest: Manifest, targets: Sequence[Target], preprocessing: Preprocessing, cache: Path, jobs: int
) -> PreparedPhotos:
    """Find the standard photo of every row in its shard or the cache, or make it, and turn its labels into truths.

    Raises:
        UserError: If a label is missing from the manifest, holds a value that the target does not know, or no photo can
            be read.
    """
    truth = truth_table(manifest, targets)
    standard, failures = _packed_or_prepared(manifest, preprocessing, cache, jobs)
    unreadable = {str(manifest.table["photo"].iloc[row]): reason for row, reason in failures.items()}
    readable = np.array([one is not None for one in standard])
    if not readable.any():
        photo, reason = next(iter(unreadable.items()))
        raise UserError(f"none of the {len(manifest)} photos can be read; the first is {photo}: {reason}")
    return PreparedPhotos(
        manifest=manifest.where(pd.Series(readable)),
        standard=tuple(one for one in standard if one is not None),
        truth=truth.to_numpy(np.float32)[readable],
        unreadable=unreadable,
    )


def _packed_or_prepared(
    manifest: Manifest, preprocessing: Preprocessing, cache: Path, jobs: int
) -> tuple[list[StandardFile | None], dict[int, str]]:
    """The standard photo of each row, from its shard or the cache, and the reasons by row where there is none."""
    standard: list[StandardFile | None] = [*packed_photos(manifest, preprocessing)]
    loose = [row for row, packed in enumerate(standard) if packed is None]
    if not loose:
        return standard, {}
    paths = manifest.photo_paths()
    prepared = prepare([paths[row] for row in loose], preprocessing, cache, jobs)
    for row, path in zip(loose, prepared.paths, strict=True):
        standard[row] = path
    return standard, {loose[position]: reason for position, reason in prepared.failures.items()}


def truth_table(manifest: Manifest, targets: Sequence[Target]) -> pd.DataFrame:
    """Truths (rows, outputs) of all targets, columns named by output.

    Raises:
        UserError: If a target is no label of the manifest or a label has a value that the target does not know.
    """
    for target in targets:
        if target.name not in manifest.labels:
            raise unknown("label", target.name, manifest.labels, f"target '{target.name}'")
    return pd.concat([truths(manifest.table[target.name], target) for target in targets], axis=1)


def labelled(manifest: Manifest, targets: Sequence[Target]) -> Manifest:
    """The photos with a known truth of at least one target; raises as `truth_table` does."""
    known = np.isfinite(truth_table(manifest, targets).to_numpy(float)).any(axis=1)
    return manifest.where(pd.Series(known))


def with_classes(target: Target, manifest: Manifest) -> Target:
    """The target with its classes in order and the healthy one among them, from the labels where it does not say.

    Two classes of which one means health become a binary target. See "What labels mean" in docs/manifest.md.

    Raises:
        UserError: If the label is unknown or has fewer than two values, or if its labels do not show which class means
            health or which order they have.
    """
    if target.name not in manifest.labels:
        truth_table(manifest, [target])
    found = [str(value) for value in sorted(manifest.table[target.name].dropna().unique())]
    if set(found) <= {"0", "1"}:
        target = _in_digits(target)
    values = target.classes or tuple(found)
    if target.kind != "ordinal" and not target.classes and set(found) <= {"0", "1"}:
        values = ("0", "1")
    if len(values) < 2:
        raise UserError(f"target '{target.name}' has fewer than two different labels; there is nothing to tell apart")
    if target.kind == "ordinal":
        return _graded(target, values)
    healthy = _healthy_of(target, values)
    if len(values) > 2 and target.kind == "binary":
        raise UserError(
            f"target '{target.name}' has {len(values)} classes ({', '.join(values)}) and is binary; say '{target.name}:multiclass', "
            f"or '{target.name}:ordinal' if they are grades"
        )
    if healthy is None:  # without a class that means health, the outputs must not decide
        return _declared(target.model_copy(update={"kind": "multiclass"}), values, None)
    if len(values) > 2:
        return _declared(target, values, healthy)
    [other] = [value for value in values if value != healthy]
    classes = () if set(values) == {"0", "1"} else (healthy, other)
    return _declared(target.model_copy(update={"kind": "binary"}), classes, healthy)


def _in_digits(target: Target) -> Target:
    """The target with its classes as the manifest reads them: yes and no as 1 and 0."""
    return target.model_copy(
        update={
            "classes": tuple(meaning("truth", name) or name for name in target.classes),
            **({"healthy": meaning("truth", target.healthy) or target.healthy} if target.healthy else {}),
        }
    )


def _declared(target: Target, classes: tuple[str, ...], healthy: str | None) -> Target:
    return target.model_copy(update={"classes": classes, "healthy": healthy})


def _graded(target: Target, values: tuple[str, ...]) -> Target:
    ordered = values if target.classes else known_order(values)
    if ordered is None:
        raise UserError(
            f"target '{target.name}': the order of {', '.join(values)} is not known; say it, from health to the worst, as "
            f"'{target.name}:ordinal:{','.join(values)}'"
        )
    if not target.classes and not ordered[0].isdigit() and not healthy_among(ordered):
        raise UserError(
            f"target '{target.name}': none of the grades {', '.join(ordered)} means health, and the lowest one is taken for it; if "
            f"that is right, say '{target.name}:ordinal:{','.join(ordered)}'"
        )
    if target.healthy is not None and target.healthy != ordered[0]:
        raise UserError(f"target '{target.name}': '{target.healthy}' is not the lowest of {' < '.join(ordered)}")
    return _declared(target, ordered, ordered[0])


def _healthy_of(target: Target, values: tuple[str, ...]) -> str | None:
    """The class that means health; None only where the target itself says that none does."""
    if target.healthy == "none" and "none" not in values:
        return None
    if target.healthy is not None:
        if target.healthy not in values:
            raise unknown("class", target.healthy, values, f"target '{target.name}'")
        return target.healthy
    if "healthy" in target.model_fields_set and set(values) != {"0", "1"}:
        return None
    clear = healthy_among(values)
    if set(values) == {"0", "1"}:
        clear = ("1" if means_health(target.name) else "0",)
    if len(clear) == 1:
        return clear[0]
    why = f"both '{clear[0]}' and '{clear[1]}' could" if clear else "none of them says so"
    raise UserError(
        f"target '{target.name}': which of its classes means health is not clear: {', '.join(values)}; {why}. Say it with "
        "--healthy CLASS, or `healthy:` in the recipe; --healthy none says that no class does"
    )
