"""The photos of each step, dealt out to processes and passes: one step holds the same photos however many share it.

A recipe's `batch_size` is that of a step. See "Training on many GPUs" in docs/scale.md.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from eyeground.errors import UserError
from eyeground.training.data import Draw, EpochSampler


@dataclass(frozen=True)
class Place:
    """Where a training begins: an epoch, and how many steps of it are done, both from 0."""

    epoch: int = 0
    step: int = 0


@dataclass(frozen=True)
class Share:
    """What a process does of each step: one of `parts` processes, in `passes` forward and backward passes."""

    part: int = 0
    parts: int = 1
    passes: int = 1

    @property
    def number(self) -> int:
        """How many batches a step is dealt out to."""
        return self.parts * self.passes

    def of(self, batch_size: int) -> int:
        """Photos in one batch of a step of `batch_size`.

        Raises:
            UserError: If the step has fewer photos than batches.
        """
        if batch_size < self.number:
            raise UserError(
                f"optimisation.batch_size is {batch_size}, fewer photos than the {self.parts} processes with {self.passes} passes "
                "each (machine.accumulate) that share a step; it is the number of photos in a step of all of them together"
            )
        return math.ceil(batch_size / self.number)


class StepBatches(Sampler[list[Draw]]):
    """The batches of one process: in each step, `share.passes` of them.

    All batches of a step are equally large: where the photos do not suffice, some are repeated and do not count.

    Args:
        sampler: Gives the order of an epoch, of all processes.
        size: Photos of a step, except the last of an epoch, which has what is left; a single one is left out.
        start: The epoch that training begins in is begun at this step.
    """

    def __init__(self, sampler: EpochSampler, size: int, share: Share = Share(), start: Place = Place()) -> None:
        share.of(size)
        self.sampler = sampler  # the trainer sets its epoch
        self.share = share
        self._size = size
        self._start = start
        # When it resumes, Lightning starts the worker processes before it sets the epoch of the sampler.
        sampler.set_epoch(start.epoch)
        self._order: tuple[int, np.ndarray] | None = None

    @property
    def steps(self) -> int:
        """Steps of an epoch. A last one of a single photo would break batch normalisation."""
        whole, rest = divmod(len(self.sampler), self._size)
        return whole + (rest > 1 or (rest == 1 and whole == 0))

    def __len__(self) -> int:
        return self.steps * self.share.passes

    def rows_of(self, step: int) -> np.ndarray:
        """Rows that a step of the present epoch counts, of all processes."""
        epoch = self.sampler.epoch
        if self._order is None or self._order[0] != epoch:
            self._order = epoch, self.sampler.order()
        return self._order[1][step * self._size : (step + 1) * self._size]

    def __iter__(self) -> Iterator[list[Draw]]:
        epoch = self.sampler.epoch
        first = self._start.step if epoch == self._start.epoch else 0
        for step in range(first, self.steps):
            yield from self._dealt(epoch, self.rows_of(step))

    def _dealt(self, epoch: int, rows: np.ndarray) -> Iterator[list[Draw]]:
        share = self.share
        in_batch = max(math.ceil(len(rows) / share.number), 1 if share.number == 1 else 2)
        filled = np.resize(rows, in_batch * share.number)
        for number in range(share.passes):
            places = range(number * share.parts + share.part, len(filled), share.number)
            yield [Draw(epoch, int(filled[place]), place < len(rows)) for place in places]


def batches_of(trainer: Any) -> StepBatches:
    """The batches that a trainer's training loader reads."""
    batches = trainer.train_dataloader.batch_sampler
    assert isinstance(batches, StepBatches)
    return batches
