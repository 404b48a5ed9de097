"""What a training tells of an epoch: progress while it runs, the loss, one line when it ends, and `history.csv`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from torch import Tensor

from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.training.batches import batches_of
from eyeground.training.data import Batch

VALIDATION_AUROC = "validation_auroc"


class EpochReport(Callback):
    """Reports epochs; the history, and the loss of an epoch that was interrupted, survive a resumed run.

    The loss of an epoch is the mean over its steps, by their photos; that of a step is the mean over processes and passes.

    Args:
        measure: The logged metric by which epochs are compared, such as `validation_auroc`; without one, the last epoch
            counts as best.
    """

    def __init__(
        self, history_path: Path, console: Console, photos_per_epoch: int, measure: str | None = VALIDATION_AUROC
    ) -> None:
        self._path = history_path
        self._console = console
        self._photos = photos_per_epoch
        self.measure = measure
        self.history: list[dict[str, float]] = []
        self._loss, self._counted = torch.zeros(()), 0  # sum over photos of this epoch, and their number
        self._bar: Any = None

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history, "loss": float(self._loss), "counted": self._counted}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = state_dict["history"]
        self._loss, self._counted = torch.tensor(state_dict.get("loss", 0.0)), state_dict.get("counted", 0)

    def share_loss(self, trainer: pl.Trainer) -> None:
        """Give every process the mean over all of them, so that the state of one is that of all."""
        self._loss = trainer.strategy.reduce(self._loss.to(trainer.strategy.root_device), reduce_op="mean")

    def _begin(self, trainer: pl.Trainer) -> None:
        name = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self._bar = iter(track(range(self._photos), name)) if trainer.is_global_zero else iter(())
        for _ in range(self._counted):
            next(self._bar, None)
        self._started, self._trained = time.monotonic(), 0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Batch, batch_idx: int) -> None:
        if self._bar is None:  # an epoch that is resumed within has no start
            self._begin(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        batches = batches_of(trainer)
        step, number = divmod(batch_idx, batches.share.passes)
        photos = len(batches.rows_of(step))
        loss: Tensor = outputs["loss"].detach()  # Lightning has divided it by the passes
        self._loss = self._loss.to(loss.device) + loss * photos
        if number + 1 == batches.share.passes:
            self._counted += photos
            self._trained += photos
            for _ in range(photos):
                next(self._bar, None)
            self._rate = self._trained / (time.monotonic() - self._started)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for _ in self._bar:
            pass
        self.share_loss(trainer)
        loss = float(self._loss) / self._counted
        self._loss, self._counted, self._bar = torch.zeros(()), 0, None
        pl_module.log("loss", loss, sync_dist=True)  # equal on all; Lightning warns otherwise
        epoch = {"epoch": trainer.current_epoch + 1, "loss": loss}
        if self.measure:
            epoch[self.measure] = float(trainer.callback_metrics[self.measure])
        epoch["photos_per_second"] = round(self._rate, 2)
        self.history.append(epoch)
        if trainer.is_global_zero:
            write_table(pd.DataFrame(self.history), self._path)
            self._console.print(
                f"epoch {epoch['epoch']}/{trainer.max_epochs}: loss {epoch['loss']:.4f}, "
                f"{self._compared(epoch)}{self._rate:.1f} photos/s"
            )

    def _compared(self, epoch: dict[str, float]) -> str:
        if not self.measure:
            return ""
        best = best_of(self.history, self.measure)
        words = self.measure.replace("_", " ").replace("auroc", "AUROC").replace("dice", "Dice")
        return f"{words} {epoch[self.measure]:.4f} (best {best[self.measure]:.4f} in epoch {best['epoch']}), "


def best_of(history: Sequence[dict[str, float]], measure: str | None = VALIDATION_AUROC) -> dict[str, float]:
    """The first epoch with the highest measure; the last epoch where there is none."""
    return max(history, key=lambda epoch: epoch[measure]) if measure else history[-1]
