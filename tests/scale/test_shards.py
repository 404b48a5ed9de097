"""Packed shards: the same photos as from the cache, resumable, and nothing in them is lost or damaged unnoticed."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Augmentation, Preprocessing
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.imaging.cache import prepare, read_prepared, read_prepared_standard
from eyeground.imaging.packed import packed_photos
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.scale.shards import standardise

SETTINGS = Preprocessing(side=48)
TARGETS = (Target(name="abnormal"),)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Twelve photos of which the third is damaged and the sixth is missing."""
    folder = tmp_path_factory.mktemp("photos")
    rendered = render_dataset(folder, 6, side=64, seed=2)
    paths = rendered.photo_paths()
    paths[2].write_bytes(paths[2].read_bytes()[:200])
    paths[5].unlink()
    split = split_patients(rendered, {"train": 0.5, "validation": 0.5}, seed=1)
    write_manifest(split, folder / "manifest.parquet")
    return read_manifest(folder / "manifest.parquet")


@pytest.fixture(scope="module")
def shards(manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / "shards"
    standardise(manifest, folder, SETTINGS, folder.parent / "none", jobs=1, photos_per_shard=5)
    return folder


def copied(shards: Path, folder: Path) -> Path:
    """The shards in another place, as files of their own."""
    (folder / "parts").mkdir(parents=True)
    for path in shards.rglob("*"):
        if path.is_file():
            (folder / path.relative_to(shards)).write_bytes(path.read_bytes())
    return folder


def opened(manifest: Manifest, cache: Path, preprocessing: Preprocessing = SETTINGS) -> PreparedPhotos:
    return prepare_photos(manifest, TARGETS, preprocessing, cache, 1)


def test_packed_photos_are_those_of_the_cache(manifest: Manifest, shards: Path, tmp_path: Path) -> None:
    packed = opened(read_manifest(shards), tmp_path / "unused")
    loose = opened(manifest, tmp_path / "cache")
    assert not (tmp_path / "unused").exists() and len(packed.standard) == 10
    for one, other in zip(packed.standard, loose.standard, strict=True):
        np.testing.assert_array_equal(read_prepared(one), read_prepared(other))
        ours, theirs = read_prepared_standard(one), read_prepared_standard(other)
        assert (ours.geometry, ours.disc, one.name) == (theirs.geometry, theirs.disc, other.name)
    np.testing.assert_array_equal(packed.truth, loose.truth)
    for column in ("patient", "eye", "split", "age", "device", "source"):
        assert packed.manifest.table[column].tolist() == loose.manifest.table[column].tolist()


def test_a_training_batch_is_the_same_from_shards_and_from_photographs(
    manifest: Manifest, shards: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from eyeground.training.data import FundusDataset

    packed, loose = opened(read_manifest(shards), tmp_path), opened(manifest, tmp_path / "cache")
    ours, theirs = (FundusDataset(photos, Augmentation(), 3) for photos in (packed, loose))
    for row in range(10):
        for one, other in zip(ours[1, row], theirs[1, row], strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_the_index_is_a_manifest_whose_copies_elsewhere_find_the_shards(shards: Path, tmp_path: Path) -> None:
    again = split_patients(
        replace(read_manifest(shards), table=read_manifest(shards).table.drop(columns="split")), {"test": 1.0}
    )
    write_manifest(again, tmp_path / "deeper" / "split.csv")
    elsewhere = read_manifest(tmp_path / "deeper" / "split.csv")
    assert len(opened(elsewhere, tmp_path / "unused").standard) == 10
    assert not (tmp_path / "unused").exists()


def test_photos_left_out_are_listed_by_row(manifest: Manifest, shards: Path) -> None:
    table = pd.read_csv(shards / "unreadable.csv")
    assert table["row"].tolist() == [4, 7]
    assert [Path(photo).name for photo in table["photo"]] == [Path(manifest.table["photo"][row]).name for row in (2, 5)]
    assert table["reason"].str.contains("truncated|no such file").all()


def test_a_repeated_command_makes_only_what_is_missing(manifest: Manifest, shards: Path, tmp_path: Path) -> None:
    folder = copied(shards, tmp_path / "shards")
    # The folder lies elsewhere, so its paths to the photographs differ: made again from the start.
    first = standardise(manifest, tmp_path / "own", SETTINGS, tmp_path / "none", 1, photos_per_shard=5)
    before = {path.name: path.read_bytes() for path in first.folder.glob("shard-*.tar")}
    (first.folder / "shard-000001.tar").unlink()
    (first.folder / "parts" / "shard-000002.json").unlink()
    again = standardise(manifest, first.folder, SETTINGS, tmp_path / "none", 1, photos_per_shard=5)
    assert (again.made, again.shards) == (2, 3)
    assert {path.name: path.read_bytes() for path in first.folder.glob("shard-*.tar")} == before
    assert not list(folder.glob(".*"))


def test_a_photo_that_is_mended_gets_its_place(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{row}.jpg" for row in (0, 1, 2)]
    for path, source in zip(paths, manifest.photo_paths(), strict=False):
        path.write_bytes(source.read_bytes())
    own = Manifest(manifest.table.iloc[:3].assign(photo=[path.name for path in paths]), folder)
    first = standardise(own, tmp_path / "shards", SETTINGS, tmp_path / "none", 1, photos_per_shard=2)
    assert (first.photos, first.unreadable["row"].tolist()) == (2, [4])
    paths[2].write_bytes(manifest.photo_paths()[3].read_bytes())
    again = standardise(own, tmp_path / "shards", SETTINGS, tmp_path / "none", 1, photos_per_shard=2)
    assert (again.photos, again.made, len(again.unreadable)) == (3, 1, 0)


def test_shards_of_something_else_are_not_mixed(manifest: Manifest, shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    standardise(manifest, folder, SETTINGS, tmp_path / "none", 1, photos_per_shard=5)
    with pytest.raises(UserError, match="other photos, labels or sides"):
        standardise(manifest, folder, Preprocessing(side=64), tmp_path / "none", 1, photos_per_shard=5)
    with pytest.raises(UserError, match="other photos, labels or sides"):
        standardise(manifest, folder, SETTINGS, tmp_path / "none", 1, photos_per_shard=12)


def test_what_is_in_the_cache_is_not_made_again(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(manifest.photo_paths(), SETTINGS, tmp_path / "cache")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.png")}

    def never(*_: object) -> None:
        raise AssertionError("made again")

    readable = manifest.where(~manifest.table.index.isin([2, 5]))
    monkeypatch.setattr("eyeground.imaging.cache.standard_photo", never)
    assert standardise(readable, tmp_path / "shards", SETTINGS, tmp_path / "cache", 1).photos == 10
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.png")} == kept


def member_ends(shard: Path) -> list[int]:
    with tarfile.open(shard) as tar:
        return [member.offset_data + -(-member.size // 512) * 512 for member in tar]


@pytest.mark.parametrize("cut", ["at a member's end", "in the next header", "in a photo", "entirely"])
def test_a_shard_that_was_cut_is_named_before_training(shards: Path, tmp_path: Path, cut: str) -> None:
    folder = copied(shards, tmp_path / "shards")
    shard = folder / "shard-000001.tar"
    end = member_ends(shard)[3]
    if cut == "entirely":
        shard.unlink()
    else:
        shard.write_bytes(
            shard.read_bytes()[: {"at a member's end": end, "in the next header": end + 100, "in a photo": 700}[cut]]
        )
    with pytest.raises(UserError, match=r"shard-000001\.tar: (has [\d,]+ bytes|is missing).*eyeground standardise"):
        opened(read_manifest(folder), tmp_path)


def test_a_flipped_byte_is_named_when_its_photo_is_read(shards: Path, tmp_path: Path) -> None:
    folder = copied(shards, tmp_path / "shards")
    shard = folder / "shard-000000.tar"
    photos = opened(read_manifest(folder), tmp_path)
    content = bytearray(shard.read_bytes())
    content[700] ^= 1  # in the first photo
    shard.write_bytes(content)
    with pytest.raises(UserError, match=r"shard-000000\.tar, 000000000-[0-9a-f]{64}\.png: is not what was written"):
        read_prepared(photos.standard[0])
    read_prepared(photos.standard[1])


def test_shards_without_description_or_of_another_side_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"preprocessing\.side=48.*standardise --side 64"):
        opened(read_manifest(shards), tmp_path, Preprocessing(side=64))
    folder = copied(shards, tmp_path / "shards")
    (folder / "shards.json").unlink()
    with pytest.raises(UserError, match=r"shards\.json: cannot be read"):
        opened(read_manifest(folder), tmp_path)


def test_a_shard_without_a_readable_photo_and_an_index_without_a_column(manifest: Manifest, tmp_path: Path) -> None:
    two = manifest.where(manifest.table.index.isin([2, 3]))  # the first is damaged
    packed = standardise(two, tmp_path / "shards", SETTINGS, tmp_path / "none", 1, photos_per_shard=1)
    assert (packed.photos, packed.shards) == (1, 2)
    index = read_manifest(packed.folder)
    assert len(opened(index, tmp_path / "none").standard) == 1
    without = replace(index, table=index.table.drop(columns="note_shard_size"))
    with pytest.raises(UserError, match="none 'note_shard_size'"):
        packed_photos(without, SETTINGS)


def test_webdataset_reads_the_shards(manifest: Manifest, shards: Path) -> None:
    wds = pytest.importorskip("webdataset")
    samples = list(wds.WebDataset([str(path) for path in sorted(shards.glob("*.tar"))], shardshuffle=False))
    index = read_manifest(shards).table
    assert len(samples) == len(index) == 10
    for sample, row in zip(samples, index.to_dict("records"), strict=True):
        assert f"{sample['__key__']}.png" == row["note_shard_member"]
        described = json.loads(sample["json"])
        assert (described["patient"], described["abnormal"]) == (row["patient"], row["abnormal"])
        assert sample["png"][:4] == b"\x89PNG"


def test_a_manifest_of_nothing_readable_is_an_error(manifest: Manifest, tmp_path: Path) -> None:
    damaged = manifest.where(manifest.table.index.isin([2, 5]))
    with pytest.raises(UserError, match="none of the 2 photos can be read"):
        standardise(damaged, tmp_path / "shards", SETTINGS, tmp_path / "none", 1)
