"""The list of photographs a model has seen: by content, findable by anybody, and never silently unknown."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import (
    TRAINING_PHOTOS,
    hashes_of_standard,
    photo_hash,
    read_training_photos,
    write_training_photos,
)
from eyeground.errors import UserError


def test_a_photo_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"photo")
    digest = sha256(b"photo").hexdigest()
    assert photo_hash(tmp_path / "a.jpg") == photo_hash(tmp_path / "b.jpg") == digest[:16]
    # The cache names standard photos by the same hash, so that no photograph is read for the list.
    assert hashes_of_standard([tmp_path / digest[:2] / f"{digest}.png"] * 2) == (digest[:16],)


def test_a_bundle_tells_which_photos_it_has_seen(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    seen, unseen = "0123456789abcdef", "fedcba9876543210"
    bundle = tiny_bundle(tmp_path / "tiny", files={TRAINING_PHOTOS: f"{seen}\n".encode()})
    assert bundle.trained_on([seen, unseen]) == {seen}
    assert bundle.trained_on([unseen]) == frozenset()


def test_a_bundle_without_a_list_does_not_say_no(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    assert tiny_bundle(tmp_path / "tiny").trained_on(["0123456789abcdef"]) is None


def test_a_list_is_read_as_it_was_written(tmp_path: Path) -> None:
    hashes = ("0" * 16, "f" * 16)
    write_training_photos(hashes, tmp_path / "list.txt")
    assert read_training_photos(tmp_path / "list.txt") == set(hashes)


@pytest.mark.parametrize("line", ["0123", "0123456789ABCDEF", "0123456789abcdefg", "", "name.jpg"])
def test_a_line_that_is_no_hash_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(f"{'0' * 16}\n{line}\n")
    with pytest.raises(UserError, match="line 2: not 16 hexadecimal digits"):
        read_training_photos(tmp_path / "list.txt")
