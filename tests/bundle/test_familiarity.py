from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.bundle.familiarity import fit_reference, read_reference, write_reference
from eyeground.errors import UserError

WIDTH = 40


def embeddings(count: int, seed: int = 0) -> np.ndarray:
    """Spread mostly along five directions, as real ones are."""
    generator = np.random.default_rng(seed)
    directions = np.random.default_rng(99).normal(size=(5, WIDTH))
    return 3 + generator.normal(size=(count, 5)) @ directions * 0.3 + generator.normal(size=(count, WIDTH)) * 0.05


def test_photos_of_the_same_kind_lie_at_about_one() -> None:
    reference = fit_reference(embeddings(400))
    assert np.median(reference.distance(embeddings(400, seed=1))) == pytest.approx(1, abs=0.15)


def test_what_lies_elsewhere_is_farther_than_every_familiar_photo() -> None:
    reference = fit_reference(embeddings(400))
    elsewhere = embeddings(50, seed=2)
    elsewhere[:, 7] += 3
    assert reference.distance(elsewhere).min() > reference.distance(embeddings(400, seed=1)).max()


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100))
def test_the_length_of_an_embedding_does_not_matter(factor: float) -> None:
    reference = fit_reference(embeddings(100))
    some = embeddings(5, seed=3)
    assert reference.distance(some * factor) == pytest.approx(reference.distance(some))


def test_with_all_directions_it_is_mahalanobis_distance() -> None:
    wide = np.random.default_rng(0).normal(size=(4000, 12)) @ np.random.default_rng(1).normal(size=(12, 12)) + 5
    reference = fit_reference(wide)
    scaled = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    # Unit vectors span one dimension less than the space, in which a photo cannot deviate beyond second order.
    centred = scaled[:50] - scaled.mean(axis=0)
    inverse = np.linalg.inv(np.cov(scaled.T, bias=True))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", centred, inverse, centred) / 12)
    assert reference.distance(wide[:50]) == pytest.approx(expected, rel=1e-6)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    reference = fit_reference(embeddings(100))
    write_reference(reference, tmp_path / "reference.safetensors")
    read = read_reference(tmp_path / "reference.safetensors", WIDTH)
    some = embeddings(20, seed=5)
    assert read.distance(some) == pytest.approx(reference.distance(some), rel=1e-4)


def test_too_few_photos_and_wrong_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="19 photographs are too few"):
        fit_reference(embeddings(19))
    path = tmp_path / "reference.safetensors"
    write_reference(fit_reference(embeddings(100)), path)
    with pytest.raises(UserError, match="does not fit embeddings of 41 numbers"):
        read_reference(path, WIDTH + 1)
    path.write_bytes(b"not a tensor")
    with pytest.raises(UserError, match="not a reference of familiar photographs"):
        read_reference(path, WIDTH)


def test_identical_photos_do_not_divide_by_zero() -> None:
    reference = fit_reference(np.repeat(embeddings(1), 30, axis=0))
    assert np.isfinite(reference.distance(embeddings(5))).all()
