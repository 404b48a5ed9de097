"""Checkpoints: of the last and the best epoch, and within an epoch when the machine is taken away (SIGTERM).

A checkpoint can be resumed by another number of processes and passes.
"""

import signal
import threading
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from eyeground.core.files import replacing
from eyeground.training.batches import Place, batches_of
from eyeground.training.data import Batch
from eyeground.training.epoch_report import EpochReport, best_of

LAST, BEST = "last.ckpt", "best.ckpt"
AGREE_EVERY = 8  # steps after which several processes ask each other whether one is to stop


class StoppedError(Exception):
    """The training was asked to stop, and its last checkpoint is written."""


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its final name and moves it there, so a kill leaves the old one intact. Never unpickles."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        return loaded


class KeepCheckpoints(Checkpoint):
    """Keeps the last epoch, to resume from, and the best one, to use; after SIGTERM, the last step.

    The best epoch is that of the history, which is part of the checkpoint: Lightning itself forgets its best score when a
    run folder is moved.

    Args:
        passes: Batches of one process in a step.
    """

    def __init__(self, folder: Path, report: EpochReport, passes: int) -> None:
        self._folder = folder
        self._report = report
        self._passes = passes
        self._steps = 0  # of the epoch, that the checkpoint being written has done; 0 at its end
        self._asked = False

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # In place of Lightning's handler, which starts a collective of its own wherever the process happens to be.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: Any) -> None:
        self._asked = True

    def _agreed(self, trainer: pl.Trainer) -> bool:
        """Whether any process was asked to stop; all of them ask at the same step."""
        if trainer.world_size == 1:
            return self._asked
        return bool(trainer.strategy.reduce_boolean_decision(self._asked, all=False))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        batches = batches_of(trainer)
        steps, further = divmod(batch_idx + 1, self._passes)
        # After the last step comes the validation, and the epoch's own checkpoint.
        if further or steps == batches.steps or (trainer.world_size > 1 and steps % AGREE_EVERY):
            return
        if self._agreed(trainer):
            self._report.share_loss(trainer)
            self._steps = steps
            trainer.save_checkpoint(self._folder / LAST)
            raise StoppedError

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning runs checkpoint callbacks after all others, so the history ends with this epoch.
        history = self._report.history
        self._steps = 0
        if best_of(history, self._report.measure) is history[-1]:
            trainer.save_checkpoint(self._folder / BEST)
        trainer.save_checkpoint(self._folder / LAST)
        if trainer.current_epoch + 1 < trainer.max_epochs and self._agreed(trainer):
            raise StoppedError

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        steps = _steps_done(checkpoint)
        if steps:  # Lightning counts batches of one process, of which a step may have another number now
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
            done = steps * self._passes
            further = done - progress["current"]["ready"]
            for counts in (progress["current"], progress["total"]):
                for event in ("ready", "started", "processed", "completed"):
                    counts[event] += further


def place_to_resume(last: Path) -> Place:
    """Where a run continues from its last checkpoint."""
    checkpoint = torch.load(last, map_location="cpu", weights_only=True, mmap=True)
    steps = _steps_done(checkpoint)
    return Place(int(checkpoint["epoch"]), steps) if steps else Place(int(checkpoint["epoch"]) + 1)


def _steps_done(checkpoint: dict[str, Any]) -> int:
    return int(checkpoint["callbacks"].get(KeepCheckpoints.__qualname__, {}).get("steps", 0))
