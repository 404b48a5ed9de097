"""Photos and truths for training, reproducible: an item's augmentation depends on (seed, epoch, row) alone.

See docs/decisions/0004-resume-by-epoch-and-row.md.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from eyeground.config.training_recipe import Augmentation
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.training.augmentation import augment

Batch = tuple[Tensor, Tensor, Tensor]


class Draw(NamedTuple):
    """A row to be read in an epoch; one that only fills a batch up does not count, and gets no truth."""

    epoch: int
    row: int
    counts: bool = True


class FundusDataset(Dataset[Batch]):
    """Standard photos (side, side, 3) uint8 with truths (outputs,) float32 and row numbers."""

    def __init__(self, photos: PreparedPhotos, augmentation: Augmentation | None, seed: int) -> None:
        self._photos = photos
        self._augmentation = augmentation
        self._seed = seed

    def __getitem__(self, item: tuple[int, int] | Draw) -> Batch:
        epoch, row, counts = Draw(*item)
        photo = read_prepared(self._photos.standard[row])
        if self._augmentation is not None:
            photo = augment(photo, self._augmentation, np.random.default_rng((self._seed, epoch, row)))
        truth = torch.from_numpy(self._photos.truth[row])
        return torch.from_numpy(photo), truth if counts else torch.full_like(truth, torch.nan), torch.tensor(row)


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
