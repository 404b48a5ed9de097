"""A loss that asks the evidence map to be highest on lesions that somebody outlined; see docs/recipe.md, `evidence`.

The classes' labels alone leave it open where evidence lies: a network may tell ill photos by the camera's colours.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from eyeground.config.segmentation_recipe import Structure
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.data.manifest import MASK_PREFIX
from eyeground.errors import UserError, unknown
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.training.annotated_photos import Mask, prepared_mask, read_masks
from eyeground.training.data import Batch, Draw, FundusDataset

SHARPNESS = 2.0
"""By how much a cell's weight grows, as a power of e, with a standard deviation of the map: the loss looks at the highest cells."""


def guiding_masks(photos: PreparedPhotos, recipe: TrainingRecipe, folder: Path) -> tuple[tuple[Mask, ...], ...]:
    """For each row the masks that guide evidence, brought to the standard photo; () where the recipe names none.

    Args:
        folder: Where masks on standard photos are kept.

    Raises:
        UserError: If a mask column or an output is unknown, a mask can't be read, or no training photo has one.
    """
    guidance = recipe.evidence
    if not guidance.masks:
        return ()
    for name in guidance.masks:
        if (column := MASK_PREFIX + name) not in photos.manifest.masks:
            raise unknown("column", column, photos.manifest.masks, "evidence.masks")
    guided_outputs(recipe)
    structures = [Structure(name=name) for name in guidance.masks]
    paths = [path for path in photos.standard if isinstance(path, Path)]
    if len(paths) < len(photos.standard):
        raise UserError("evidence.masks: packed shards hold no masks; give the manifest of the photographs")
    found = tuple(
        tuple(prepared_mask(photos.manifest, row, structure, path, folder) for structure in structures)
        for row, path in enumerate(paths)
    )
    if not any(isinstance(mask, Path) for row in photos.rows("train") for mask in found[row]):
        raise UserError(f"evidence.masks: no training photo has a mask of {', '.join(guidance.masks)}")
    return found


def guided_outputs(recipe: TrainingRecipe) -> list[int]:
    """Places of the guided outputs among the recipe's.

    Raises:
        UserError: If one is no output of the recipe.
    """
    for name in recipe.evidence.outputs:
        if name not in recipe.outputs:
            raise unknown("output", name, recipe.outputs, "evidence.outputs")
    return [recipe.outputs.index(name) for name in recipe.evidence.outputs]


def cells_of(recipe: TrainingRecipe) -> int:
    """Cells along a side of the evidence map."""
    architecture = recipe.architecture
    return recipe.preprocessing.side // (architecture.output_stride, *architecture.fine_strides)[-1]


class GuidedDataset(FundusDataset):
    """As `FundusDataset`, with a fourth part: masks (kinds, cells, cells) float32 as `guidance_loss` takes them."""

    def __init__(
        self, photos: PreparedPhotos, guides: Sequence[Sequence[Mask]], cells: int, recipe: TrainingRecipe, draws: int
    ) -> None:
        super().__init__(photos, recipe.augmentation, recipe.seed, draws=draws, camera_mixing=recipe.camera_mixing)
        self._guides = guides
        self._cells = cells
        self._side = recipe.preprocessing.side

    def __getitem__(self, item: tuple[int, int] | Draw) -> Batch:
        draw = Draw(*item)
        guides = self._guides[self._row(draw)]
        if not draw.counts or not any(isinstance(mask, Path) for mask in guides):
            return *super().__getitem__(item), torch.full((len(guides), self._cells, self._cells), torch.nan)
        photo, masks = self._changed(draw, read_masks(guides, self._side)[0])
        return photo, *self._truth_of(draw), torch.from_numpy(on_cells(masks, self._cells))


def on_cells(masks: Sequence[np.ndarray], cells: int) -> np.ndarray:
    """The share of each cell that masks (side, side) uint8 cover: float32 (masks, cells, cells)."""
    reduced = [cv2.resize(mask, (cells, cells), interpolation=cv2.INTER_AREA) for mask in masks]
    return np.stack(reduced).astype(np.float32) / 255


def guidance_loss(evidence: Tensor, masks: Tensor) -> Tensor:
    """How far the highest evidence outside all lesions is above that on lesions of a kind; the mean over photos and kinds.

    Each map is standardised, so that only its shape counts, not how ill the photo is.

    Args:
        evidence: Shape (n, outputs, h, w).
        masks: Shape (n, kinds, h, w): share of each cell that lesions of a kind cover, NaN where nothing is known.

    Returns:
        A scalar; zero (with a gradient of zero) if no photo has a lesion.
    """
    known = masks.nan_to_num().amax(dim=(2, 3)) > 0
    if not known.any():
        return evidence.sum() * 0.0
    with_lesion = known.any(dim=1)
    evidence, masks, known = evidence[with_lesion].float(), masks[with_lesion].nan_to_num(), known[with_lesion]
    flat = evidence.flatten(2)
    scale = flat.std(dim=2, keepdim=True).clamp(min=1e-6).detach()
    heights = SHARPNESS * (flat - flat.mean(dim=2, keepdim=True)) / scale
    inside = _log_sum(heights, masks.flatten(2))
    outside = _log_sum(heights, 1 - masks.amax(dim=1, keepdim=True).flatten(2))
    loss = functional.softplus(outside - inside)
    return loss[known[:, None].expand_as(loss)].mean()


def _log_sum(heights: Tensor, shares: Tensor) -> Tensor:
    """Log of the sum over cells of e^height times the share: (n, outputs, kinds) from (n, outputs, cells) and (n, kinds, cells)."""
    logs = torch.log(shares.clamp(min=1e-6))
    return torch.logsumexp(heights[:, :, None] + logs[:, None], dim=3)
