"""The evidence map on real photographs with outlined lesions: the released model, IDRiD part A."""

from pathlib import Path

import pytest

from eyeground.datasets.idrid import read_segmentation
from eyeground.models import load
from eyeground.workflows.explain.explain import ExplainPlan, explain_manifest

pytestmark = pytest.mark.real
PHOTOS = 3


def test_evidence_of_the_released_model_keeps_off_the_border_and_the_disc(real_data: Path, tmp_path: Path) -> None:
    photos = read_segmentation(real_data / "idrid")
    manifest = photos.where(photos.table["photo"].isin(photos.table["photo"].head(PHOTOS)))
    models = {"m": load("eyeground-mobilenetv2-imagenet+fundus-384")}
    found = explain_manifest(manifest, models, ExplainPlan("abnormal", measure=True), tmp_path, tmp_path / "cache", 1)
    means = found.photos.groupby("method")[["evidence_at_border", "evidence_in_disc"]].mean()
    assert (means.loc["evidence"] < means.loc["chance"]).all()
