import io

import cv2
import numpy as np
import pandas as pd
import pytest
from photographs import draw_fundus
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, validated
from eyeground.errors import UserError
from eyeground.imaging.cache import prepare
from eyeground.imaging.duplicates import COLUMNS, agreement, eye_structure, find_duplicates, perceptual_hash
from eyeground.imaging.standard import standard_photo

SETTINGS = Preprocessing(side=128)


def eye(seed: int) -> np.ndarray:
    return draw_fundus(400, 500, (250, 200), 180, seed=seed)


def compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="JPEG", quality=quality)
    return np.array(Image.open(stream))


COPIES = {
    "compressed": lambda photo: compressed(photo, 40),
    "scaled": lambda photo: cv2.resize(photo, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    "padded": lambda photo: np.pad(photo, ((60, 10), (0, 90), (0, 0))),
    "brightened": lambda photo: np.clip(photo * 1.25, 0, 255).astype(np.uint8),
    "recoloured": lambda photo: np.clip(photo * [1.0, 0.8, 1.3], 0, 255).astype(np.uint8),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Twelve eyes, altered copies of the first, and its bytes once more."""
    folder = tmp_path_factory.mktemp("photos")
    photos = {f"eye{seed}": eye(seed) for seed in range(12)}
    photos |= {name: copy(eye(0)) for name, copy in COPIES.items()}
    for name, pixels in photos.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "same bytes.png").write_bytes((folder / "eye0.png").read_bytes())
    names = [*photos, "same bytes"]
    table = pd.DataFrame(
        {
            "photo": [f"{name}.png" for name in names],
            "patient": [*(f"patient {name}" for name in photos), "patient eye0"],
            "split": ["train"] * len(photos) + ["train"],
        }
    )
    table.loc[table["photo"] == "scaled.png", "split"] = "test"
    return validated(table, "manifest", folder)


@pytest.fixture(scope="module")
def found(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    prepared = prepare(manifest.photo_paths(), SETTINGS, tmp_path_factory.mktemp("cache"), jobs=1)
    return find_duplicates(manifest, prepared.paths)


def test_every_altered_copy_is_found_and_different_eyes_are_not(found: pd.DataFrame) -> None:
    of_first = {"eye0.png", "same bytes.png", *(f"{name}.png" for name in COPIES)}
    assert list(found.columns) == list(COLUMNS)
    assert set(found["photo_a"]) | set(found["photo_b"]) == of_first
    assert len(found) == len(of_first) * (len(of_first) - 1) // 2


def test_the_same_bytes_are_exact_at_distance_zero_and_nothing_else_is(found: pd.DataFrame) -> None:
    exact = found[found["kind"] == "exact"]
    assert exact[["photo_a", "photo_b"]].to_numpy().tolist() == [["eye0.png", "same bytes.png"]]
    assert exact["distance"].tolist() == [0]
    assert (found.loc[found["kind"] == "near", "distance"] < 0.26).all()


def test_patients_and_splits_are_compared(found: pd.DataFrame) -> None:
    exact = found[found["kind"] == "exact"]
    assert exact["same_patient"].all() and found["same_patient"].sum() == 1
    across = (found["photo_a"] == "scaled.png") ^ (found["photo_b"] == "scaled.png")
    assert (found["same_split"] == ~across).all()


def test_unreadable_photos_are_passed_over(manifest: Manifest) -> None:
    nothing = find_duplicates(manifest, [None] * len(manifest))
    assert nothing.empty and list(nothing.columns) == list(COLUMNS)


def test_another_number_of_photos_than_rows_is_an_error(manifest: Manifest) -> None:
    with pytest.raises(UserError, match="1 standard photos for 18 rows"):
        find_duplicates(manifest, [None])


def test_one_eye_agrees_with_itself_and_not_with_another() -> None:
    first, second = (eye_structure(standard_photo(eye(seed), SETTINGS).pixels) for seed in (0, 1))
    assert agreement(first, first) > 0.95
    assert agreement(first, second) < 0.6
    assert perceptual_hash(first) @ perceptual_hash(first) == pytest.approx(1, abs=1e-5)


def test_photos_that_show_nothing_agree_with_nothing() -> None:
    lit = eye(0).max(axis=2, keepdims=True) > 20
    blank = eye_structure(standard_photo((lit * np.array([150, 90, 40])).astype(np.uint8), SETTINGS).pixels)
    black = eye_structure(np.zeros((64, 64, 3), np.uint8))
    for featureless in (blank, black):
        assert agreement(featureless, featureless) < 0.5
