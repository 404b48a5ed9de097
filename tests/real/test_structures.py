"""Masks that people drew: how well the second annotator of DRIVE does, and biomarkers of vessels drawn by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeground.biomarkers import fractal_dimensions, measure
from eyeground.errors import UserError
from eyeground.evaluation.structures import measure_segmentation, structure_estimates
from eyeground.imaging.masks import read_mask

pytestmark = pytest.mark.real


def mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("L")) > 127


def drawn(real_data: Path, half: str) -> list[tuple[Path, np.ndarray, np.ndarray]]:
    """The first annotator's drawings with their fields of view."""
    paths = sorted((real_data / "drive" / half / "1st_manual").iterdir())
    fields = [next((real_data / "drive" / half / "mask").glob(f"{path.name[:2]}_*")) for path in paths]
    return [(path, mask(path), mask(field)) for path, field in zip(paths, fields, strict=True)]


def test_the_second_annotator_of_drive_agrees_with_the_first_as_measured_before(real_data: Path) -> None:
    photos = []
    for path, truth, inside in drawn(real_data, "testing"):
        number = path.name[:2]
        second = mask(path.parents[1] / "2nd_manual" / f"{number}_manual2.gif")
        photos.append(measure_segmentation(number, number, second, truth, inside))
    table = structure_estimates("vessel", photos, resamples=500)
    assert (table["photos"] == 20).all()
    of_photos = table[table["over"] == "mean"].set_index("metric")["value"]
    assert of_photos["accuracy"] == pytest.approx(0.9473, abs=5e-4)
    assert of_photos["dice"] == pytest.approx(0.788, abs=1e-3)
    assert of_photos["cl_dice"] == pytest.approx(0.763, abs=5e-3)


def test_vessels_drawn_by_hand_have_biomarkers_in_the_range_of_eyes(real_data: Path) -> None:
    dimensions = [fractal_dimensions(vessel, inside) for _, vessel, inside in drawn(real_data, "training")[:6]]
    assert all(found is not None and 1.3 < found.box < 1.7 for found in dimensions)
    _, vessel, inside = drawn(real_data, "training")[0]
    found = measure({"vessel": vessel}, inside).quantities
    assert 0.05 < found["vessel_density"].value < 0.2 and 1 < found["vessel_arc_over_chord"].value < 1.2


MASKS = {
    "drive/training/1st_manual/*": (0.05, 0.12),
    "drive/testing/2nd_manual/*": (0.05, 0.12),  # 4 and 254, of a palette
    "drive/testing/mask/*": (0.6, 0.75),
    "chasedb1/*_1stHO.png": (0.04, 0.12),
    "stare/labels-ah/*": (0.04, 0.13),
    "hrf/manual1/*": (0.04, 0.13),
    "hrf/mask/*": (0.75, 0.95),
    "hei_med/**/*_exudate.png": (0.0, 0.15),
    "idrid/A*/2*/a*/5*/*": (0.005, 0.06),  # red on black
}


@pytest.mark.parametrize("pattern", MASKS)
def test_published_masks_are_read_by_the_rule(real_data: Path, pattern: str) -> None:
    low, high = MASKS[pattern]
    paths = sorted(real_data.glob(pattern))[:12]
    assert paths
    for path in paths:
        assert low <= read_mask(path).mean() <= high, path


def test_maps_of_arteries_and_veins_and_shares_of_experts_need_a_choice(real_data: Path) -> None:
    for pattern in ("drive/training/av/*", "hrf/av/training/*"):
        for path in sorted(real_data.glob(pattern))[:5]:
            with pytest.raises(UserError, match=r"0 .* 1 .* 2 "):
                read_mask(path)
            artery, vein = (read_mask(path.with_name(f"{path.name}#{values}")) for values in ("1", "2"))
            assert 0.01 < artery.mean() < 0.08 and 0.01 < vein.mean() < 0.08 and not (artery & vein).any()
    cup = next(real_data.glob("drishti_gs/train/*_cup.png"))
    with pytest.raises(UserError, match="128-255 is a range"):
        read_mask(cup)
    assert 0 < read_mask(cup.with_name(f"{cup.name}#128-255")).mean() < 0.05
