"""The readable photographs of a manifest as standard photos on disk, with what is true of them: what every model is fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from eyeground.errors import UserError, did_you_mean
from eyeground.imaging.cache import prepare
from eyeground.manifest import Manifest
from eyeground.predictions import truths
from eyeground.recipe import Preprocessing, Target


@dataclass(frozen=True)
class PreparedPhotos:
    """Readable photos of a manifest, as standard photos on disk, with their truths.

    Attributes
    ----------
    manifest : Manifest
        The rows whose photo could be read.
    standard : tuple of pathlib.Path
        Standard photo of each row, PNG.
    truth : numpy.ndarray
        Shape (rows, outputs), float32: 0, 1 or NaN.
    unreadable : dict of str to str
        Photos left out, and why.
    """

    manifest: Manifest
    standard: tuple[Path, ...]
    truth: np.ndarray
    unreadable: dict[str, str]

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of one split."""
        return np.flatnonzero((self.manifest.table["split"] == split).fillna(False).to_numpy(bool))


def prepare_photos(
    manifest: Manifest, targets: Sequence[Target], preprocessing: Preprocessing, cache: Path, jobs: int
) -> PreparedPhotos:
    """Make or find the standard photo of every row, and turn its labels into truths.

    Raises
    ------
    UserError
        If a label is missing from the manifest, holds a value that the target does not know, or no photo can be
        read.
    """
    truth = truth_table(manifest, targets)
    prepared = prepare(manifest.photo_paths(), preprocessing, cache, jobs)
    unreadable = {str(manifest.table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    readable = np.array([path is not None for path in prepared.paths])
    if not readable.any():
        photo, reason = next(iter(unreadable.items()))
        raise UserError(f"none of the {len(manifest)} photos can be read; the first is {photo}: {reason}")
    return PreparedPhotos(
        manifest.where(pd.Series(readable)),
        tuple(path for path in prepared.paths if path is not None),
        truth.to_numpy(np.float32)[readable],
        unreadable,
    )


def truth_table(manifest: Manifest, targets: Sequence[Target]) -> pd.DataFrame:
    """Truths (rows, outputs) of all targets, columns named by output.

    Raises
    ------
    UserError
        If a target is no label of the manifest or a label has a value that the target does not know.
    """
    for target in targets:
        if target.name not in manifest.labels:
            known = ", ".join(manifest.labels) or "none"
            hint = did_you_mean(target.name, manifest.labels)
            raise UserError(f"target '{target.name}' is no label of the manifest{hint}; its labels are {known}")
    return pd.concat([truths(manifest.table[target.name], target) for target in targets], axis=1)


def labelled(manifest: Manifest, targets: Sequence[Target]) -> Manifest:
    """The photos for which the truth of at least one target is known; raises as `truth_table` does."""
    known = np.isfinite(truth_table(manifest, targets).to_numpy(float)).any(axis=1)
    return manifest.where(pd.Series(known))


def with_classes(target: Target, manifest: Manifest) -> Target:
    """Fill in the classes of a multiclass or ordinal target from the labels, if the recipe does not list them.

    Raises
    ------
    UserError
        If the label is unknown or has fewer than two values.
    """
    if target.kind == "binary" or target.classes:
        return target
    if target.name not in manifest.labels:
        truth_table(manifest, [target])
    values = sorted(manifest.table[target.name].dropna().unique())
    if len(values) < 2:
        raise UserError(f"target '{target.name}' has fewer than two different labels; there is nothing to tell apart")
    return target.model_copy(update={"classes": tuple(str(value) for value in values)})
