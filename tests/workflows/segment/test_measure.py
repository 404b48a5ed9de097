"""Measuring: a point by its distance in disc diameters, and what is called in photos without the structure."""

import numpy as np
import pandas as pd
import pytest

from eyeground.config.segmentation_recipe import Structure
from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, validated
from eyeground.datasets.synthetic.dataset import render_dataset
from eyeground.imaging.standard import StandardPhoto, standard_photo
from eyeground.screening.segmenter import SegmentedPhoto
from eyeground.workflows.segment.measure import as_lines, measure_segmentations

PREPROCESSING = Preprocessing(side=96)
PHOTOS = 4


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("points")
    table = render_dataset(folder, 2, side=120, faults=0, masks=False).table
    return validated(
        table.assign(
            mask_fovea=["#point 0.5 0.5", "#point 0.5 0.5", "#point 0.5 0.5", pd.NA],
            mask_optic_disc=["#ellipse 0.7 0.5 0.1 0.1", "#ellipse 0.7 0.5 0.1 0.1", pd.NA, pd.NA],
            mask_hard_exudate=["#empty", "#empty", "#empty", "#ellipse 0.4 0.6 0.1 0.1"],
        ),
        "points",
        folder,
    )


def drawn_at(x: float, y: float, standard: StandardPhoto) -> SegmentedPhoto:
    """A heat map around a place of the photograph, in shares, and a square exudate in the corner of the field of view."""
    geometry = standard.geometry
    scale = geometry.standard_side / geometry.side
    column = (x * geometry.original_width - geometry.left) * scale - 0.5
    row = (y * geometry.original_height - geometry.top) * scale - 0.5
    rows, columns = np.mgrid[: geometry.standard_side, : geometry.standard_side]
    heat = np.exp(-((columns - column) ** 2 + (rows - row) ** 2) / 50).astype(np.float32)
    exudate = ((rows - 48) ** 2 + (columns - 48) ** 2 < 100).astype(np.float32)
    maps = {"fovea": heat, "hard_exudate": exudate, "optic_disc": heat}
    return SegmentedPhoto(standard, maps, dict.fromkeys(maps, 0.5))


def value(table: pd.DataFrame, structure: str, metric: str, over: str) -> float:
    rows = (table["structure"] == structure) & (table["metric"] == metric) & (table["over"] == over)
    return float(table[rows]["value"].iloc[0])


def test_a_fovea_is_measured_in_diameters_of_the_annotated_disc_and_only_where_there_is_one(manifest: Manifest) -> None:
    measured = measure_segmentations(
        manifest, [Structure(name="fovea")], PREPROCESSING, lambda photo: drawn_at(0.55, 0.5, photo)
    )
    table = measured.estimates(resamples=50)
    assert [len(photos) for photos in measured.points.values()] == [2]
    geometry = standard_photo(manifest.photo_paths()[0], PREPROCESSING).geometry
    width, height = geometry.original_width, geometry.original_height
    diameter = 0.1 * np.sqrt(width * height)
    assert value(table, "fovea", "distance", "median") == pytest.approx(0.05 * width / diameter, abs=0.03)
    assert value(table, "fovea", "within_one_diameter", "mean") == 1
    assert "dice" not in set(table["metric"])
    assert "median distance" in " ".join(as_lines(table))


def test_photos_in_which_somebody_saw_none_count_as_false_alarms(manifest: Manifest) -> None:
    measured = measure_segmentations(
        manifest, [Structure(name="hard_exudate")], PREPROCESSING, lambda photo: drawn_at(0.5, 0.5, photo)
    )
    table = measured.estimates(resamples=50)
    assert value(table, "hard_exudate", "false_alarm", "without") == 1
    assert 0.02 < value(table, "hard_exudate", "false_area", "without") < 0.2
    assert "false_alarm of 3 photos without" in " ".join(as_lines(table))
