"""Explaining a manifest: pictures for every photo, measures that agree with what they are made of, and pairs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.data.manifest import Manifest
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.workflows.explain.explain import CURVES, ExplainPlan, explain_manifest
from eyeground.workflows.explain.measures import COSTS, MEASURES, measure_table
from eyeground.workflows.explain.pictures import CAPTION_HEIGHT, PANEL_SIDE
from eyeground.workflows.explain.report import write_explanation_report

PLAN = ExplainPlan("abnormal", ("evidence", "gradcam", "eigencam"), measure=True, curves=True)


def network(side: int = 64, backbone: str = "test_resnet") -> Classifier:
    torch.manual_seed(0)
    return Classifier(Architecture(backbone=backbone), Preprocessing(side=side), (Target(name="abnormal"),)).eval()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("rendered")
    return render_dataset(folder, 4, 96, prevalence={"diabetic_retinopathy": 0.8}, faults=0.0, masks=True)


@pytest.fixture(scope="module")
def explained(rendered: Manifest, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path]:
    folder = tmp_path_factory.mktemp("explained")
    models = {"one": network(), "other": network(48)}
    found = explain_manifest(rendered, models, PLAN, folder, folder / "cache", 1)
    report = write_explanation_report(found, measure_table(found.photos, 50, 0), "abnormal", folder, 50, 0)
    assert "pointing game" in report.read_text(encoding="utf-8")
    assert set(found.photos["photo"]) | set(found.left_out) == set(rendered.table["photo"])
    assert set(found.left_out.values()) <= {"no lesion is outlined"}
    assert all(path.is_file() for path in found.sheets)
    return found.photos, folder


def test_every_photo_has_one_picture_with_all_maps(explained: tuple[pd.DataFrame, Path]) -> None:
    photos, folder = explained
    for picture in photos["picture"].unique():
        with Image.open(folder / picture) as opened:
            width, height = opened.size
        assert (width, height) == (7 * PANEL_SIDE, PANEL_SIDE + CAPTION_HEIGHT)
    assert len(photos) == photos["photo"].nunique() * 2 * 4


def test_metrics_are_means_of_photos_and_differences_are_paired(explained: tuple[pd.DataFrame, Path]) -> None:
    photos, _ = explained
    figures = measure_table(photos, 200, 0).set_index(["model", "method", "measure", "minus"])
    means = photos.groupby(["model", "method"])[[*MEASURES, *COSTS]].mean()
    for model in ("one", "other"):
        for measure in MEASURES:
            assert figures.loc[model, "eigencam", measure, ""].value == pytest.approx(
                means.loc[model, "eigencam"][measure]
            )
            if measure in CURVES:
                assert 0 < figures.loc[model, "eigencam", measure, ""].value < 1
                assert (model, "eigencam", measure, "chance") not in figures.index  # an even map has no order
                continue
            difference = means.loc[model, "eigencam"][measure] - means.loc[model, "chance"][measure]
            found = figures.loc[model, "eigencam", measure, "chance"]
            assert found.value == pytest.approx(difference) and found.low <= found.value <= found.high
    assert not (figures.index.get_level_values("method") == figures.index.get_level_values("minus")).any()
    assert figures.n_patients.max() == photos["patient"].nunique()


def test_methods_that_always_agree_differ_by_nothing_however_patients_are_drawn() -> None:
    rng = np.random.default_rng(0)
    hits = rng.integers(0, 2, 30)
    rows = [
        {"photo": f"{photo}", "patient": f"{photo // 2}", "model": "m", "method": method, "pointing": hits[photo]}
        for photo in range(30)
        for method in ("evidence", "gradcam")
    ]
    photos = pd.DataFrame(rows).reindex(columns=["photo", "patient", "model", "method", *MEASURES, *COSTS])
    figures = measure_table(photos, 200, 0)
    apart = figures[figures["minus"] == "evidence"].iloc[0]
    assert apart.value == apart.low == apart.high == 0
    assert (apart.n_photos, apart.n_patients) == (30, 15)
    own = figures[(figures["method"] == "gradcam") & (figures["minus"] == "")].iloc[0]
    assert own.low < own.value < own.high


def test_mistakes_are_told_before_any_photo_is_read(rendered: Manifest, tmp_path: Path) -> None:
    bare = Manifest(rendered.table.drop(columns=list(rendered.masks)), rendered.root)
    with pytest.raises(UserError, match=r"outlines no lesions.*Leave out --measure"):
        explain_manifest(bare, {"m": network()}, PLAN, tmp_path, tmp_path / "cache", 1)
    with pytest.raises(UserError, match="no output 'glaucoma'"):
        explain_manifest(rendered, {"m": network()}, ExplainPlan("glaucoma"), tmp_path, tmp_path / "cache", 1)
    assert not (tmp_path / "cache").exists()


def test_a_mask_that_is_gone_is_named(rendered: Manifest, tmp_path: Path) -> None:
    column = next(name for name in rendered.masks if name == "mask_haemorrhage")
    table = rendered.table[rendered.table[column].notna()].head(1).copy()
    table[column] = "masks/gone.png"
    with pytest.raises(UserError, match=r"gone\.png: there is no such mask"):
        explain_manifest(Manifest(table, rendered.root), {"m": network()}, PLAN, tmp_path, tmp_path / "cache", 1)
