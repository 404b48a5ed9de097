"""Evidence is asked to be highest on lesions, and nothing is asked where nobody drew."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console

from eyeground.config.targets import Target
from eyeground.config.training_recipe import TrainingRecipe
from eyeground.data.manifest import read_manifest, write_manifest
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.models.classifier import Classifier
from eyeground.training.evidence_guidance import GuidedDataset, cells_of, guidance_loss, guiding_masks
from eyeground.training.fit import fit

CELLS = 8


def lesion(row: int, column: int) -> torch.Tensor:
    mask = torch.zeros(CELLS, CELLS)
    mask[row, column] = 1
    return mask


def test_the_loss_falls_as_the_peak_moves_onto_the_lesion() -> None:
    masks = lesion(2, 5)[None, None]
    on, beside = (3 * lesion(*place)[None, None] for place in ((2, 5), (6, 1)))
    flat = 0.01 * torch.randn(1, 1, CELLS, CELLS, generator=torch.Generator().manual_seed(0))
    losses = [float(guidance_loss(flat + peak, masks)) for peak in (on, 0.0, beside)]
    assert losses == sorted(losses) and losses[0] < 0.1 * losses[2]


def test_a_steeper_map_or_one_of_a_more_certain_photo_is_no_better() -> None:
    evidence = torch.randn(1, 1, CELLS, CELLS, generator=torch.Generator().manual_seed(0))
    masks = lesion(2, 5)[None, None]
    assert float(guidance_loss(evidence, masks)) == pytest.approx(
        float(guidance_loss(9 * evidence + 4, masks)), rel=1e-4
    )


def test_unknown_masks_and_photos_without_lesions_ask_nothing() -> None:
    evidence = torch.randn(3, 1, CELLS, CELLS, generator=torch.Generator().manual_seed(0), requires_grad=True)
    unknown = torch.full((CELLS, CELLS), torch.nan)
    masks = torch.stack(
        [torch.stack([lesion(2, 5), unknown]), torch.stack([unknown] * 2), torch.zeros(2, CELLS, CELLS)]
    )
    guidance_loss(evidence, masks).backward()
    assert evidence.grad is not None
    assert evidence.grad[0].abs().sum() > 0 and not evidence.grad[1:].any()
    assert float(guidance_loss(evidence.detach()[1:], masks[1:])) == 0


def test_one_kind_of_lesion_does_not_compete_with_another() -> None:
    evidence = 3 * (lesion(2, 5) + lesion(6, 1))[None, None]
    both = guidance_loss(evidence, torch.stack([lesion(2, 5), lesion(6, 1)])[None])
    one = guidance_loss(evidence, lesion(2, 5)[None, None])
    assert float(both) < float(one)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guided")
    drawn = render_dataset(folder / "photos", 12, side=96, seed=4, masks=True, prevalence={"diabetic_retinopathy": 0.6})
    split = split_patients(drawn, {"train": 0.6, "validation": 0.2, "test": 0.2}, ["abnormal"], seed=1)
    write_manifest(split, folder / "manifest.csv")
    return folder


def recipe(**evidence: object) -> TrainingRecipe:
    return TrainingRecipe.model_validate(
        {
            "targets": (Target(name="abnormal"),),
            "initialisation": "scratch",
            "architecture": {"backbone": "test_resnet", "fine_strides": (8,)},
            "preprocessing": {"side": 64},
            "evidence": {"masks": ("hard_exudate",), "outputs": ("abnormal",)} | evidence,
            "optimisation": {"epochs": 2, "batch_size": 8, "precision": "fp32"},
            "machine": {"accelerator": "cpu", "workers": 0},
        }
    )


def prepared(folder: Path, settings: TrainingRecipe) -> PreparedPhotos:
    manifest = read_manifest(folder / "manifest.csv")
    return prepare_photos(manifest, settings.targets, settings.preprocessing, folder / "cache", 1)


def test_masks_turn_with_the_photo(folder: Path) -> None:
    settings = recipe()
    photos = prepared(folder, settings)
    guides = guiding_masks(photos, settings, folder / "masks")
    dataset = GuidedDataset(photos, guides, cells_of(settings), settings, draws=2)
    kept = photos.manifest.table["mask_hard_exudate"].notna().to_numpy()
    row = int(np.flatnonzero(kept)[0])
    first, second = (dataset[(0, 2 * row + draw)] for draw in (0, 1))
    assert first[3].shape == (1, 8, 8) and first[3].nan_to_num().max() > 0
    assert not torch.equal(first[0], second[0])  # each draw has an augmentation of its own
    # Exudates are the brightest of what is drawn: cells that hold them are brighter than the photo.
    bright = first[0].float().mean(dim=2).reshape(8, 8, 8, 8).mean(dim=(1, 3))
    assert float((bright * first[3][0]).sum() / first[3][0].sum()) > float(bright[bright > 5].mean())


def test_a_guided_fit_runs_and_keeps_the_labels_loss(folder: Path, tmp_path: Path) -> None:
    settings = recipe()
    torch.manual_seed(0)
    classifier = Classifier(settings.architecture, settings.preprocessing, settings.targets)
    fitted = fit(classifier, settings, prepared(folder, settings), tmp_path, Console(quiet=True), resume=False)
    assert len(fitted.history) == 2
    assert pd.read_csv(tmp_path / "history.csv")["loss"].notna().all()


@pytest.mark.parametrize(
    ("evidence", "said"),
    [({"masks": ("hard_exudates",)}, "mask_hard_exudate"), ({"outputs": ("abnormall",)}, "abnormal")],
)
def test_unknown_masks_and_outputs_are_named(folder: Path, evidence: dict[str, object], said: str) -> None:
    settings = recipe(**evidence)
    with pytest.raises(UserError, match=said):
        guiding_masks(prepared(folder, settings), settings, folder / "masks")


def test_masks_without_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match="both masks and outputs"):
        recipe(outputs=())
