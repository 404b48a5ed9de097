"""Eye, disc, cup and fovea of screened photographs, by a segmenter that knows what a synthetic photograph shows."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np
import pytest

from eyeground.datasets.synthetic import FundusSpec, SyntheticFundus, render_spec
from eyeground.errors import UserError
from eyeground.imaging.gradability import Gradability
from eyeground.imaging.standard import StandardPhoto, standard_at
from eyeground.screening.anatomy import NUMBERS, Anatomy, anatomy_segmenter, find_anatomy, with_contradiction
from eyeground.screening.segmenter import SegmentedPhoto, Segmenter
from eyeground.screening.words import describe_anatomy

SIDE = 256
GRADABLE = Gradability(0.9, 0.03, 0.5, 0.3, 1.0, (), 0.5)


@dataclass(frozen=True)
class Knowing:
    """Draws the anatomy that the photograph was rendered with."""

    eye: SyntheticFundus
    bundle: Any = field(
        default_factory=lambda: SimpleNamespace(description=SimpleNamespace(preprocessing=SimpleNamespace(side=SIDE)))
    )

    def segment(self, standard: StandardPhoto) -> SegmentedPhoto:
        assert standard.pixels.shape == (SIDE, SIDE, 3)
        fovea = np.zeros(self.eye.field_of_view.shape, np.float32)
        cv2.circle(fovea, (round(self.eye.macula_x), round(self.eye.macula_y)), 8, 1.0, -1)
        drawn = {name: self.eye.masks[name].astype(np.float32) for name in ("optic_disc", "optic_cup")}
        maps = {name: standard.geometry.to_standard(one) for name, one in (drawn | {"fovea": fovea}).items()}
        return SegmentedPhoto(standard, maps, dict.fromkeys(maps, 0.5))


@pytest.fixture(scope="module")
def eye() -> SyntheticFundus:
    return render_spec(replace(FundusSpec(seed=3), gaze=(10.0, 0.5)), height=480)


def found_in(eye: SyntheticFundus, **masks: np.ndarray) -> Anatomy:
    drawn = replace(eye, masks={**eye.masks, **masks})
    return find_anatomy(cast(Segmenter, Knowing(drawn)), standard_at(eye.pixels, 2 * SIDE), GRADABLE)


def test_anatomy_is_found_in_pixels_of_the_photograph(eye: SyntheticFundus) -> None:
    found = found_in(eye)
    assert (found.eye, found.seen_by, found.reason) == (eye.eye, "disc and fovea", None)
    places = [found.numbers[name] for name in ("disc_centre_x", "disc_centre_y", "fovea_x", "fovea_y")]
    assert places == pytest.approx([eye.disc_x, eye.disc_y, eye.macula_x, eye.macula_y], abs=3)
    assert found.numbers["vertical_cup_to_disc_ratio"] == pytest.approx(eye.spec.anatomy.cup_to_disc, abs=0.05)
    assert found.numbers["mm_per_pixel"] * 2 * eye.disc_radius == pytest.approx(1.8, rel=0.05)
    assert tuple(found.as_cells())[2:-1] == NUMBERS
    said = "; ".join(describe_anatomy(found.as_cells()))
    assert f"{eye.eye} eye, by the disc and fovea" in said and "mm if it is 1.8 mm high" in said and "95 %" in said


def test_an_implausible_disc_has_no_numbers_but_a_reason(eye: SyntheticFundus) -> None:
    scrap = np.zeros_like(eye.field_of_view)
    scrap[int(eye.disc_y) : int(eye.disc_y) + 6, int(eye.disc_x) : int(eye.disc_x) + 20] = True
    found = found_in(eye, optic_disc=scrap)
    assert set(found.numbers) == {"fovea_x", "fovea_y"} and found.eye is None
    assert found.reason is not None and "implausible" in found.reason


def test_an_ungradable_photograph_has_no_anatomy_and_the_reason(eye: SyntheticFundus) -> None:
    poor = replace(GRADABLE, reasons=("too dark",))
    found = find_anatomy(cast(Segmenter, Knowing(eye)), standard_at(eye.pixels, SIDE), poor)
    assert not found.numbers and describe_anatomy(found.as_cells()) == ("not measured: ungradable",)


@pytest.mark.parametrize(
    ("told", "said"),
    [("left", "told left, but disc and fovea show a right eye"), ("right", None), (None, None)],
)
def test_an_eye_that_is_not_the_one_told_is_reported(told: str | None, said: str | None) -> None:
    row = {"status": "normal", **Anatomy("right", "disc and fovea").as_cells()}
    found = with_contradiction(row, told)
    assert found["eye_contradiction"] == said
    assert list(found)[:4] == ["status", "eye_seen", "eye_seen_by", "eye_contradiction"]
    assert with_contradiction({"status": "normal"}, "left") == {"status": "normal"}


def test_photographs_too_small_for_the_disc_have_no_anatomy_or_an_error_where_it_was_asked_for() -> None:
    assert anatomy_segmenter(224, required=False) is None
    with pytest.raises(UserError, match="224 px, too small"):
        anatomy_segmenter(224, required=True)
