"""The classifier as Lightning sees it: the training step, the validation AUROC, averaged weights and patience."""

import math
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, WeightAveraging
from sklearn.metrics import roc_auc_score
from torch import Tensor

from eyeground.config.targets import Target, columns_of
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.models.classifier import Classifier
from eyeground.models.heads import probabilities
from eyeground.training.batches import batches_of
from eyeground.training.data import Batch
from eyeground.training.epoch_report import VALIDATION_AUROC
from eyeground.training.evidence_guidance import guidance_loss, guided_outputs
from eyeground.training.freezing import freeze_lowest
from eyeground.training.losses import known_truths, masked_loss
from eyeground.training.optimiser import optimiser_with_schedule


class ClassifierModule(pl.LightningModule):
    """Fits a `Classifier` to a `TrainingRecipe`.

    Args:
        truth: Shape (rows, outputs), of all rows of the photos.
        draws: How many positions a row has in the batches, as in `FundusDataset`.
        output_weights: Shape (2, outputs): weight of negative and positive truths in the loss.
    """

    def __init__(
        self,
        classifier: Classifier,
        recipe: TrainingRecipe,
        truth: Tensor,
        output_weights: Tensor | None,
        draws: int = 1,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self._recipe = recipe
        self._known = known_truths(truth, recipe.targets)
        self._counts = self._known.sum(dim=0)
        self._draws = draws
        self._guided = guided_outputs(recipe)
        self.register_buffer("output_weights", output_weights, persistent=False)
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
        batches = batches_of(self.trainer)
        rows = batches.rows_of(batch_idx // batches.share.passes) // self._draws
        self._counts = self._known[rows].sum(dim=0) / batches.share.number

    def training_step(self, batch: Batch, _: int) -> Tensor:
        photos, truth, _rows, *guides = batch
        settings = self._recipe.optimisation
        if guides:
            logits, _embedding, evidence = self.classifier.logits_and_evidence(photos)
        else:
            logits = self.classifier(photos)
        loss = masked_loss(
            logits,
            truth,
            self._recipe.targets,
            label_smoothing=settings.label_smoothing,
            focal=settings.loss == "focal",
            output_weights=self.output_weights,
            counts=self._counts,
        )
        for masks in guides:
            loss = loss + self._recipe.evidence.weight * guidance_loss(evidence[:, self._guided], masks)
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
        self.log(VALIDATION_AUROC, auroc, sync_dist=True)

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
