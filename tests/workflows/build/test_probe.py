"""A probe without torch: cross-validated where photos are few, with remarks on what was measured on what."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import eyeground
from eyeground import models
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS, photo_hash
from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, ProbeRecipe
from eyeground.data.manifest import Manifest, read_manifest, write_manifest
from eyeground.data.predictions import read_predictions
from eyeground.data.splits import split_patients
from eyeground.datasets.synthetic import render_dataset
from eyeground.errors import UserError
from eyeground.workflows.build import familiarity
from eyeground.workflows.build import probe as adapt
from eyeground.workflows.build.probe import probe_embedding
from eyeground.workflows.build.validated_build import Built, Plan
from eyeground.workflows.predict import predict_manifest

PATIENTS = 40
TARGETS = (Target(name="diabetic_retinopathy"), Target(name="diabetic_retinopathy_grade", kind="ordinal"))
RECIPE = ProbeRecipe(targets=TARGETS[:1], folds=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("clinic")
    render_dataset(made, PATIENTS, side=64, seed=2, prevalence={"diabetic_retinopathy": 0.5})
    return made


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return read_manifest(folder / "manifest.csv")


@pytest.fixture(scope="module")
def source(folder: Path, manifest: Manifest, random_bundle: Callable[..., Bundle]) -> Bundle:
    """A network that was never trained, whose bundle lists the first three photos as its training photos."""
    known = [photo_hash(path) for path in manifest.photo_paths()[:3]]
    architecture = Architecture(backbone="test_resnet", head="jang2024")
    return random_bundle(folder / "source", architecture=architecture, training_photos=known)


def run(
    folder: Path, name: str, manifest: Manifest, source: Bundle, recipe: ProbeRecipe = RECIPE, report: bool = False
) -> tuple[Built, str]:
    """What a run yields and prints; with its report, which takes most of the time, only where a test needs it."""
    printed = io.StringIO()
    plan = Plan(folder / name, folder / "cache", name, "probe")
    with pytest.MonkeyPatch.context() as patch:
        if not report:
            patch.setattr("eyeground.workflows.build.validated_build.write_validation", lambda *given: None)
        built = probe_embedding(manifest, recipe, str(source.folder), plan, Console(file=printed, width=1000))
    return built, printed.getvalue()


@pytest.fixture(scope="module")
def cross_validated(folder: Path, manifest: Manifest, source: Bundle) -> tuple[Built, str]:
    return run(folder, "cross-validated", manifest, source, report=True)


def test_few_photos_are_cross_validated_and_all_of_them_are_used(
    folder: Path, manifest: Manifest, cross_validated: tuple[Built, str]
) -> None:
    built, printed = cross_validated
    description = built.bundle.description
    assert "the probe is cross-validated in 4 folds of patients by seed 0" in printed
    assert (description.training.photos, description.training.patients) == (len(manifest), PATIENTS)
    assert built.evaluation.photos == len(manifest)
    table = built.predictions.table
    assert "split" not in table and set(table["fold"]) == {0, 1, 2, 3}
    assert table.groupby("patient")["fold"].nunique().max() == 1
    point = description.operating_points[0]
    assert (point.chosen_on, point.positives + point.negatives) == ("cross-validation", len(manifest))
    # The bundle's head was fitted to these photos, so what was measured must not be its own predictions.
    shipped = predict_manifest(manifest, eyeground.load(built.bundle.folder), folder / "cache", 1).predictions.table
    column = "probability_diabetic_retinopathy"
    assert np.abs(shipped[column] - table[column]).max() > 0.01


def test_report_and_card_say_what_was_done(folder: Path, cross_validated: tuple[Built, str]) -> None:
    built, _ = cross_validated
    card = (built.bundle.folder / "README.md").read_text(encoding="utf-8")
    metrics = (folder / "cross-validated" / "evaluation" / "metrics.md").read_text(encoding="utf-8")
    for text in (card, metrics):
        assert "Cross-validated in 4 folds of patients" in text
        assert "mean" in text and "validation photographs" not in text
    assert "predicted out of fold" in card
    # The threshold was chosen on the photos it is measured on here, and nowhere else.
    assert "**Optimistic**" in metrics
    auroc = built.evaluation.outputs[0].estimate("auroc")
    assert auroc.note.startswith("mean within 4 of 4 folds") and auroc.low is not None


def test_a_screening_install_adapts_and_screens(folder: Path, source: Bundle) -> None:
    code = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "timm", "lightning"):
            raise ImportError(f"{name} is not installed here")
sys.meta_path.insert(0, Refusing())
from eyeground.cli import main
manifest, bundle, out, photos = sys.argv[1:]
adapted = main(["adapt", manifest, "--bundle", bundle, "--target", "diabetic_retinopathy_grade:ordinal", "-o", out,
                "--set", "folds=2", "--cache", f"{out}-cache", "--jobs", "1"])
sys.exit(adapted or main(["screen", photos, "--bundle", f"{out}/bundle", "-o", f"{out}-screened"]))
"""
    out = folder / "without-torch"
    done = subprocess.run(
        [sys.executable, "-c", code, folder / "manifest.csv", source.folder, out, folder / "photos"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(folder / "without-torch-screened" / "results.csv")
    assert len(results) == 2 * PATIENTS
    assert "probability_diabetic_retinopathy_grade>=1" in results
    assert models.load(out / "bundle").architecture.head == "linear"


def test_the_labels_are_counted_and_few_are_warned_of(folder: Path, manifest: Manifest, source: Bundle) -> None:
    table = manifest.table.copy()
    table.loc[table.index[:10], "diabetic_retinopathy"] = pd.NA
    patients = table.loc[table["diabetic_retinopathy"] == 1, "patient"].unique()[:6]
    negative = (table["diabetic_retinopathy"] == 0).fillna(False)
    few = Manifest(
        table[negative | table["patient"].isin(patients) | table["diabetic_retinopathy"].isna()].reset_index(drop=True),
        manifest.root,
    )
    positives = int((few.table["diabetic_retinopathy"] == 1).sum())
    _, printed = run(folder, "few", few, source)
    assert f"  diabetic_retinopathy: {positives} positive of 6 patients," in printed
    assert "only 6 patients are positive for 'diabetic_retinopathy'" in printed
    without = int(few.table["diabetic_retinopathy"].isna().sum())
    assert f"{without} photos have none of the labels and are left out" in printed


def test_photos_that_the_embedding_was_trained_on_are_reported(cross_validated: tuple[Built, str]) -> None:
    built, printed = cross_validated
    sentence = f"source was itself trained on 3 of these {2 * PATIENTS} photos: the metrics are optimistic."
    assert sentence in printed
    assert sentence in built.evaluation.remarks


def test_known_photos_that_nothing_is_measured_on_do_no_harm(folder: Path, manifest: Manifest, source: Bundle) -> None:
    """The source lists the first three photos, which are of the first two patients."""
    patients = list(dict.fromkeys(manifest.table["patient"]))
    part = {
        patient: "validation" if index < 6 else "test" if index < 16 else "train"
        for index, patient in enumerate(patients)
    }
    split = Manifest(manifest.table.assign(split=manifest.table["patient"].map(part)), manifest.root)
    built, printed = run(folder, "known elsewhere", split, source)
    assert "was itself trained on" not in printed and not any("optimistic" in one for one in built.evaluation.remarks)


def test_splits_are_taken_at_their_word(folder: Path, manifest: Manifest, source: Bundle) -> None:
    split = split_patients(manifest, {"train": 0.6, "validation": 0.2, "test": 0.2}, ["diabetic_retinopathy"], seed=0)
    built, printed = run(folder, "split", split, source, replace_targets(TARGETS))
    parts = {name: split.in_split(name) for name in ("train", "validation", "test")}
    assert "cross-validated" not in printed
    assert f"to learn from: {len(parts['train'])} photos" in printed
    assert f"to measure on: {len(parts['test'])} photos" in printed
    description = built.bundle.description
    assert description.training.photos == len(parts["train"])
    assert built.evaluation.photos == len(parts["test"])
    assert not description.operating_points and set(description.without_threshold) == set(description.outputs)
    seen = (built.bundle.folder / TRAINING_PHOTOS).read_text(encoding="utf-8").split()
    assert len(seen) == len(parts["train"]) + len(parts["validation"])
    assert "validation photographs" in (built.bundle.folder / "README.md").read_text(encoding="utf-8")
    # The graph answers as the probe did when it was measured.
    table = built.predictions.in_split("test").table
    found = predict_manifest(parts["test"], eyeground.load(built.bundle.folder), folder / "cache", 1).predictions.table
    for output in description.outputs:
        np.testing.assert_allclose(found[f"probability_{output}"], table[f"probability_{output}"], atol=1e-4)


def replace_targets(targets: tuple[Target, ...]) -> ProbeRecipe:
    return RECIPE.model_copy(update={"targets": targets})


def test_many_photos_are_split(
    folder: Path, manifest: Manifest, source: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapt, "FEWEST_TO_SPLIT", len(manifest))
    built, printed = run(folder, "many", manifest, source)
    assert "patients are split by seed 0 into train 70%, validation 10%, test 20%" in printed
    assert built.evaluation.scope == "test"


def test_folds_of_the_manifest_are_used(folder: Path, manifest: Manifest, source: Bundle) -> None:
    folds = manifest.table["patient"].map({name: i % 3 for i, name in enumerate(manifest.table["patient"].unique())})
    own = Manifest(manifest.table.assign(fold=folds.astype("Int64")), manifest.root)
    built, printed = run(folder, "own-folds", own, source)
    assert "in the manifest's own folds" in printed
    assert built.predictions.table["fold"].tolist() == folds.tolist()


def test_the_same_run_again_gives_the_same_and_embeds_nothing(
    folder: Path,
    manifest: Manifest,
    source: Bundle,
    cross_validated: tuple[Built, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("the network was opened although the embeddings are there")

    monkeypatch.setattr(familiarity, "load", never)
    again, _ = run(folder, "cross-validated", manifest, source)
    assert again.evaluation == cross_validated[0].evaluation


def test_evaluating_the_predictions_again_calls_the_thresholds_optimistic_too(
    folder: Path, cross_validated: tuple[Built, str], capsys: pytest.CaptureFixture[str]
) -> None:
    made = folder / "cross-validated"
    arguments = ["evaluate", str(made / "predictions.parquet"), "--run", str(made), "--resamples", "50"]
    assert main([*arguments, "-o", str(folder / "evaluated")]) == 0
    evaluated = json.loads((folder / "evaluated" / "metrics.json").read_text(encoding="utf-8"))
    assert evaluated["outputs"][0]["at"][0]["point"]["chosen_on"] == "test"
    assert read_predictions(made / "predictions.parquet").table.equals(cross_validated[0].predictions.table)
    capsys.readouterr()


def test_one_photograph_under_two_patients_stops_the_run(folder: Path, manifest: Manifest, source: Bundle) -> None:
    copies = []
    table = manifest.table.copy()
    for patient in range(4):  # of four folds, one at least is another than the original's
        copies.append(folder / "photos" / f"copy{patient}.jpg")
        shutil.copyfile(folder / table["photo"][0], copies[-1])
        table = pd.concat(
            [table, table.iloc[[0]].assign(photo=f"photos/copy{patient}.jpg", patient=f"copy{patient}")],
            ignore_index=True,
        )
    write_manifest(Manifest(table, folder), folder / "leaking.csv")
    with pytest.raises(UserError, match=r"5 photographs .* more than one fold .*--allow-leakage"):
        run(folder, "leaking", read_manifest(folder / "leaking.csv"), source)
    for copy in copies:
        copy.unlink()


def test_a_cross_validated_run_is_not_released(
    folder: Path, cross_validated: tuple[Built, str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["release", str(folder / "cross-validated"), "-o", str(folder / "released"), "--name", "mine"]
    assert main([*arguments, "--cache", str(folder / "cache")]) == 2
    assert "was cross-validated" in capsys.readouterr().err


def test_a_probe_of_a_probe_is_a_bundle_like_any_other(
    folder: Path, manifest: Manifest, cross_validated: tuple[Built, str]
) -> None:
    first = open_bundle(cross_validated[0].bundle.folder)
    again, _ = run(folder, "again", manifest, replace(first), replace_targets(TARGETS))
    assert open_bundle(again.bundle.folder).description.training.initialisation == first.identity
