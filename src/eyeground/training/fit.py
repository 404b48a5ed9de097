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
from torch import Tensor, nn
from torch.utils.data import DataLoader

from eyeground.config.training_recipe import Machine, Optimisation, TrainingRecipe
from eyeground.core.machine import keep_freed_memory, usable_cores
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.models.classifier import Classifier
from eyeground.models.heads import probabilities
from eyeground.training.annotated_photos import Mask
from eyeground.training.batches import Place, Share, StepBatches
from eyeground.training.checkpoints import (
    BEST,
    LAST,
    AtomicCheckpoints,
    KeepCheckpoints,
    StoppedError,
    place_to_resume,
)
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
from eyeground.training.epoch_report import EpochReport
from eyeground.training.evidence_guidance import GuidedDataset, cells_of, guiding_masks
from eyeground.training.lightning_module import ClassifierModule, MovingAverage, Patience, weighted_auroc
from eyeground.training.losses import balancing_weights
from eyeground.training.ranks import SamePhotos, launcher_plugins, processes_of

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
    draws = draws_of(photos.manifest, recipe)
    guides = guiding_masks(photos, recipe, folder / MASKS)
    module = ClassifierModule(classifier, recipe, torch.from_numpy(photos.truth), weights, int(draws.max()))
    report = EpochReport(folder / HISTORY, console, int(draws[train].sum()))
    _report_shared_statistics(classifier, recipe, console)

    def loaders(share: Share, start: Place) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
        return _loaders(recipe, photos, guides, draws, share, start)

    same = SamePhotos(photos.truth.tobytes() + "".join(photo.name for photo in photos.standard).encode())
    best = train_module(module, loaders, recipe.optimisation, recipe.machine, report, same, folder, resume)
    classifier.load_state_dict({name.removeprefix("classifier."): tensor for name, tensor in best.items()})
    return Fit(classifier.eval(), tuple(report.history))


def train_module(
    module: pl.LightningModule,
    loaders: Callable[[Share, Place], Sequence[DataLoader[Batch]]],
    settings: Optimisation,
    machine: Machine,
    report: EpochReport,
    same: SamePhotos,
    folder: Path,
    resume: bool,
) -> dict[str, Tensor]:
    """Train a module to the end, resumably, and return the weights of the best epoch by the report.

    Args:
        loaders: Gives the loaders of training and validation photos for a process's share of each step and the place where
            training begins.
        same: Of the photos, where several processes train.
        folder: Run folder.
        resume: Continue from the last checkpoint if there is one.

    Raises:
        KeyboardInterrupt: If the training was interrupted; finished epochs, or after SIGTERM finished steps, are in the
            checkpoint.
    """
    _quiet()
    keep_freed_memory()
    module.train()
    callbacks: list[Callback] = [report, same, KeepCheckpoints(folder / CHECKPOINTS, report, machine.accumulate)]
    if settings.average_decay:
        callbacks.append(MovingAverage(settings.average_decay))
    if settings.patience:
        callbacks.append(Patience(settings.patience))
    trainer = _trainer(settings, machine, folder, callbacks)
    last = folder / CHECKPOINTS / LAST
    resume = resume and last.is_file()
    share = Share(trainer.global_rank, trainer.world_size, machine.accumulate)
    given = loaders(share, place_to_resume(last) if resume else Place())
    try:
        trainer.fit(module, *given, ckpt_path=str(last) if resume else None)
    except (StoppedError, SystemExit) as stopped:
        if isinstance(stopped, SystemExit) and not trainer.interrupted:
            raise
        raise KeyboardInterrupt from stopped  # Lightning makes an exit of it
    if not trainer.is_global_zero:
        raise SystemExit(0)  # one process continues, to predict, evaluate and export
    best: dict[str, Tensor] = torch.load(folder / CHECKPOINTS / BEST, map_location="cpu", weights_only=True)[
        "state_dict"
    ]
    return best


def _trainer(settings: Optimisation, machine: Machine, folder: Path, callbacks: list[Callback]) -> pl.Trainer:
    """A trainer that writes its log and checkpoints to a run folder, and nothing to the screen."""
    processes = processes_of(machine)
    on_gpus = torch.cuda.is_available() and machine.accelerator != "cpu"
    if machine.sync_batchnorm and processes.number > 1 and not on_gpus:
        raise UserError("machine.sync_batchnorm: torch synchronises batch normalisation on GPUs only; leave it out")
    return pl.Trainer(
        accelerator=machine.accelerator,
        devices=processes.on_each,
        num_nodes=processes.machines,
        strategy="ddp" if processes.number > 1 else "auto",
        sync_batchnorm=machine.sync_batchnorm,
        accumulate_grad_batches=machine.accumulate,
        precision=lightning_precision(settings),
        max_epochs=settings.epochs,
        gradient_clip_val=settings.clip or None,
        deterministic="warn" if torch.cuda.is_available() else None,
        callbacks=callbacks,
        plugins=[AtomicCheckpoints(), *launcher_plugins()],
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
    cores = max(1, usable_cores() // processes_of(machine).on_each)
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


def _report_shared_statistics(classifier: Classifier, recipe: TrainingRecipe, console: Console) -> None:
    """Say where batch normalisation makes the result depend on the number of processes and passes, as nothing else does."""
    share = Share(0, processes_of(recipe.machine).number, recipe.machine.accumulate)
    apart = share.passes if recipe.machine.sync_batchnorm else share.number
    if apart > 1 and any(isinstance(layer, nn.BatchNorm2d) for layer in classifier.modules()):
        photos = share.of(recipe.optimisation.batch_size) * share.number // apart
        console.print(
            f"[yellow]batch normalisation takes its statistics from {photos} photos, not from the step's "
            f"{recipe.optimisation.batch_size}:[/] the result depends on the number of processes and passes"
        )


def _loaders(
    recipe: TrainingRecipe,
    photos: PreparedPhotos,
    guides: Sequence[Sequence[Mask]],
    draws: np.ndarray,
    share: Share,
    start: Place,
) -> tuple[DataLoader[Batch], DataLoader[Batch]]:
    settings, workers, most = recipe.optimisation, readers(recipe.machine), int(draws.max())
    positions = positions_of(photos.rows("train"), draws)
    balanced = settings.imbalance == "balanced-sampler"
    weights = rarity_weights(photos.truth[positions // most]) if balanced else None
    shuffled = EpochSampler(positions, shuffle=True, seed=recipe.seed, weights=weights)
    in_order = EpochSampler(
        photos.rows("validation"), shuffle=False, seed=recipe.seed, part=share.part, parts=share.parts
    )
    augmented: FundusDataset = (
        GuidedDataset(photos, guides, cells_of(recipe), recipe, most)
        if guides
        else FundusDataset(photos, recipe.augmentation, recipe.seed, draws=most, camera_mixing=recipe.camera_mixing)
    )
    return (
        training_loader(augmented, StepBatches(shuffled, settings.batch_size, share, start), workers),
        loader(FundusDataset(photos, None, recipe.seed), in_order, share.of(settings.batch_size), workers),
    )


def _quiet() -> None:
    """Silence Lightning's messages at every start, and its advice that does not apply here."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
    warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")  # frozen layers, on purpose
    warnings.filterwarnings("ignore", message=".*number of training batches.*")
    # Our loader begins at the step where the checkpoint ended.
    warnings.filterwarnings("ignore", message=".*ended before the epoch ended and your dataloader is not resumable.*")
    warnings.filterwarnings("ignore", message=".*have no `val_dataloader`.*")  # a segmenter may have none to spare
    warnings.filterwarnings("ignore", message=".*all_gather is deprecated.*")  # Lightning's own use of torch
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
