"""Imaging on real photographs: fields of view against published masks, gradability, duplicates across patients."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import validated
from eyeground.imaging.cache import prepare
from eyeground.imaging.duplicates import find_duplicates
from eyeground.imaging.field_of_view import find_field_of_view
from eyeground.imaging.gradability import Gradability, assess
from eyeground.imaging.standard import standard_photo

pytestmark = pytest.mark.real


def photos_with_masks(data: Path, dataset: str) -> list[tuple[Path, Path]]:
    if dataset == "drive":
        photos = sorted(data.glob("drive/*/images/*"))
        return [(photo, next((photo.parents[1] / "mask").glob(f"{photo.name[:2]}_*"))) for photo in photos]
    if dataset == "hrf":
        return [(photo, data / "hrf/mask" / f"{photo.stem}_mask.png") for photo in sorted(data.glob("hrf/images/*"))]
    photos = sorted(data.glob("chasedb1/*.jpg"))
    return [(photo, data / "chasedb1/masks" / f"{photo.stem}.gif") for photo in photos]


def overlap(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize(("dataset", "count"), [("drive", 40), ("hrf", 45), ("chasedb1", 28)])
def test_fields_of_view_agree_with_the_published_masks(real_data: Path, dataset: str, count: int) -> None:
    pairs = photos_with_masks(real_data, dataset)
    assert len(pairs) == count
    overlaps = []
    for photo, mask in pairs:
        with Image.open(photo) as image, Image.open(mask) as drawn:
            pixels, truth = np.array(image.convert("RGB")), np.array(drawn.convert("L")) > 127
        overlaps.append(overlap(find_field_of_view(pixels).mask(*truth.shape), truth))
    assert min(overlaps) > 0.97 and np.mean(overlaps) > 0.985


@pytest.mark.parametrize("page", [255, 128])
def test_a_page_around_a_photo_changes_nothing_of_what_is_seen(real_data: Path, page: int) -> None:
    photos = sorted(real_data.glob("idrid/B*/1*/b*/*.jpg"))[::12]
    photos += sorted(real_data.glob("odir5k/preprocessed_images/*"))[::900]
    assert len(photos) > 12
    for photo in photos:
        pixels = np.array(Image.open(photo).convert("RGB"))
        on_page = np.pad(pixels, ((30, 60), (80, 40), (0, 0)), constant_values=page)
        alone, framed = find_field_of_view(pixels), find_field_of_view(on_page)
        if framed.found and pixels[[2, 2, -3, -3], [2, -3, 2, -3]].max() < 40:  # those with a black frame of their own
            inside = framed.mask(*on_page.shape[:2])[30:-60, 80:-40]
            assert overlap(alone.mask(*pixels.shape[:2]), inside) > 0.97


def test_the_black_bar_of_a_stare_photo_is_no_field_of_view(real_data: Path) -> None:
    photo = next(real_data.glob("stare/stare-images/im0044.*"))
    pixels = np.array(Image.open(photo).convert("RGB"))
    seen = find_field_of_view(pixels).mask(*pixels.shape[:2])
    assert not seen[:10].any() and seen[40:560, 300:400].all()


def judged(photos: list[Path]) -> list[Gradability]:
    assert photos
    return [assess(standard_photo(photo, Preprocessing())) for photo in photos]


def test_good_photos_are_gradable_and_bad_ones_rank_below_them(real_data: Path) -> None:
    good = judged(sorted(real_data.glob("drimdb/Good/*"))[::3])
    bad = judged(sorted(real_data.glob("drimdb/Bad/*"))[::2])
    outliers = judged(sorted(real_data.glob("drimdb/Outlier/*")))
    truth = [1] * len(good) + [0] * len(bad)
    assert roc_auc_score(truth, [one.margin for one in (*good, *bad)]) > 0.98
    assert all(one.gradable for one in good)
    assert np.mean([one.gradable for one in bad]) < 0.55
    assert np.mean([one.gradable for one in outliers]) < 0.25


def test_photographs_that_physicians_graded_are_hardly_ever_stopped(real_data: Path) -> None:
    graded = judged(sorted(real_data.glob("odir5k/preprocessed_images/*"))[::50])
    graded += judged(sorted(real_data.glob("idrid/B*/1*/*/*.jpg"))[::12])
    assert np.mean([not one.gradable for one in graded]) < 0.05


def test_eyes_entered_under_two_patients_are_found_among_others(real_data: Path, tmp_path: Path) -> None:
    """These pairs were seen to be one eye each; the other photographs are of other eyes."""
    twins = [
        ("352_left", "973_left"),
        ("2487_right", "3185_right"),
        ("398_left", "668_left"),
        ("28_right", "765_right"),
    ]
    folder = real_data / "odir5k/preprocessed_images"
    others = [path.stem for path in sorted(folder.iterdir())[::160]]
    names = list(dict.fromkeys([*(name for pair in twins for name in pair), *others]))
    table = pd.DataFrame(
        {"photo": [f"{name}.jpg" for name in names], "patient": [name.split("_")[0] for name in names]}
    )
    manifest = validated(table, "ODIR-5K", folder)
    prepared = prepare(manifest.photo_paths(), Preprocessing(), tmp_path, jobs=1)
    found = find_duplicates(manifest, prepared.paths)
    pairs = {frozenset((a[:-4], b[:-4])) for a, b in zip(found["photo_a"], found["photo_b"], strict=True)}
    assert pairs == {frozenset(pair) for pair in twins}
    assert not found["same_patient"].any()
