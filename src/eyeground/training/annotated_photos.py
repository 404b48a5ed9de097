"""Photos with masks for a segmenter: standard photos, masks brought to them once, and random patches of both.

A mask is stored as the share of each standard pixel that it covers, in 256 steps, which keeps the annotator's line at a border.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset

from eyeground.config.segmentation_recipe import Structure
from eyeground.config.training_recipe import Augmentation, Preprocessing
from eyeground.core.files import replacing
from eyeground.core.progress import track
from eyeground.data.manifest import MASK_PREFIX, Manifest
from eyeground.errors import UserError, unknown
from eyeground.imaging.cache import prepare, read_prepared, read_prepared_standard
from eyeground.imaging.masks import read_cover, refuse_overfull, refuse_shared_masks
from eyeground.imaging.prepared_photos import PhotosOnDisk
from eyeground.training.augmentation import augment_with_masks, recoloured
from eyeground.training.data import Batch, Draw

Mask = Path | Literal["absent", "unknown"]


@dataclass(frozen=True, kw_only=True)
class AnnotatedPhotos(PhotosOnDisk):
    """Photos on disk with at least one known mask each.

    Attributes:
        masks: For each row and structure: the path of its mask on the standard photo, or `absent`, or `unknown`.
    """

    masks: tuple[tuple[Mask, ...], ...]


def prepare_annotated(
    manifest: Manifest,
    structures: Sequence[Structure],
    preprocessing: Preprocessing,
    cache: Path,
    folder: Path,
    jobs: int,
) -> AnnotatedPhotos:
    """Make or find the standard photo of every row, and bring its masks to it.

    Args:
        structures: Each needs a column `mask_<name>`.
        cache: Folder of standard photos.
        folder: Where masks on standard photos are kept.
        jobs: Processes that make standard photos.

    Raises:
        UserError: If a mask column or a mask file is missing, a mask has another size than its photo or can't be read
            by the rule, two structures have equal masks, or nothing is left.
    """
    for structure in structures:
        if (column := MASK_PREFIX + structure.name) not in manifest.masks:
            raise unknown("column", column, manifest.masks, "masks of the manifest")
    refuse_shared_masks(manifest)
    prepared = prepare(manifest.photo_paths(), preprocessing, cache, jobs)
    table = manifest.table
    unreadable = {str(table["photo"].iloc[row]): reason for row, reason in prepared.failures.items()}
    kept, standard, masks = [], [], []
    for row in track(range(len(table)), "preparing masks"):
        path = prepared.paths[row]
        if path is None:
            continue
        found = tuple(prepared_mask(manifest, row, structure, path, folder) for structure in structures)
        if any(one != "unknown" for one in found):
            kept.append(row)
            standard.append(path)
            masks.append(found)
    _refuse_one_mask_for_two(structures, masks)
    if not kept:
        names = ", ".join(structure.name for structure in structures)
        raise UserError(f"none of the {len(table)} photos can be read and has a mask of {names}")
    chosen = np.isin(np.arange(len(table)), kept)
    return AnnotatedPhotos(
        manifest=manifest.where(pd.Series(chosen)),
        standard=tuple(standard),
        masks=tuple(masks),
        unreadable=unreadable,
    )


def _refuse_one_mask_for_two(structures: Sequence[Structure], masks: Sequence[tuple[Mask, ...]]) -> None:
    """Copies of one file under two names are one structure; learning it twice would give too good a mean Dice."""
    for first, second in combinations(range(len(structures)), 2):
        pairs = [(row[first], row[second]) for row in masks]
        contents = (
            (one.read_bytes(), other.read_bytes())
            for one, other in pairs
            if isinstance(one, Path) and isinstance(other, Path)
        )
        # Empty masks may be equal without being copies.
        same = [one == other for one, other in contents if _shows_something(one)]
        if same and all(same):
            names = structures[first].name, structures[second].name
            raise UserError(
                f"the masks of {names[0]} and {names[1]} are equal in all {len(same)} photos that have both; "
                f"say which values each is, for example --mask-value {names[0]}=1 --mask-value {names[1]}=2"
            )


def _shows_something(png: bytes) -> bool:
    return bool(np.any(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)))


def prepared_mask(manifest: Manifest, row: int, structure: Structure, standard: Path, folder: Path) -> Mask:
    """A row's mask of a structure, brought to its standard photo and kept below `folder`; raises as `prepare_annotated`."""
    cell = manifest.table[MASK_PREFIX + structure.name].iloc[row]
    if pd.isna(cell):
        return structure.missing
    path = manifest.root / cell
    # By the mask's name too, since two rows may have one photo and a mask each.
    place = folder / structure.name / f"{standard.stem}-{hashlib.sha256(str(cell).encode()).hexdigest()[:12]}.png"
    if not place.is_file():
        photo = read_prepared_standard(standard)
        cover = read_cover(path, (photo.geometry.original_height, photo.geometry.original_width))
        try:
            covered = photo.geometry.to_standard(cover)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
        refuse_overfull(path, float(covered[photo.field_of_view].mean()))
        place.parent.mkdir(parents=True, exist_ok=True)
        _, encoded = cv2.imencode(".png", np.round(covered * 255).astype(np.uint8))
        with replacing(place) as partial:
            partial.write_bytes(encoded.tobytes())
    return place


def read_masks(masks: Sequence[Mask], side: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Masks (side, side) uint8, 255 where a structure covers the pixel, and which of them are known (structures,) bool."""
    empty = np.zeros((side, side), np.uint8)
    read = []
    for path in masks:
        if not isinstance(path, Path):
            read.append(empty)
            continue
        mask = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        if mask is None or mask.shape != (side, side):
            raise UserError(f"{path}: the prepared mask is damaged; delete the folder and prepare again")
        read.append(mask)
    return read, np.array([mask != "unknown" for mask in masks])


class SegmentationDataset(Dataset[Batch]):
    """Patches (h, w, 3) uint8 with targets (structures, h, w) float32, NaN where nothing is known, and row numbers.

    Outside the field of view nothing is known. Without augmentation an item is the entire standard photo.
    """

    def __init__(
        self,
        photos: AnnotatedPhotos,
        augmentation: Augmentation | None,
        patch: int,
        draws: int,
        seed: int,
        camera_mixing: float = 0.0,
    ) -> None:
        self._photos = photos
        self._augmentation = augmentation
        self._patch = patch
        self._draws = draws
        self._seed = seed
        self._camera_mixing = camera_mixing
        self._cameras = photos.rows("train")

    def __getitem__(self, item: tuple[int, int] | Draw) -> Batch:
        epoch, position, counts = Draw(*item)
        row, draw = divmod(position, self._draws)
        photo = read_prepared(self._photos.standard[row])
        masks, known = read_masks(self._photos.masks[row], len(photo))
        if self._augmentation is not None:
            random = np.random.default_rng((self._seed, epoch, row, draw))
            if self._camera_mixing and random.random() < self._camera_mixing:
                other = read_prepared(self._photos.standard[random.choice(self._cameras)])
                photo = recoloured(photo, other, random.uniform())
            photo, masks = augment_with_masks(photo, masks, self._augmentation, random)
            photo, masks = _patch_of(photo, masks, self._patch, random)
        target = np.stack(masks).astype(np.float32) / 255
        # Black pixels of a standard photo lie outside the field of view, where nobody annotates.
        target[:, ~photo.any(axis=2)] = np.nan
        target[~known if counts else slice(None)] = np.nan
        return torch.from_numpy(np.ascontiguousarray(photo)), torch.from_numpy(target), torch.tensor(row)


def _patch_of(
    photo: np.ndarray, masks: list[np.ndarray], patch: int, random: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    side = len(photo)
    if not patch or patch == side:
        return photo, masks
    top, left = (int(random.integers(side - patch + 1)) for _ in range(2))
    cut = (slice(top, top + patch), slice(left, left + patch))
    return photo[cut], [mask[cut] for mask in masks]
