import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import eyeground
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Preprocessing
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.datasets.synthetic import render_dataset
from eyeground.imaging.cache import read_prepared
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.workflows.build.familiarity import FLAGGED, embedder, with_familiarity, with_familiarity_of

impostor = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "impostors.py"))["impostor"]
TARGETS = (Target(name="abnormal"),)
PREPROCESSING = Preprocessing(side=48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("familiar")
    render_dataset(made, 60, side=64, seed=3)
    return made


@pytest.fixture(scope="module")
def photos(folder: Path) -> PreparedPhotos:
    table = read_manifest(folder / "manifest.csv").table
    patients = list(dict.fromkeys(table["patient"]))
    split = {patient: "train" if index < 35 else "validation" for index, patient in enumerate(patients)}
    manifest = Manifest(table.assign(split=table["patient"].map(split)), folder)
    return prepare_photos(manifest, TARGETS, PREPROCESSING, folder / "cache", 1)


def test_so_many_held_out_photos_are_unfamiliar_as_the_limit_says(
    random_bundle: Callable[..., Bundle], folder: Path, photos: PreparedPhotos
) -> None:
    made = with_familiarity(random_bundle(folder / "familiar"), photos, folder / "cache")
    known = open_bundle(made.folder).description.familiarity
    assert known is not None and known.flagged == FLAGGED
    assert 20 <= known.photos <= len(photos.rows("train")) and 20 <= known.held_out <= len(photos.rows("validation"))
    held_out = np.stack([read_prepared(photos.standard[row]) for row in photos.rows("validation")])
    reference = made.reference()
    assert reference is not None
    beyond = reference.distance(embedder(made)(held_out)) > known.limit
    assert beyond.sum() <= FLAGGED * len(held_out) + 1  # of ungradable photos, too, which the limit does not count


def test_no_more_diseased_than_healthy_photos_are_beyond_the_limit(
    random_bundle: Callable[..., Bundle], folder: Path, photos: PreparedPhotos
) -> None:
    """The farthest held-out photos are labelled diseased: the limit has to move outwards for them."""
    usual = with_familiarity(random_bundle(folder / "usual"), photos, folder / "cache")
    reference, rows = usual.reference(), photos.rows("validation")
    assert reference is not None
    distances = reference.distance(embedder(usual)(np.stack([read_prepared(photos.standard[row]) for row in rows])))
    truth = np.zeros_like(photos.truth)
    truth[rows[np.argsort(distances)[-20:]]] = 1
    diseased_farther = with_familiarity(
        random_bundle(folder / "diseased"), replace(photos, truth=truth), folder / "cache"
    )
    known, before = diseased_farther.description.familiarity, usual.description.familiarity
    assert known is not None and before is not None
    assert known.limit >= before.limit
    assert known.beyond and max(known.beyond.values()) <= FLAGGED


def test_screening_calls_what_it_never_saw_unfamiliar(
    random_bundle: Callable[..., Bundle], folder: Path, photos: PreparedPhotos
) -> None:
    screener = eyeground.load(with_familiarity(random_bundle(folder / "screens"), photos, folder / "cache").folder)
    strange = screener(impostor("inverted", 64, seed=1))
    usual = screener(photos.manifest.photo_paths()[0])
    assert strange.unfamiliarity > 1 > usual.unfamiliarity
    assert strange.status in ("unfamiliar", "ungradable") and strange.as_row()["unfamiliarity"] > 1
    if strange.gradability.gradable:
        assert "unlike the photographs" in strange.reason


def test_a_probe_takes_over_what_its_source_knows_and_counts_its_own_photos_in(
    random_bundle: Callable[..., Bundle], folder: Path, photos: PreparedPhotos
) -> None:
    source = with_familiarity(random_bundle(folder / "source"), photos, folder / "cache")
    elsewhere = np.stack([impostor("noise", 48, seed) for seed in range(60)])
    probe = with_familiarity_of(random_bundle(folder / "probe"), source, embedder(source)(elsewhere))
    before, after = source.description.familiarity, probe.description.familiarity
    assert before is not None and after is not None
    assert after.limit > before.limit and after.held_out == 60
    assert (
        with_familiarity_of(
            random_bundle(folder / "other"), random_bundle(folder / "without"), np.ones((60, 8))
        ).reference()
        is None
    )


def test_too_few_photos_leave_a_bundle_as_it_is(
    random_bundle: Callable[..., Bundle], folder: Path, photos: PreparedPhotos
) -> None:
    manifest = Manifest(photos.manifest.table.iloc[:30], folder)
    few = replace(photos, manifest=manifest, standard=photos.standard[:30], truth=photos.truth[:30])
    made = random_bundle(folder / "few")
    assert with_familiarity(made, few, folder / "cache") is made
