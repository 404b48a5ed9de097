"""The classifier as Lightning sees it: the training step, the validation AUROC, and the callbacks around an epoch."""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping, WeightAveraging
from rich.console import Console
from sklearn.metrics import roc_auc_score
from torch import Tensor

from eyeground.config.targets import Target, columns_of
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.core.tables import write_table
from eyeground.models.classifier import Classifier
from eyeground.models.heads import probabilities
from eyeground.training.data import Batch
from eyeground.training.evidence_guidance import guidance_loss, guided_outputs
from eyeground.training.freezing import freeze_lowest
from eyeground.training.losses import masked_loss
from eyeground.training.optimiser import optimiser_with_schedule

VALIDATION_AUROC = "validation_auroc"
LAST, BEST = "last.ckpt", "best.ckpt"


class ClassifierModule(pl.LightningModule):
    """Fits a `Classifier` to a `TrainingRecipe`.

    Args:
        output_weights: Shape (2, outputs): weight of negative and positive truths in the loss.
    """

    def __init__(self, classifier: Classifier, recipe: TrainingRecipe, output_weights: Tensor | None) -> None:
        super().__init__()
        self.classifier = classifier
        self._recipe = recipe
        self.register_buffer("output_weights", output_weights, persistent=False)
        self._guided = guided_outputs(recipe)
        self._frozen = freeze_lowest(classifier.backbone, recipe.optimisation.freeze)
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def train(self, mode: bool = True) -> "ClassifierModule":
        """Training mode for all layers that learn."""
        super().train(mode)
        for layer in self._frozen:
            layer.eval()
        return self

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_step(self._recipe.seed, self, batch_idx)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        photos, truth, _rows, *guides = batch
        settings = self._recipe.optimisation
        logits, _embedding, evidence = self.classifier.logits_and_evidence(photos)
        loss = masked_loss(
            logits,
            truth,
            self._recipe.targets,
            label_smoothing=settings.label_smoothing,
            focal=settings.loss == "focal",
            output_weights=self.output_weights,
        )
        for masks in guides:
            loss = loss + self._recipe.evidence.weight * guidance_loss(evidence[:, self._guided], masks)
        self.log("loss", loss.detach(), on_step=False, on_epoch=True, batch_size=len(photos), sync_dist=True)
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        photos, truth, rows = batch
        self._seen.append((probabilities(self.classifier(photos).float(), self._recipe.targets), truth, rows))

    def on_validation_epoch_end(self) -> None:
        seen = [torch.cat(parts) for parts in zip(*self._seen, strict=True)]
        self._seen.clear()
        # With several processes each row number comes with its photo, so that padded rows count once.
        if self.trainer.world_size > 1:
            seen = [self.all_gather(part).flatten(0, 1) for part in seen]
        predicted, truth, rows = seen
        _, first = np.unique(rows.cpu().numpy(), return_index=True)
        auroc = weighted_auroc(truth.cpu().numpy()[first], predicted.cpu().numpy()[first], self._recipe.targets)
        self.log(VALIDATION_AUROC, auroc)

    def configure_optimizers(self) -> dict[str, Any]:
        return optimiser_with_schedule(self.classifier, self._recipe.optimisation, self.trainer)


def seed_step(seed: int, module: pl.LightningModule, step: int) -> None:
    """Seed torch's global generator, which dropout and stochastic depth use, for one step.

    So a resumed run gets the random numbers of an uninterrupted one, whatever else used some in between (loaders do).
    """
    place = (seed, module.current_epoch, step, module.global_rank)
    torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))


def weighted_auroc(truth: np.ndarray, predicted: np.ndarray, targets: Sequence[Target]) -> float:
    """Mean AUROC of the targets by their weights; a target's is the mean over its outputs. NaN if there is none.

    Only outputs with known positives and negatives count.

    Args:
        truth: Shape (n, outputs): 0, 1 or NaN.
        predicted: Shape (n, outputs).
        targets: In the order of the outputs.
    """
    values, weights = [], []
    for target, columns in columns_of(targets):
        found = [_auroc(*column) for column in zip(truth[:, columns].T, predicted[:, columns].T, strict=True)]
        estimable = [auroc for auroc in found if not math.isnan(auroc)]
        if estimable:
            values.append(float(np.mean(estimable)))
            weights.append(target.weight)
    return float(np.average(values, weights=weights)) if values else math.nan


def _auroc(truth: np.ndarray, predicted: np.ndarray) -> float:
    known = np.isfinite(truth)
    return float(roc_auc_score(truth[known], predicted[known])) if len(np.unique(truth[known])) == 2 else math.nan


class MovingAverage(WeightAveraging):
    """Exponential moving average of weights and buffers with decay min(decay, (1 + step) / (10 + step)).

    The decay grows with the steps, so that the average of a short run is not its first weights.
    """

    def __init__(self, decay: float) -> None:
        # All tensors at once: to read the step, which is on the GPU, the host waits for all that runs there.
        def average(averaged: tuple[Tensor, ...], current: tuple[Tensor, ...], updates: Tensor | int) -> None:
            step = float(updates)
            if averaged[0].is_floating_point():
                torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + step) / (10 + step)))
            else:
                torch._foreach_copy_(averaged, current)

        super().__init__(multi_avg_fn=average)


class Patience(EarlyStopping):
    """Stops after so many epochs without a better validation AUROC; a resumed run stays stopped."""

    def __init__(self, epochs: int) -> None:
        super().__init__(VALIDATION_AUROC, mode="max", patience=epochs, check_on_train_epoch_end=True)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its final name and moves it there, so a kill leaves the old one intact. Never unpickles."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        with replacing(Path(path)) as partial:
            torch.save(checkpoint, partial)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        return loaded


class EpochReport(Callback):
    """Progress while an epoch runs, one line when it ends, and `history.csv`, which survives a resumed run.

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

    def state_dict(self) -> dict[str, Any]:
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.history = state_dict["history"]

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        name = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self._bar = iter(track(range(self._photos), name)) if trainer.is_global_zero else iter(())
        self._started, self._trained = time.monotonic(), 0

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        photos = len(batch[0]) * trainer.world_size
        for _ in range(photos):
            next(self._bar, None)
        self._trained += photos
        self._rate = self._trained / (time.monotonic() - self._started)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        for _ in self._bar:
            pass
        metrics = trainer.callback_metrics
        epoch = {"epoch": trainer.current_epoch + 1, "loss": float(metrics["loss"])}
        if self.measure:
            epoch[self.measure] = float(metrics[self.measure])
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


class KeepCheckpoints(Checkpoint):
    """Keeps the last epoch, to resume from, and the best one, to use.

    The best epoch is that of the history, which is part of the checkpoint: Lightning itself forgets its best score when a
    run folder is moved.
    """

    def __init__(self, folder: Path, report: EpochReport) -> None:
        self._folder = folder
        self._report = report

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Lightning runs checkpoint callbacks after all others, so the history ends with this epoch.
        history = self._report.history
        if best_of(history, self._report.measure) is history[-1]:
            trainer.save_checkpoint(self._folder / BEST)
        trainer.save_checkpoint(self._folder / LAST)


def best_of(history: Sequence[dict[str, float]], measure: str | None = VALIDATION_AUROC) -> dict[str, float]:
    """The first epoch with the highest measure; the last epoch where there is none."""
    return max(history, key=lambda epoch: epoch[measure]) if measure else history[-1]
