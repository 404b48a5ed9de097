"""Thresholds of a segmenter are chosen on photos of every structure, wherever these stand in the manifest."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.data.manifest import validated
from eyeground.datasets.synthetic.dataset import render_dataset
from eyeground.training.annotated_photos import prepare_annotated
from eyeground.workflows.build import segmenter as build


class Brightness:
    """Calls what is bright, which a synthetic optic disc is."""

    structures = ("optic_disc", "optic_cup")

    def probabilities(self, photos: torch.Tensor) -> torch.Tensor:
        bright = photos[..., 1].float() / 255
        return torch.stack([bright, bright], dim=1)


def test_a_structure_that_only_the_last_photos_show_has_a_threshold_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = render_dataset(tmp_path, 4, side=120, faults=0, masks=True).table.assign(split="train")
    discs = table["mask_optic_disc"].copy()
    table = table.assign(mask_optic_cup=discs.where(table.index == 7))  # as bright as the disc
    recipe = SegmentationRecipe.model_validate(
        {"structures": [{"name": name} for name in Brightness.structures], "preprocessing": {"side": 96}}
    )
    discs.iloc[7] = pd.NA
    manifest = validated(table.assign(mask_optic_disc=discs), "drawn", tmp_path)
    photos = prepare_annotated(
        manifest, recipe.structures, recipe.preprocessing, tmp_path / "cache", tmp_path / "prepared", 1
    )
    monkeypatch.setattr(build, "MOST_FOR_THRESHOLDS", 3)
    fake: Any = Brightness()
    disc, cup = build.choose_thresholds(fake, photos, recipe)
    assert (disc.output, cup.output) == Brightness.structures
    assert 0 < cup.positives < disc.positives  # of one photo, and of three
