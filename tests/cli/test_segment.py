"""From photos with masks to masks of new photos: the commands as a user types them."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from eyeground.bundle.open import open_segmenter
from eyeground.cli import main
from eyeground.data.manifest import read_manifest, validated, write_manifest
from eyeground.datasets.synthetic.dataset import render_dataset
from eyeground.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_USER_ERROR
from eyeground.imaging.standard import StandardPhoto
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter

pytestmark = pytest.mark.train

RECIPE = """
architecture: {backbone: test_resnet}
decoder: {channels: [16, 8, 8, 4, 4]}
preprocessing: {side: 96}
patch: 64
draws: 2
optimisation: {epochs: 12, batch_size: 4, learning_rate: 0.02, average_decay: 0.5, precision: fp32}
machine: {accelerator: cpu, workers: 0}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, masks, a recipe, and a run that segments the optic disc."""
    folder = tmp_path_factory.mktemp("segment")
    manifest = render_dataset(folder, 8, side=110, faults=0, masks=True)
    table = manifest.table.assign(split=["train"] * 10 + ["test"] * 6)
    shutil.copytree(folder / "masks", folder / "second")
    table["mask_optic_disc_second"] = table["mask_optic_disc"].str.replace("masks/", "second/")
    write_manifest(validated(table, "drawn", folder), folder / "drawn.csv")
    (folder / "recipe.yaml").write_text(RECIPE)
    assert adapt(folder, "run") == EXIT_DONE
    return folder


def adapt(folder: Path, run: str, *more: str) -> int:
    arguments = ["adapt", str(folder / "drawn.csv"), "--bundle", "scratch", "--structure", "optic_disc"]
    arguments += ["--recipe", str(folder / "recipe.yaml"), "-o", str(folder / run), "--cache", str(folder / "cache")]
    return main([*arguments, *more])


def test_a_segmenter_learns_the_optic_disc(trained: Path) -> None:
    description = open_segmenter(trained / "run" / "bundle").description
    metrics = {one.metric: one.value for one in description.metrics}
    assert metrics["auroc"] > 0.8
    point = description.operating_points[0]
    assert (point.output, point.chosen_on) == ("optic_disc", "train")  # there is no validation split
    assert "optic disc" in (trained / "run" / "bundle" / "README.md").read_text()


def test_a_run_that_was_interrupted_ends_with_the_same_weights(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert adapt(trained, "half", "--set", "optimisation.epochs=12") == EXIT_DONE
    complete = open_segmenter(trained / "run" / "bundle").description.files["model.safetensors"]
    assert open_segmenter(trained / "half" / "bundle").description.files["model.safetensors"] == complete
    assert adapt(trained, "half") == EXIT_USER_ERROR
    assert "add --resume" in capsys.readouterr().err
    shutil.rmtree(trained / "half" / "bundle")
    assert adapt(trained, "half", "--resume") == EXIT_DONE
    assert open_segmenter(trained / "half" / "bundle").description.files["model.safetensors"] == complete


def test_segment_writes_a_mask_of_the_photos_own_size_and_a_row_for_every_photo(trained: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted((trained / "photos").iterdir())[:2]:
        shutil.copy(path, photos)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    code = main(["segment", str(photos), "--bundle", str(trained / "run" / "bundle"), "-o", str(tmp_path / "out")])
    assert code == EXIT_DONE
    table = pd.read_csv(tmp_path / "out" / "segments.csv").set_index("photo")
    assert list(table["status"]) == ["unreadable", "drawn", "drawn"]
    assert table["reason"].notna().tolist() == [True, False, False]
    for name in table.index[1:]:
        mask = cv2.imread(str(tmp_path / "out" / "masks" / "optic_disc" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert mask.shape == cv2.imread(str(photos / name)).shape[:2]
        assert set(np.unique(mask)) <= {0, 255}
        assert (tmp_path / "out" / "overlays" / f"{name}.structures.jpg").is_file()
        assert 0 <= table.loc[name, "area_optic_disc"] <= 1


def test_a_killed_run_draws_only_what_is_missing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [
        "segment",
        str(trained / "photos"),
        "--bundle",
        str(trained / "run" / "bundle"),
        "-o",
        str(tmp_path / "out"),
    ]
    segmented: list[bytes] = []
    real = Segmenter.segment

    def segment(self: Segmenter, standard: StandardPhoto) -> SegmentedPhoto:
        if len(segmented) == 5:
            raise KeyboardInterrupt
        segmented.append(standard.pixels.tobytes())
        return real(self, standard)

    def go_on(self: Segmenter, standard: StandardPhoto) -> SegmentedPhoto:
        segmented.append(standard.pixels.tobytes())
        return real(self, standard)

    monkeypatch.setattr(Segmenter, "segment", segment)
    assert main(arguments) == EXIT_INTERRUPTED
    monkeypatch.setattr(Segmenter, "segment", go_on)
    assert main(arguments) == EXIT_DONE
    assert len(segmented) == len(set(segmented)) == 16  # eight patients, each eye once
    assert len(pd.read_csv(tmp_path / "out" / "segments.csv")) == 16


def test_measure_says_how_well_with_a_second_annotator_beside(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["segment", "--bundle", str(trained / "run" / "bundle"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--measure", str(trained / "drawn.csv")]) == EXIT_DONE
    estimates = pd.read_csv(tmp_path / "out" / "structures.csv")
    pooled = estimates[estimates["over"] == "pooled"].set_index(["reader", "metric"])
    assert pooled.loc[("second annotator", "dice"), "value"] == 1  # whose mask is the same
    assert pooled.loc[("model", "dice"), "photos"] == len(read_manifest(trained / "drawn.csv").in_split("test"))
    at_training = open_segmenter(trained / "run" / "bundle").description.metrics
    assert pooled.loc[("model", "auroc"), "value"] == pytest.approx(
        next(one.value for one in at_training if one.metric == "auroc")
    )
    assert "optic_disc (second annotator, 6 photos): dice 1.000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["segment", "--bundle", "{run}", "-o", "{out}"], "nothing to segment"),
        (
            ["segment", "{run}", "--bundle", "eyeground-mobilenetv2-imagenet+fundus-224", "-o", "{out}"],
            "a classifier of photos",
        ),
        (["screen", "{photos}", "--bundle", "{run}", "-o", "{out}"], "use it with `eyeground segment`"),
        (["adapt", "{manifest}", "--bundle", "scratch", "-o", "{out}"], "name what to learn"),
        (["adapt", "{manifest}", "--bundle", "scratch", "--structure", "cup", "-o", "{out}"], "no column 'mask_cup'"),
        (["adapt", "{manifest}", "--bundle", "scratch", "--structure", "optic_disc:none", "-o", "{out}"], "missing"),
        (
            [
                "adapt",
                "{manifest}",
                "--bundle",
                "scratch",
                "--structure",
                "vessel",
                "--mask-value",
                "vesel=1",
                "-o",
                "{out}",
            ],
            "did you mean 'vessel'",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    places = {"run": trained / "run" / "bundle", "photos": trained / "photos", "manifest": trained / "drawn.csv"}
    given = [argument.format(out=tmp_path / "out", **places) for argument in arguments]
    assert main(given) == EXIT_USER_ERROR
    printed = " ".join(capsys.readouterr().err.split())
    assert message in printed
    assert "Traceback" not in printed


def test_a_segmenter_that_learnt_nothing_becomes_no_bundle(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    never = ["--set", "optimisation.epochs=1", "--set", "optimisation.learning_rate=1e-9"]
    assert adapt(trained, "nothing", *never) == EXIT_USER_ERROR
    printed = " ".join(capsys.readouterr().err.split())
    assert "was not learned" in printed and "AUROC" in printed
    assert not (trained / "nothing" / "bundle").exists()


def test_values_of_a_label_map_are_chosen_for_training_and_measuring(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_manifest(trained / "drawn.csv").table
    for name in table["mask_optic_disc"]:
        disc = cv2.imread(str(trained / name), cv2.IMREAD_GRAYSCALE) > 0
        labels = disc.astype(np.uint8)
        labels[:10, :10], labels[:5, :5] = 2, 3
        path = trained / "labels" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), labels)
    mapped = table.drop(columns="mask_optic_disc_second").assign(mask_optic_disc="labels/" + table["mask_optic_disc"])
    write_manifest(validated(mapped, "mapped", trained), trained / "mapped.csv")
    arguments = ["segment", "--bundle", str(trained / "run" / "bundle"), "--measure", str(trained / "mapped.csv")]
    assert main([*arguments, "-o", str(tmp_path / "refused")]) == EXIT_USER_ERROR
    assert "--mask-value" in capsys.readouterr().err
    assert main([*arguments, "-o", str(tmp_path / "chosen"), "--mask-value", "optic_disc=1"]) == EXIT_DONE
    estimates = pd.read_csv(tmp_path / "chosen" / "structures.csv")
    pooled = estimates[(estimates["over"] == "pooled") & (estimates["metric"] == "auroc")]["value"].item()
    recorded = {one.metric: one.value for one in open_segmenter(trained / "run" / "bundle").description.metrics}
    assert pooled == pytest.approx(recorded["auroc"])
