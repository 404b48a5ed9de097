"""Invariants of a rendered dataset."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeground.core.files import sha256_of
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.datasets.synthetic import DISEASES, render_dataset
from eyeground.datasets.synthetic.dataset import MASK_TERMS
from eyeground.errors import UserError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return render_dataset(tmp_path_factory.mktemp("synthetic"), patients=24, side=64, seed=5)


def test_the_manifest_reads_back_and_every_photograph_is_there(dataset: Manifest) -> None:
    read = read_manifest(dataset.root / "manifest.csv")
    assert read.fingerprint() == dataset.fingerprint()
    assert all(path.is_file() for path in read.photo_paths())
    assert set(read.labels) == {"abnormal", "diabetic_retinopathy_grade", *DISEASES}
    with Image.open(read.photo_paths()[0]) as photo:
        assert (photo.format, photo.size[1]) == ("JPEG", 64)


def test_every_patient_has_a_left_and_a_right_eye_by_one_camera(dataset: Manifest) -> None:
    eyes = dataset.table.groupby("patient")
    assert (eyes["eye"].agg(lambda eye: sorted(eye) == ["left", "right"])).all()
    assert (eyes["device"].nunique() == 1).all()
    assert dataset.patients == 24


def test_abnormal_means_any_disease_and_a_grade_means_retinopathy(dataset: Manifest) -> None:
    table = dataset.table
    assert ((table[list(DISEASES)].sum(axis=1) > 0) == (table["abnormal"] == 1)).all()
    assert ((table["diabetic_retinopathy_grade"] > 0) == (table["diabetic_retinopathy"] == 1)).all()
    assert 0.2 < table["abnormal"].mean() < 0.8


def test_the_eyes_of_a_patient_resemble_each_other_but_are_two_photographs(dataset: Manifest) -> None:
    table = dataset.table.assign(
        colour=[np.asarray(Image.open(path)).astype(float).mean() for path in dataset.photo_paths()]
    )
    pairs = table.pivot(index="patient", columns="eye", values=["colour", "abnormal"])
    colour = pairs["colour"].astype(float)
    assert np.corrcoef(colour["left"], colour["right"])[0, 1] > 0.5
    assert (pairs["abnormal"]["left"] == pairs["abnormal"]["right"]).mean() > 0.7
    assert len({sha256_of(path) for path in dataset.photo_paths()}) == len(dataset)


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    one, two = (render_dataset(tmp_path / name, 2, 64, seed=9) for name in ("one", "two"))
    assert one.fingerprint() == two.fingerprint()
    for first, second in zip(one.photo_paths(), two.photo_paths(), strict=True):
        assert sha256_of(first) == sha256_of(second)


def test_masks_are_written_where_an_eye_has_the_lesion(tmp_path: Path) -> None:
    manifest = render_dataset(tmp_path, 3, 96, prevalence={"diabetic_retinopathy": 1.0}, masks=True)
    assert manifest.masks == tuple(f"mask_{term}" for term in MASK_TERMS)
    assert manifest.table["mask_vessel"].notna().all()
    assert manifest.table["mask_epiretinal_membrane"].isna().all()
    diseased = manifest.table[manifest.table["diabetic_retinopathy"] == 1]
    assert diseased["mask_microaneurysm"].notna().all()
    for row in diseased.itertuples():
        with Image.open(tmp_path / row.photo) as photo, Image.open(tmp_path / row.mask_vessel) as mask:
            assert photo.size == mask.size
            assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "at least 1"),
        ({"patients": 1, "devices": ()}, "name some of"),
        ({"patients": 1, "devices": ("clinc",)}, "did you mean 'clinic'"),
        ({"patients": 1, "prevalence": {"amb": 0.5}}, "did you mean 'amd'"),
        ({"patients": 1, "prevalence": {"amd": 5}}, "expected 0 to 1"),
        ({"patients": 1, "faults": -1}, "expected 0 to 1"),
    ],
)
def test_a_wrong_argument_is_an_error_before_anything_is_written(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        render_dataset(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
