"""`fit_segmenter`: from a recipe and annotated photos to a fitted segmenter, with exact resume.

With validation photos the epoch with the best Dice is kept. Without (DRIVE's twenty can spare none), the last epoch's averaged
weights are kept, so that no epoch is chosen on training photos.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader

from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.errors import UserError
from eyeground.models.segmenter import SegmentationNetwork
from eyeground.training.annotated_photos import AnnotatedPhotos, SegmentationDataset
from eyeground.training.batches import Place, Share, StepBatches
from eyeground.training.data import Batch, EpochSampler, draws_of, loader, positions_of, training_loader
from eyeground.training.epoch_report import EpochReport
from eyeground.training.fit import HISTORY, readers, train_module
from eyeground.training.lightning_module import seed_step
from eyeground.training.optimiser import optimiser_with_schedule
from eyeground.training.ranks import SamePhotos
from eyeground.training.segmentation_losses import segmentation_loss

VALIDATION_DICE = "validation_dice"
THRESHOLD = 0.5  # probability from which a pixel counts as segmented while epochs are compared


@dataclass(frozen=True)
class SegmenterFit:
    """A fitted segmenter in evaluation mode; `history` has an entry per epoch: `epoch`, `loss`, `validation_dice`."""

    segmenter: SegmentationNetwork
    history: tuple[dict[str, float], ...]


class SegmenterModule(pl.LightningModule):
    """Fits a `SegmentationNetwork` to a `SegmentationRecipe`."""

    def __init__(self, segmenter: SegmentationNetwork, recipe: SegmentationRecipe) -> None:
        super().__init__()
        self.segmenter = segmenter
        self._recipe = recipe
        weights = torch.tensor([one.weight for one in recipe.structures])
        self.register_buffer("weights", weights, persistent=False)
        names = [one.name for one in recipe.structures]
        self._rivals = [(names.index(one), names.index(other)) for one, other in recipe.rivals]
        self._counts: list[Tensor] = []

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        seed_step(self._recipe.seed, self, batch_idx)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        photos, target, _rows = batch
        focal = self._recipe.optimisation.loss == "focal"
        return segmentation_loss(
            self.segmenter(photos),
            target,
            self.weights,
            overlap=self._recipe.overlap,
            focal=focal,
            rivals=self._rivals,
        )

    def validation_step(self, batch: Batch, _: int) -> None:
        photos, target, _rows = batch
        found = self.segmenter(photos).float().sigmoid() >= THRESHOLD
        known = torch.isfinite(target)
        truth = (torch.nan_to_num(target) >= 0.5) & known
        hit, sizes = (found & truth).sum((0, 2, 3)), ((found & known).sum((0, 2, 3)) + truth.sum((0, 2, 3)))
        self._counts.append(torch.stack([2 * hit, sizes]))

    def on_validation_epoch_end(self) -> None:
        counts = torch.stack(self._counts).sum(dim=0).double()
        self._counts.clear()
        doubled, sizes = self.all_gather(counts).reshape(-1, *counts.shape).sum(dim=0)
        there = sizes > 0
        weights = self.weights.double() * there
        dice = (doubled / sizes.clamp(min=1) * weights).sum() / weights.sum() if there.any() else torch.tensor(math.nan)
        self.log(VALIDATION_DICE, dice.float(), sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        return optimiser_with_schedule(self.segmenter, self._recipe.optimisation, self.trainer)


def fit_segmenter(
    segmenter: SegmentationNetwork,
    recipe: SegmentationRecipe,
    photos: AnnotatedPhotos,
    folder: Path,
    console: Console,
    resume: bool,
) -> SegmenterFit:
    """Fit a segmenter to the `train` rows.

    Args:
        segmenter: With its initial weights.
        folder: Run folder; gets `checkpoints/`, `history.csv` and `tensorboard/`.
        console: For progress.
        resume: Continue from `checkpoints/last.ckpt` if there is one.

    Raises:
        UserError: If no photo is for training.
    """
    train, validation = photos.rows("train"), photos.rows("validation")
    if not len(train):
        raise UserError("the manifest has no readable photos in split 'train'; make splits with `eyeground split`")
    compared = VALIDATION_DICE if len(validation) else None
    in_epoch = int(draws_of(photos.manifest, recipe, recipe.draws)[train].sum())
    report = EpochReport(folder / HISTORY, console, in_epoch, compared)

    def loaders(share: Share, start: Place) -> list[DataLoader[Batch]]:
        return _loaders(recipe, photos, share, start)

    module = SegmenterModule(segmenter, recipe)
    same = SamePhotos("".join(photo.name for photo in photos.standard).encode())
    kept = train_module(module, loaders, recipe.optimisation, recipe.machine, report, same, folder, resume)
    segmenter.load_state_dict({name.removeprefix("segmenter."): tensor for name, tensor in kept.items()})
    return SegmenterFit(segmenter.eval(), tuple(report.history))


def _loaders(
    recipe: SegmentationRecipe, photos: AnnotatedPhotos, share: Share, start: Place
) -> list[DataLoader[Batch]]:
    train, validation = photos.rows("train"), photos.rows("validation")
    draws = draws_of(photos.manifest, recipe, recipe.draws)
    most = int(draws.max())
    sampler = EpochSampler(positions_of(train, draws), shuffle=True, seed=recipe.seed)
    batches = StepBatches(sampler, recipe.optimisation.batch_size, share, start)
    workers = readers(recipe.machine)
    patches = SegmentationDataset(photos, recipe.augmentation, recipe.patch, most, recipe.seed, recipe.camera_mixing)
    loaders = [training_loader(patches, batches, workers)]
    if len(validation):
        entire = SegmentationDataset(photos, None, 0, 1, recipe.seed)
        in_order = EpochSampler(validation, shuffle=False, seed=recipe.seed, part=share.part, parts=share.parts)
        loaders.append(loader(entire, in_order, 1, workers))
    return loaders
