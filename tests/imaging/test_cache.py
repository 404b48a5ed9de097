import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from photographs import draw_fundus
from PIL import Image

from eyeground.config.training_recipe import Preprocessing
from eyeground.errors import UserError
from eyeground.imaging import cache, isolation
from eyeground.imaging.cache import prepare, read_prepared, read_prepared_standard
from eyeground.imaging.cache_size import kept, shrink
from eyeground.imaging.standard import StandardPhoto, standard_photo

SETTINGS = Preprocessing(side=48)


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    paths = []
    for seed in range(5):
        paths.append(tmp_path / f"photo {seed}.jpg")
        Image.fromarray(draw_fundus(90, 120, (60, 45), 40, seed=seed)).save(paths[-1])
    return paths


def test_cached_photos_are_the_standard_photos(photos: list[Path], tmp_path: Path) -> None:
    prepared = prepare(photos, SETTINGS, tmp_path / "cache", jobs=2)
    assert prepared.failures == {}
    for photo, entry in zip(photos, prepared.paths, strict=True):
        expected = standard_photo(photo, SETTINGS)
        assert entry is not None
        np.testing.assert_array_equal(read_prepared(entry), expected.pixels)
        cached = read_prepared_standard(entry)
        np.testing.assert_array_equal(cached.pixels, expected.pixels)
        np.testing.assert_array_equal(cached.field_of_view, expected.field_of_view)
        assert (cached.geometry, cached.disc) == (expected.geometry, expected.disc)


def test_entries_are_named_by_content_and_preprocessing(photos: list[Path], tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.png"
    renamed.write_bytes(photos[0].read_bytes())
    folder = tmp_path / "cache"
    first, again = prepare([photos[0], renamed], SETTINGS, folder).paths
    other_side = prepare([photos[0]], Preprocessing(side=64), folder).paths[0]
    other_mean = prepare([photos[0]], Preprocessing(side=48, mean=(0, 0, 0)), folder).paths[0]
    assert first == again == other_mean != other_side


def test_a_second_run_makes_nothing_anew(photos: list[Path], tmp_path: Path) -> None:
    entries = [path for path in prepare(photos, SETTINGS, tmp_path / "cache").paths if path]
    before = [entry.stat().st_mtime_ns for entry in entries]
    prepare(photos, SETTINGS, tmp_path / "cache")
    assert [entry.stat().st_mtime_ns for entry in entries] == before


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "removed"])
def test_damaged_entries_are_made_again(photos: list[Path], tmp_path: Path, damage: str) -> None:
    entry = prepare(photos[:1], SETTINGS, tmp_path / "cache").paths[0]
    assert entry is not None
    content = entry.read_bytes()
    if damage == "removed":
        entry.unlink()
    else:
        half = len(content) // 2
        flipped = content[:half] + bytes([content[half] ^ 0xFF]) + content[half + 1 :]
        entry.write_bytes({"empty": b"", "truncated": content[:half], "flipped": flipped}[damage])
    if damage in ("empty", "truncated", "removed"):
        with pytest.raises(UserError, match="prepare the photographs again"):
            read_prepared_standard(entry)
    assert prepare(photos[:1], SETTINGS, tmp_path / "cache").paths == [entry]
    assert entry.read_bytes() == content


def test_an_unreadable_photo_is_noted_and_stops_nothing(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photograph")
    os.mkfifo(tmp_path / "pipe.jpg")
    mixed = [photos[0], tmp_path / "text.jpg", photos[1], tmp_path / "gone.jpg", tmp_path / "pipe.jpg", photos[2]]
    prepared = prepare(mixed, SETTINGS, tmp_path / "cache", jobs=2)
    assert [path is not None for path in prepared.paths] == [True, False, True, False, False, True]
    assert list(prepared.failures) == [1, 3, 4]
    assert "no such file" in prepared.failures[3] and "gone.jpg" not in prepared.failures[3]


@pytest.mark.skipif(multiprocessing.get_start_method() != "fork", reason="the crash is planted through fork")
@pytest.mark.parametrize("how", ["killed", "stuck"])
def test_a_decoder_that_crashes_or_hangs_costs_only_its_photo(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def crash_on_one(photo: Path, preprocessing: Preprocessing) -> StandardPhoto:
        if photo == photos[2]:
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        return standard_photo(photo, preprocessing)

    monkeypatch.setattr(cache, "standard_photo", crash_on_one)
    monkeypatch.setattr(isolation, "LONGEST_DECODE", 1)
    prepared = prepare(photos, SETTINGS, tmp_path / "cache", jobs=2)
    assert list(prepared.failures) == [2] and "crashed" in prepared.failures[2]
    assert sum(path is not None for path in prepared.paths) == 4


def test_parallel_preparations_of_one_cache_agree(photos: list[Path], tmp_path: Path) -> None:
    run = """if True:
        import json, sys
        from pathlib import Path
        from eyeground.config.training_recipe import Preprocessing
        from eyeground.imaging.cache import prepare
        prepared = prepare([Path(photo) for photo in sys.argv[2:]], Preprocessing(side=48), Path(sys.argv[1]), jobs=2)
        print(json.dumps([str(path) for path in prepared.paths]))
    """
    command = [sys.executable, "-c", run, str(tmp_path / "cache"), *map(str, photos)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    first, *others = [json.loads(one.communicate()[0].splitlines()[-1]) for one in running]
    assert all(other == first for other in others)
    assert sorted(str(path) for path in (tmp_path / "cache").rglob("*") if path.is_file()) == sorted(first)


def test_what_a_killed_writer_left_is_swept_away_later(photos: list[Path], tmp_path: Path) -> None:
    entry = prepare(photos[:1], SETTINGS, tmp_path / "cache").paths[0]
    assert entry is not None
    old, young = entry.with_name(".old.png.x.partial"), entry.with_name(".young.png.x.partial")
    old.touch()
    young.touch()
    os.utime(old, (0, 0))
    prepare(photos[:1], SETTINGS, tmp_path / "cache")
    assert young.exists() and not old.exists()


def test_no_photos_and_no_jobs(tmp_path: Path) -> None:
    assert prepare([], SETTINGS, tmp_path / "cache").paths == []
    with pytest.raises(UserError, match="at least one process"):
        prepare([], SETTINGS, tmp_path / "cache", jobs=0)


def test_a_missing_entry_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="prepare the photographs again"):
        read_prepared(tmp_path / "gone.png")


def test_the_cache_is_shown_and_shrunk_by_what_was_used_longest_ago(photos: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    entries = [entry for entry in prepare(photos, SETTINGS, folder).paths if entry]
    for entry in entries:
        os.utime(entry, (0, 0))
    recent = [entry for entry in prepare(photos[1:3], SETTINGS, folder).paths if entry]
    (part,) = kept(folder)
    assert (part.files, part.size) == (5, sum(entry.stat().st_size for entry in entries))
    most = sum(entry.stat().st_size for entry in recent)
    assert shrink(folder, most) == 3
    assert [entry.exists() for entry in entries] == [False, True, True, False, False]
    assert shrink(folder, most) == 0
    assert shrink(folder, 0) == 2
    assert prepare(photos, SETTINGS, folder).paths == entries


def test_only_what_was_made_of_photographs_is_removed(tmp_path: Path) -> None:
    for name in (
        "models/a/model.onnx",
        "standard-v1-48/ab/x.png",
        "standard-v1-48/ab/.x.png.partial",
        "embeddings/y.npy",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert shrink(tmp_path, 0) == 3
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["model.onnx"]
    assert kept(tmp_path / "nowhere") == []
