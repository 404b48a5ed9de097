"""Masks of several segmenters, on standard photos of different sides, are measured together."""

from pathlib import Path

import numpy as np
import pytest

from eyeground.config.training_recipe import Preprocessing
from eyeground.errors import UserError
from eyeground.imaging.standard import standard_photo
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter
from eyeground.synthetic import SyntheticFundus, render
from eyeground.workflows.segment.segment import biomarkers_of, draw_structures, segment


def segmented(fundus: SyntheticFundus, structure: str, side: int) -> SegmentedPhoto:
    standard = standard_photo(fundus.pixels, Preprocessing(side=side))
    truth = standard.geometry.to_standard(fundus.masks[structure].astype(np.float32))
    return SegmentedPhoto(standard, {structure: truth}, {structure: 0.5})


def test_the_disc_of_one_segmenter_is_the_ruler_for_the_vessels_of_another() -> None:
    fundus = render(seed=4, height=500, width=600)
    vessels, disc = segmented(fundus, "vessel", 384), segmented(fundus, "optic_disc", 224)
    measured = biomarkers_of([disc, vessels])
    diameter = 2 * np.sqrt(fundus.masks["optic_disc"].sum() / np.pi) * 384 / vessels.standard.geometry.side
    assert measured["disc_diameter"] == pytest.approx(diameter, rel=0.06)
    inside = vessels.standard.field_of_view
    assert measured["vessel_density"] == pytest.approx((vessels.maps["vessel"] >= 0.5)[inside].mean(), rel=1e-6)
    assert measured["vessel_width"] is not None
    assert biomarkers_of([vessels])["disc_diameter"] is None


def test_the_picture_shows_every_structure_beside_the_photo() -> None:
    fundus = render(seed=4, height=500, width=600)
    vessels, disc = segmented(fundus, "vessel", 384), segmented(fundus, "optic_disc", 224)
    picture = draw_structures([vessels, disc])
    assert picture.shape[1] == 2 * 384
    changed = (picture[:384, :384] != picture[:384, 384:]).any(axis=2)
    inside = vessels.maps["vessel"] >= 0.5
    assert changed[inside].mean() > 0.95
    assert not np.array_equal(picture, draw_structures([vessels]))


def test_what_cannot_be_segmented_or_measured_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segmenter, "structures", ("optic_disc",))
    segmenter = Segmenter(bundle=None, thresholds={}, _session=None)  # type: ignore[arg-type]  # never runs
    with pytest.raises(UserError, match="two of the segmenters segment 'optic_disc'"):
        segment([tmp_path], [segmenter, segmenter], tmp_path / "out")
    with pytest.raises(UserError, match="biomarkers are measured on vessels"):
        segment([tmp_path], [segmenter], tmp_path / "out", with_biomarkers=True)
