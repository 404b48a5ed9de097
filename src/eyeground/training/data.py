"""Photos and truths for training, reproducible: an item's augmentation depends on (seed, epoch, row) alone.

See docs/decisions/0004-resume-by-epoch-and-row.md.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from eyeground.config.several_sources import SeveralSources
from eyeground.config.training_recipe import Augmentation
from eyeground.data.manifest import Manifest
from eyeground.errors import unknown
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.training.augmentation import augment_with_masks, recoloured

Batch = tuple[Tensor, ...]
"""Photos, truths, row numbers, and what a kind of training needs beside them."""


class Draw(NamedTuple):
    """A row to be read in an epoch; one that only fills a batch up does not count, and gets no truth."""

    epoch: int
    row: int
    counts: bool = True


class FundusDataset(Dataset[Batch]):
    """Standard photos (side, side, 3) uint8 with truths (outputs,) float32 and row numbers.

    Args:
        draws: The rows of its draws are positions: each row has this many, one after the other, and each position an
            augmentation of its own.
        camera_mixing: Share of photos whose colours are moved towards another training photo's.
    """

    def __init__(
        self,
        photos: PreparedPhotos,
        augmentation: Augmentation | None,
        seed: int,
        *,
        draws: int = 1,
        camera_mixing: float = 0.0,
    ) -> None:
        self._photos = photos
        self._augmentation = augmentation
        self._seed = seed
        self._draws = draws
        self._mixed = camera_mixing
        self._cameras = photos.rows("train") if camera_mixing else np.zeros(0, int)

    def __getitem__(self, item: tuple[int, int] | Draw) -> Batch:
        draw = Draw(*item)
        photo, _masks = self._changed(draw)
        return photo, *self._truth_of(draw)

    def _row(self, draw: Draw) -> int:
        return draw.row // self._draws

    def _truth_of(self, draw: Draw) -> tuple[Tensor, Tensor]:
        row = self._row(draw)
        truth = torch.from_numpy(self._photos.truth[row])
        return truth if draw.counts else torch.full_like(truth, torch.nan), torch.tensor(row)

    def _changed(self, draw: Draw, masks: Sequence[np.ndarray] = ()) -> tuple[Tensor, list[np.ndarray]]:
        """A draw's photo, and masks that are warped as it is."""
        photo, masks = read_prepared(self._photos.standard[self._row(draw)]), list(masks)
        if self._augmentation is not None:
            random = np.random.default_rng((self._seed, draw.epoch, draw.row))
            if self._mixed and random.random() < self._mixed:
                other = read_prepared(self._photos.standard[random.choice(self._cameras)])
                photo = recoloured(photo, other, random.uniform())
            photo, masks = augment_with_masks(photo, masks, self._augmentation, random)
        return torch.from_numpy(photo), masks


class EpochSampler(Sampler[Draw]):
    """Gives draws in an order that depends on the seed and the epoch alone.

    Args:
        rows: Shape (n,), row numbers to draw from.
        shuffle: Draw in random order; else in the given one.
        weights: Shape (n,): draw n rows with replacement, in proportion to these.
        part, parts: Give only each `parts`-th row from the `part`-th on: the share of one of several processes.
    """

    def __init__(
        self,
        rows: np.ndarray,
        *,
        shuffle: bool,
        seed: int,
        weights: np.ndarray | None = None,
        part: int = 0,
        parts: int = 1,
    ) -> None:
        self._rows = rows
        self._shuffle = shuffle
        self._seed = seed
        self._weights = None if weights is None else weights / weights.sum()
        self._part, self._parts = part, parts
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self._rows) / self._parts)

    def order(self) -> np.ndarray:
        """Rows of this epoch in order, of all processes."""
        random = np.random.default_rng((self._seed, self.epoch))
        if self._weights is not None:
            return random.choice(self._rows, size=len(self._rows), p=self._weights)
        return random.permutation(self._rows) if self._shuffle else self._rows

    def __iter__(self) -> Iterator[Draw]:
        # Every process must get as many rows, or the others wait for it for ever.
        padded = np.resize(self.order(), len(self) * self._parts)
        return iter([Draw(self.epoch, int(row)) for row in padded[self._part :: self._parts]])


def loader(dataset: Dataset[Batch], sampler: EpochSampler, batch_size: int, workers: int) -> DataLoader[Batch]:
    """A loader whose workers stay alive between epochs and use one thread each."""
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler, **_workers(workers))


def training_loader(dataset: Dataset[Batch], batches: Sampler[list[Draw]], workers: int) -> DataLoader[Batch]:
    """As `loader`, for the batches of `eyeground.training.batches.StepBatches`."""
    return DataLoader(dataset, batch_sampler=batches, **_workers(workers))


def _workers(number: int) -> dict[str, Any]:
    return {
        "num_workers": number,
        "persistent_workers": number > 0,
        "worker_init_fn": _one_thread,
        "pin_memory": torch.cuda.is_available(),
    }


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def rarity_weights(truth: np.ndarray) -> np.ndarray:
    """Sampling weights (n,): each row counts by the rarest of its known truths, so that classes are sampled equally."""
    known = np.isfinite(truth)
    positives = np.nansum(truth, axis=0).clip(1)
    negatives = (known.sum(axis=0) - np.nansum(truth, axis=0)).clip(1)
    count = np.where(np.nan_to_num(truth) > 0.5, positives, negatives)
    return np.asarray(1.0 / np.where(known, count, np.inf).min(axis=1).clip(1, len(truth)))


def positions_of(rows: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Positions of rows that an epoch uses several times, as datasets of `draws.max()` draws number them.

    >>> positions_of(np.array([0, 2]), np.array([1, 1, 3])).tolist()
    [0, 6, 7, 8]
    """
    return np.concatenate([row * int(draws.max()) + np.arange(draws[row]) for row in rows])


def draws_of(manifest: Manifest, recipe: SeveralSources, usual: int = 1) -> np.ndarray:
    """How often an epoch uses each row, shape (rows,).

    Args:
        usual: Of sources that `draws_of` does not name.

    Raises:
        UserError: If `draws_of` names a source that no photo is of.
    """
    draws = np.full(len(manifest), usual)
    sources = manifest.table["source"] if "source" in manifest.table else pd.Series(pd.NA, index=manifest.table.index)
    for source, number in recipe.draws_of.items():
        rows = (sources == source).fillna(False).to_numpy(dtype=bool)
        if not rows.any():
            raise unknown("source", source, sorted(sources.dropna().unique()), "draws_of")
        draws[rows] = number
    return draws
