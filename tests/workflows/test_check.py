"""The check finds what was planted: a missing file, a broken one, copies within and across patients."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.workflows.check import check_manifest

SMALL = Preprocessing(side=128)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five patients, and after them: a missing file, a broken file, a copy, and a smaller, recompressed copy."""
    folder = tmp_path_factory.mktemp("study")
    manifest = render_dataset(folder, 5, side=256, seed=1, faults=0.0)
    first, second = manifest.table["photo"][:2]
    (folder / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photograph")
    shutil.copyfile(folder / first, folder / "photos" / "copy.jpg")
    with Image.open(folder / second) as photo:
        photo.resize((photo.width * 3 // 4, photo.height * 3 // 4)).save(folder / "photos" / "smaller.jpg", quality=80)
    planted = pd.DataFrame(
        {
            "photo": [f"photos/{name}.jpg" for name in ("missing", "broken", "copy", "smaller")],
            "patient": ["gone", "bad", "other", "another"],
        }
    )
    write_manifest(Manifest(pd.concat([manifest.table, planted], ignore_index=True), folder), folder / "planted.csv")
    return folder


def steps(flow: pd.DataFrame) -> dict[str, int]:
    return dict(zip(flow["step"], flow["photos"], strict=True))


def test_the_flow_counts_every_loss(study: Path) -> None:
    checked = check_manifest(read_manifest(study / "planted.csv"), study / "cache", 1, preprocessing=SMALL)
    counted = steps(checked.flow)
    assert counted["in the manifest"] == 14
    assert counted["missing files"] == 1
    assert counted["unreadable files"] == 1
    assert counted["readable"] == 12
    assert counted["exact duplicates across patients"] == 2
    assert counted["near duplicates across patients"] == 2
    assert counted["left by --clean"] == 10


def test_the_clean_manifest_keeps_one_of_each_group(study: Path) -> None:
    clean = check_manifest(read_manifest(study / "planted.csv"), study / "cache", 1, preprocessing=SMALL).clean
    assert list(clean.table["photo"]) == list(read_manifest(study / "manifest.csv").table["photo"])
    again = check_manifest(clean, study / "cache", 1, preprocessing=SMALL)
    assert again.duplicates.empty


def test_reasons_are_written_photo_by_photo(study: Path, tmp_path: Path) -> None:
    check_manifest(read_manifest(study / "planted.csv"), study / "cache", 1, preprocessing=SMALL).write(tmp_path)
    photos = pd.read_csv(tmp_path / "photos.csv").set_index("photo")
    assert photos.loc[["photos/missing.jpg", "photos/broken.jpg"], "unreadable"].notna().all()
    assert photos["unreadable"].notna().sum() == 2
    assert photos["focus"].notna().sum() == 12
    assert set(pd.read_csv(tmp_path / "duplicates.csv")["kind"]) == {"exact", "near"}


def test_photos_shared_with_another_manifest_are_contamination(study: Path) -> None:
    ours = read_manifest(study / "manifest.csv")
    upstream = Manifest(ours.table.iloc[:2].reset_index(drop=True), ours.root)
    checked = check_manifest(ours, study / "cache", 1, other=upstream, preprocessing=SMALL)
    assert len(checked.duplicates) == 2
    assert not checked.duplicates["same_patient"].any()
    assert set(checked.clean.table["photo"]) == set(ours.table["photo"][2:])


def test_a_manifest_without_any_readable_photo_is_refused(study: Path) -> None:
    planted = read_manifest(study / "planted.csv")
    with pytest.raises(UserError, match="none of the 1 photos can be read"):
        check_manifest(planted.where(planted.table["patient"] == "bad"), study / "cache", 1, preprocessing=SMALL)
