"""Masks that a cell describes, and masks whose grey is a share of annotators."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.errors import UserError
from eyeground.imaging.masks import read_cover, read_mask, refuse_shared_masks, with_mask_values
from eyeground.imaging.shapes import shape_of

SIZE = (100, 200)


def test_an_ellipse_covers_its_area_around_its_centre() -> None:
    cover = read_cover(Path("folder/#ellipse 0.3 0.5 0.2 0.4"), SIZE)
    assert cover.sum() == pytest.approx(np.pi / 4 * 40 * 40, rel=0.01)
    rows, columns = np.nonzero(read_mask(Path("#ellipse 0.3 0.5 0.2 0.4"), SIZE))
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((60, 50))
    assert np.ptp(columns) + 1 == pytest.approx(40, abs=1)


def test_boxes_cover_what_is_in_any_of_them() -> None:
    cover = read_cover(Path("#boxes 0.25 0.5 0.1 0.2; 0.75 0.5 0.1 0.2; 0.27 0.5 0.1 0.2"), SIZE)
    assert set(np.unique(cover)) == {0, 1}
    assert cover.sum() == 20 * (20 + 20 + 4)
    assert cover[50, 50] == cover[50, 150] == 1 and cover[50, 100] == 0


def test_a_point_is_a_blob_that_is_highest_at_the_point() -> None:
    cover = read_cover(Path("#point 0.25 0.6"), SIZE)
    row, column = np.unravel_index(cover.argmax(), SIZE)
    assert abs(column + 0.5 - 50) <= 0.5 and abs(row + 0.5 - 60) <= 0.5
    assert cover.max() > 0.95 and cover[0, -1] < 1e-6


def test_nothing_is_an_empty_mask_and_two_structures_may_be_absent_from_one_photo() -> None:
    assert not read_mask(Path("#empty"), SIZE).any()
    table = pd.DataFrame({"photo": ["a.jpg"], "patient": ["1"], "mask_a": ["#empty"], "mask_b": ["#empty"]})
    refuse_shared_masks(Manifest(table.astype("string"), Path()))


@pytest.mark.parametrize(
    "cell",
    [
        "#point 0.5",
        "#ellipse 0.5 0.5 0.1",
        "#ellipse 0.5 0.5 0.1 0",
        "#point x y",
        "#empty 1",
        "#boxes",
        "#boxes 0.1 0.1 0.2",
        "#boxes 0.1 0.1 0 0.2",
    ],
)
def test_what_is_almost_a_shape_is_an_error(cell: str) -> None:
    with pytest.raises(UserError, match="is no shape"):
        shape_of(Path("photos") / cell)


def test_a_shape_needs_the_size_of_its_photo() -> None:
    with pytest.raises(UserError, match="can only be drawn on its photo"):
        read_mask(Path("#point 0.5 0.5"))


def test_a_shape_stays_what_it_is_when_a_manifest_moves(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    table = pd.DataFrame({"photo": ["a.jpg"], "patient": ["1"], "mask_fovea": ["#point 0.5 0.25"]})
    write_manifest(Manifest(table.astype("string"), tmp_path), tmp_path / "there" / "moved.csv")
    moved = read_manifest(tmp_path / "there" / "moved.csv").table
    assert moved["photo"][0] == "../a.jpg" and moved["mask_fovea"][0] == "#point 0.5 0.25"


def test_shares_of_annotators_are_soft_to_learn_from_and_a_majority_to_measure_with(tmp_path: Path) -> None:
    grey = np.repeat(np.array([[0, 64, 128, 191, 255]], np.uint8), 4, axis=0)
    Image.fromarray(grey).save(tmp_path / "disc.png")
    assert read_cover(tmp_path / "disc.png#share")[0] == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=0.005)
    assert read_mask(tmp_path / "disc.png#share")[0].tolist() == [False, False, True, True, True]


def test_values_of_a_column_leave_shapes_as_they_are() -> None:
    table = pd.DataFrame(
        {"photo": ["a.jpg", "b.jpg"], "patient": ["1", "2"], "mask_disc": ["a.png", "#ellipse 0.5 0.5 0.1 0.1"]}
    )
    chosen = with_mask_values(Manifest(table.astype("string"), Path()), ["disc=share"])
    assert chosen.table["mask_disc"].tolist() == ["a.png#share", "#ellipse 0.5 0.5 0.1 0.1"]
