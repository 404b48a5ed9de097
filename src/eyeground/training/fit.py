"""`fit`: from a recipe and prepared photos to a fitted classifier, with exact resume; the best epoch by validation AUROC is kept.

See docs/decisions/0004-resume-by-epoch-and-row.md.
"""

import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader

from eyeground.config.training_recipe import Machine, Optimisation, TrainingRecipe
from eyeground.core.machine import keep_freed_memory, usable_cores
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.models.classifier import Classifier
from eyeground.models.heads import probabilities
from eyeground.training.annotated_photos import Mask
from eyeground.training.data import (
    Batch,
    EpochSampler,
    FundusDataset,
    draws_of,
    loader,
    positions_of,
    rarity_weights,
    training_loader,
)
from eyeground.training.evidence_guidance import GuidedDataset, cells_of, guiding_masks
from eyeground.training.lightning_module import (
    BEST,
    LAST,
    AtomicCheckpoints,
    ClassifierModule,
    EpochReport,
    KeepCheckpoints,
    MovingAverage,
    Patience,
    weighted_auroc,
)
from eyeground.training.losses import balancing_weights

FEW_CORES, MOST_READERS = 4, 8
HISTORY, CHECKPOINTS, MASKS = "history.csv", "checkpoints", "masks"


@dataclass(frozen=True)
class Fit:
    """A fitted classifier (in evaluation mode, with the best epoch's weights) and how it got there.

    `history` has one entry per epoch: `epoch`, `loss`, `validation_auroc`.
    """

    classifier: Classifier
    history: tuple[dict[str, float], ...]


def fit(
    classifier: Classifier, recipe: TrainingRecipe, photos: PreparedPhotos, folder: Path, console: Console, resume: bool
) -> Fit:
    """Fit a classifier to the `train` rows, choosing the epoch by the `validation` rows.

    Args:
        classifier: With its initial weights.
        recipe: With the classes of all targets filled in.
        folder: Run folder; gets `checkpoints/`, `history.csv` and `tensorboard/`.
        console: For progress.
        resume: Continue from `checkpoints/last.ckpt` if there is one.

    Raises:
        UserError: If a split has no photos or the validation split cannot give an AUROC.
    """
    train, validation = photos.rows("train"), photos.rows("validation")
    _require(photos, recipe, train, validation)
    weights = None
    if recipe.optimisation.imbalance == "weighted-loss":
        weights = balancing_weights(torch.from_numpy(photos.truth[train]), recipe.targets)
    module = ClassifierModule(classifier, recipe, weights)
    draws = draws_of(photos.manifest, recipe)
    guides = guiding_masks(photos, recipe, folder / MASKS)
    report = EpochReport(folder / HISTORY, console, int(draws[train].sum()))

    def loaders(trainer: pl.Trainer, first_epoch: int) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
        return _loaders(recipe, photos, guides, draws, trainer, first_epoch)

    best = train_module(module, loaders, recipe.optimisation, recipe.machine, report, folder, resume)
    classifier.load_state_dict({name.removeprefix("classifier."): tensor for name, tensor in best.items()})
    return Fit(classifier.eval(), tuple(report.history))


def train_module(
    module: pl.LightningModule,
    loaders: Callable[[pl.Trainer, int], Sequence[DataLoader[Batch]]],
    settings: Optimisation,
    machine: Machine,
    report: EpochReport,
    folder: Path,
    resume: bool,
) -> dict[str, Tensor]:
    """Train a module to the end, resumably, and return the weights of the best epoch by the report.

    Args:
        loaders: Gives the loaders of training and validation photos; training begins with the given epoch, from 0.
        folder: Run folder.
        resume: Continue from the last checkpoint if there is one.

    Raises:
        KeyboardInterrupt: If the training was interrupted; finished epochs are in the checkpoint.
    """
    _quiet()
    keep_freed_memory()
    module.train()
    callbacks: list[Callback] = [report, KeepCheckpoints(folder / CHECKPOINTS, report)]
    if settings.average_decay:
        callbacks.append(MovingAverage(settings.average_decay))
    if settings.patience:
        callbacks.append(Patience(settings.patience))
    trainer = _trainer(settings, machine, folder, callbacks)
    last = folder / CHECKPOINTS / LAST
    resume = resume and last.is_file()
    given = loaders(trainer, _next_epoch(last) if resume else 0)
    trainer.fit(module, *given, ckpt_path=str(last) if resume else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    if not trainer.is_global_zero:
        raise SystemExit(0)  # one process continues, to predict, evaluate and export
    best: dict[str, Tensor] = torch.load(folder / CHECKPOINTS / BEST, map_location="cpu", weights_only=True)[
        "state_dict"
    ]
    return best


def _trainer(settings: Optimisation, machine: Machine, folder: Path, callbacks: list[Callback]) -> pl.Trainer:
    """A trainer that writes its log and checkpoints to a run folder, and nothing to the screen."""
    return pl.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices,
        strategy="ddp" if machine.devices > 1 else "auto",
        precision=lightning_precision(settings),
        max_epochs=settings.epochs,
        gradient_clip_val=settings.clip or None,
        deterministic="warn" if torch.cuda.is_available() else None,
        callbacks=callbacks,
        plugins=[AtomicCheckpoints()],
        logger=TensorBoardLogger(str(folder), name="tensorboard", version=""),
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(folder),
    )


def predict(classifier: Classifier, photos: PreparedPhotos, rows: np.ndarray, settings: TrainingRecipe) -> np.ndarray:
    """Probabilities (rows, outputs) of some rows, without augmentation."""
    device = torch.device("cuda" if torch.cuda.is_available() and settings.machine.accelerator != "cpu" else "cpu")
    classifier = classifier.to(device).eval()
    sampler = EpochSampler(rows, shuffle=False, seed=0)
    dataset = FundusDataset(photos, None, 0)
    batches = loader(dataset, sampler, settings.optimisation.batch_size, readers(settings.machine))
    parts = []
    bar = iter(track(range(len(rows)), "predicting"))
    with torch.inference_mode():
        for standard, _truth, _rows in batches:
            parts.append(probabilities(classifier(standard.to(device)), classifier.targets).cpu().numpy())
            for _ in range(len(standard)):
                next(bar, None)
    return np.concatenate(parts) if parts else np.zeros((0, len(settings.outputs)), np.float32)


def lightning_precision(settings: Optimisation) -> str:
    """Lightning's name of the arithmetic: bf16 only where the hardware multiplies it natively."""
    named = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    if settings.precision != "auto":
        return named[settings.precision]
    if torch.cuda.is_available():
        return named["bf16" if torch.cuda.is_bf16_supported() else "fp16"]
    return named["bf16" if _cpu_multiplies_bf16() else "fp32"]


def _cpu_multiplies_bf16() -> bool:
    """Whether bf16 is native here: 1.6 times faster than fp32; a CPU that emulates it is 3-6 times slower."""
    # torch has no public name for these tests.
    tests = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(test is not None and test() for test in tests)


def readers(machine: Machine) -> int:
    """How many processes read photos: the machine's `workers`, or a number by its cores."""
    if machine.workers is not None:
        return machine.workers
    cores = usable_cores()
    beside_gpu = torch.cuda.is_available() and machine.accelerator != "cpu"
    return min(MOST_READERS, cores) if beside_gpu or cores > FEW_CORES else 0


def _require(photos: PreparedPhotos, recipe: TrainingRecipe, train: np.ndarray, validation: np.ndarray) -> None:
    for name, rows in (("train", train), ("validation", validation)):
        if not len(rows):
            raise UserError(
                f"the manifest has no readable photos in split '{name}'; make splits with `eyeground split`"
            )
    truth = photos.truth[validation]
    if math.isnan(weighted_auroc(truth, np.zeros_like(truth), recipe.targets)):
        raise UserError(
            "no target has both positive and negative photos in the validation split, so no epoch can be chosen; "
            "give the validation split more patients"
        )


def _next_epoch(last: Path) -> int:
    """Number (from 0) of the epoch that a resumed run starts with."""
    return int(torch.load(last, map_location="cpu", weights_only=True, mmap=True)["epoch"]) + 1


def _loaders(
    recipe: TrainingRecipe,
    photos: PreparedPhotos,
    guides: Sequence[Sequence[Mask]],
    draws: np.ndarray,
    trainer: pl.Trainer,
    first_epoch: int,
) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    settings, workers, most = recipe.optimisation, readers(recipe.machine), int(draws.max())
    place = {"seed": recipe.seed, "part": trainer.global_rank, "parts": trainer.world_size}
    positions = positions_of(photos.rows("train"), draws)
    balanced = settings.imbalance == "balanced-sampler"
    weights = rarity_weights(photos.truth[positions // most]) if balanced else None
    shuffled = EpochSampler(positions, shuffle=True, weights=weights, **place)
    in_order = EpochSampler(photos.rows("validation"), shuffle=False, **place)
    augmented: FundusDataset = (
        GuidedDataset(photos, guides, cells_of(recipe), recipe, most)
        if guides
        else FundusDataset(photos, recipe.augmentation, recipe.seed, draws=most, camera_mixing=recipe.camera_mixing)
    )
    return (
        training_loader(augmented, shuffled, settings.batch_size, workers, first_epoch),
        loader(FundusDataset(photos, None, recipe.seed), in_order, settings.batch_size, workers),
    )


def _quiet() -> None:
    """Silence Lightning's messages at every start, and its advice that does not apply here."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # frozen layers, on purpose
    warnings.filterwarnings("ignore", message=".*number of training batches.*")
    warnings.filterwarnings("ignore", message=".*have no `val_dataloader`.*")  # a segmenter may have none to spare
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
