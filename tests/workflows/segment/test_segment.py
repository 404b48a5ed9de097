"""`segment` on synthetic photographs, with segmenters that know the truth."""

import csv
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest
from PIL import Image

from eyeground.biomarkers import Told
from eyeground.data.manifest import read_manifest
from eyeground.datasets.synthetic import SyntheticFundus, render
from eyeground.errors import UserError
from eyeground.imaging.standard import StandardPhoto
from eyeground.screening.photos import PhotoFile
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter
from eyeground.screening.structure_set import StructureSet, named_set
from eyeground.screening.structures import Drawn, apart, measure_structures
from eyeground.workflows.segment.outputs import run_lengths, write_label_map
from eyeground.workflows.segment.own_masks import measure_own_masks
from eyeground.workflows.segment.photo import draw
from eyeground.workflows.segment.pictures import draw_biomarkers, draw_structures
from eyeground.workflows.segment.segment import Wanted, segment, wanted

EYE = render(seed=4, height=500, width=600, eye="left")
IDENTITY = "truth@0"


@dataclass(frozen=True, eq=False)
class Knowing:
    """Stands in for a segmenter: it draws the masks with which `EYE` was rendered."""

    structures: tuple[str, ...]
    side: int
    bundle: Any = field(init=False)

    def __post_init__(self) -> None:
        preprocessing = SimpleNamespace(side=self.side)
        described = SimpleNamespace(preprocessing=preprocessing)
        bundle = SimpleNamespace(identity=f"{IDENTITY}-{self.side}", digest=str(self.side), description=described)
        object.__setattr__(self, "bundle", bundle)

    def segment(self, standard: StandardPhoto) -> SegmentedPhoto:
        maps = {}
        for name in self.structures:
            if name == "fovea":
                y, x = np.mgrid[: EYE.pixels.shape[0], : EYE.pixels.shape[1]]
                mask = (np.hypot(x - EYE.macula_x, y - EYE.macula_y) < 10).astype(np.float32)
            else:
                mask = EYE.masks[name].astype(np.float32)
            maps[name] = standard.geometry.to_standard(mask)
        return SegmentedPhoto(standard, maps, dict.fromkeys(self.structures, 0.5))


def chosen() -> StructureSet:
    vessels, disc = Knowing(("vessel", "artery", "vein"), 384), Knowing(("optic_disc", "optic_cup", "fovea"), 256)
    return named_set([cast(Segmenter, vessels), cast(Segmenter, disc)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph, and a white-out of it."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(EYE.pixels).save(folder / "eye.png")
    Image.fromarray(np.full_like(EYE.pixels, 250)).save(folder / "white.png")
    return folder


@pytest.fixture(scope="module")
def written(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("out")
    outputs = wanted(True, ["label-map", "coco", "probabilities", "original-overlay"], Told(eye="right"))
    segment([folder], chosen(), output, outputs)
    return output


def rows_of(output: Path) -> dict[str, dict[str, str]]:
    with (output / "segments.csv").open(encoding="utf-8") as stream:
        return {row["photo"]: row for row in csv.DictReader(stream)}


def test_positions_and_lengths_are_in_the_photographs_pixels(written: Path) -> None:
    row = rows_of(written)["eye.png"]
    assert (float(row["disc_centre_x"]), float(row["disc_centre_y"])) == pytest.approx((EYE.disc_x, EYE.disc_y), abs=2)
    assert (float(row["fovea_x"]), float(row["fovea_y"])) == pytest.approx((EYE.macula_x, EYE.macula_y), abs=2)
    assert float(row["disc_height"]) == pytest.approx(2 * EYE.disc_radius, rel=0.05)


def test_an_eye_that_contradicts_what_is_told_is_reported(written: Path) -> None:
    row = rows_of(written)["eye.png"]
    assert (row["eye"], row["eye_source"]) == ("right", "told")
    assert "left" in row["eye_contradiction"]


def test_a_white_out_has_a_row_with_its_reason_and_no_figures(written: Path) -> None:
    row = rows_of(written)["white.png"]
    assert row["status"] == "ungradable" and row["reason"]
    assert row["area_vessel"] == row["disc_diameter"] == row["vessel_density"] == ""
    assert not (written / "masks/vessel/white.png.png").exists()


def test_masks_label_map_and_coco_say_the_same(written: Path) -> None:
    disc = np.asarray(Image.open(written / "masks/optic_disc/eye.png.png"))
    assert disc.shape == EYE.pixels.shape[:2] and set(np.unique(disc)) == {0, 255}
    labels, numbers = (
        np.asarray(Image.open(written / "label_maps/eye.png.png")),
        json.loads((written / "label_maps/labels.json").read_text(encoding="utf-8")),
    )
    artery = np.asarray(Image.open(written / "masks/artery/eye.png.png")) > 0
    assert np.array_equal(labels == numbers["artery"], artery)
    coco = json.loads((written / "coco.json").read_text(encoding="utf-8"))
    number = next(one["id"] for one in coco["categories"] if one["name"] == "optic_disc")
    (annotation,) = (one for one in coco["annotations"] if one["category_id"] == number)
    assert annotation["area"] == np.count_nonzero(disc)
    probabilities = np.asarray(Image.open(written / "probabilities/optic_disc/eye.png.png"))
    assert probabilities.dtype == np.uint16 and probabilities.max() == 65535
    with Image.open(written / "originals/eye.png.structures.jpg") as picture:
        assert picture.size == EYE.pixels.shape[1::-1]


def test_the_json_file_holds_units_scale_and_words(written: Path) -> None:
    content = json.loads((written / "measures/eye.png.json").read_text(encoding="utf-8"))
    assert content["measures"]["disc_diameter"]["unit"] == "px"
    assert "1.8 mm" in content["scale"]["source"]
    assert {one["name"] for one in content["structures"]} == set(chosen().structures)
    assert json.loads((written / "measures/white.png.json").read_text(encoding="utf-8"))["status"] == "ungradable"


def test_there_is_a_figure_for_disc_and_grid(written: Path) -> None:
    for name in ("optic_disc", "etdrs"):
        picture = np.asarray(Image.open(written / f"figures/eye.png.{name}.jpg"))
        assert picture.std() > 5


def test_a_finished_photo_is_not_segmented_again(folder: Path, written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(written)

    def never(self: Knowing, standard: StandardPhoto) -> SegmentedPhoto:
        raise AssertionError("segmented again")

    monkeypatch.setattr(Knowing, "segment", never)
    segment([folder], chosen(), written, wanted(True, ["label-map"], Told(eye="right")))
    assert rows_of(written) == before


def test_results_of_another_scale_are_not_mixed_in(folder: Path, written: Path) -> None:
    with pytest.raises(UserError, match="--overwrite"):
        segment([folder], chosen(), written, wanted(True, [], Told(eye="right", mm_per_pixel=0.01)))


def test_run_lengths_count_columns_from_the_background() -> None:
    mask = np.array([[1, 0], [1, 1]], dtype=bool)
    assert run_lengths(mask) == {"size": [2, 2], "counts": [0, 2, 1, 1]}
    assert run_lengths(~mask) == {"size": [2, 2], "counts": [2, 1, 1]}


def test_a_later_structure_lies_over_an_earlier_one_in_the_label_map(tmp_path: Path) -> None:
    whole = np.ones((8, 8), dtype=bool)
    write_label_map({"optic_cup": np.eye(8, dtype=bool), "optic_disc": whole, "my_own": ~whole}, tmp_path, "a")
    labels = np.asarray(Image.open(tmp_path / "label_maps/a.png"))
    assert set(labels[np.eye(8, dtype=bool)]) == {2} and set(labels[~np.eye(8, dtype=bool)]) == {1}


def test_a_vessel_drawn_as_both_kinds_is_the_likelier_one_but_a_crossing_stays_both(folder: Path) -> None:
    drawn = draw(PhotoFile("eye.png", str(folder / "eye.png"), ""), chosen())
    geometry = drawn.structures["artery"].geometry
    artery, vein = (np.zeros((384, 384), np.float32) for _ in range(2))
    artery[100:104, 50:300] = 0.9
    vein[100:104, 50:150] = 0.6
    vein[50:300, 200:204] = 0.9
    separated = apart(Drawn(artery, 0.5, geometry), Drawn(vein, 0.5, geometry))
    assert np.array_equal(separated["artery"].map >= 0.5, artery >= 0.5)
    assert (separated["vein"].map[150:300, 201] >= 0.5).all()
    assert not (separated["vein"].map[100:104, 60:140] >= 0.5).any()


def test_sure_probabilities_promise_a_better_dice_than_unsure_ones(folder: Path) -> None:
    drawn = draw(PhotoFile("eye.png", str(folder / "eye.png"), ""), chosen())
    sure = drawn.structures["vessel"]
    unsure = replace(sure, map=np.where(sure.map > 0, 0.25 + 0.5 * sure.map, 0).astype(np.float32))
    assert 0 < unsure.expected_dice < sure.expected_dice <= 1
    assert replace(sure, map=np.zeros_like(sure.map)).expected_dice == 0


def test_every_biomarker_figure_is_drawn_and_every_structure_beside_the_photo(folder: Path) -> None:
    drawn = draw(PhotoFile("eye.png", str(folder / "eye.png"), ""), chosen())
    measured = measure_structures(drawn.standard, drawn.structures, Told(mm_per_pixel=0.02))
    assert {"optic_disc", "etdrs"} <= set(draw_biomarkers(drawn.standard, measured))
    maps = {"vessel": drawn.structures["vessel"].map}
    picture = draw_structures(drawn.standard, maps, {"vessel": 0.5})
    changed = (picture[:384, :384] != picture[:384, 384:]).any(axis=2)
    assert changed[maps["vessel"] >= 0.5].mean() > 0.95


def write_masks(fundus: SyntheticFundus, folder: Path) -> Path:
    Image.fromarray(fundus.pixels).save(folder / "eye.png")
    for name in ("artery", "vein", "optic_disc"):
        cv2.imwrite(str(folder / f"{name}.png"), fundus.masks[name].astype(np.uint8) * 255)
    columns = "mask_artery,mask_vein,mask_optic_disc"
    manifest = folder / "masks.csv"
    manifest.write_text(f"photo,patient,eye,{columns}\neye.png,1,left,artery.png,vein.png,optic_disc.png\n")
    return manifest


def test_masks_of_ones_own_are_measured(tmp_path: Path) -> None:
    manifest = read_manifest(write_masks(EYE, tmp_path))
    measure_own_masks(manifest, tmp_path / "out", Told())
    row = rows_of(tmp_path / "out")["eye.png"]
    assert float(row["disc_centre_x"]) == pytest.approx(EYE.disc_x, abs=1)
    assert float(row["vessel_density"]) > 0 and row["eye"] == "left" and row["eye_source"] == "told"
    assert (tmp_path / "out/measures/eye.png.json").is_file()


def test_a_manifest_without_such_masks_is_refused(tmp_path: Path) -> None:
    Image.fromarray(EYE.pixels).save(tmp_path / "eye.png")
    (tmp_path / "m.csv").write_text("photo,patient\neye.png,1\n")
    with pytest.raises(UserError, match="mask_artery"):
        measure_own_masks(read_manifest(tmp_path / "m.csv"), tmp_path / "out", Told())


def test_what_cannot_be_written_or_scaled_is_refused_before_the_work() -> None:
    with pytest.raises(UserError, match="two of the segmenters segment 'vessel'"):
        named_set([cast(Segmenter, Knowing(("vessel",), 384))] * 2)
    with pytest.raises(UserError, match="label-map"):
        wanted(True, ["label_map"], Told())
    with pytest.raises(UserError, match="axial length"):
        wanted(True, [], Told(camera_angle=45))
    assert wanted(False, [], Told()) == Wanted()
