from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from eyeground.screening.pictures import LEGEND_HEIGHT, PICTURE_SIDE, draw_finding

PICTURE = np.full((PICTURE_SIDE, PICTURE_SIDE, 3), 90, np.uint8)


def line_of(sheet: np.ndarray) -> np.ndarray:
    """The legend's first line, as pixels darker than the paper."""
    return sheet[PICTURE_SIDE:, :PICTURE_SIDE].min(axis=2)[8:36]


@pytest.mark.parametrize("words", ["jaundiced disc, mild or worse", "fjord AV Wo. (12 of 34)", "drusen"])
def test_a_line_of_the_legend_looks_as_if_written_at_once(screener, fundus, words):
    finding = replace(screener(fundus()), status="abnormal", suspected=(words,))
    image = Image.new("RGB", (PICTURE_SIDE, LEGEND_HEIGHT), (250, 250, 248))
    ImageDraw.Draw(image).text((16, 12), f"suspected: {words}", fill=(40, 40, 44), font=ImageFont.load_default(17))
    np.testing.assert_array_equal(line_of(draw_finding(finding, PICTURE)), np.asarray(image).min(axis=2)[8:36])


def test_a_line_of_the_legend_that_is_too_long_ends_before_the_picture_does(screener, fundus):
    finding = replace(screener(fundus()), status="abnormal", suspected=("another disease",) * 9)
    line = line_of(draw_finding(finding, PICTURE))
    assert (line[:, PICTURE_SIDE - 8 :] == line.max()).all()
    assert line[:, PICTURE_SIDE // 2 :].min() < 100


def test_a_picture_holds_the_photograph_as_it_was(screener, fundus):
    sheet = draw_finding(screener(fundus()), PICTURE)
    assert sheet.shape == (PICTURE_SIDE + LEGEND_HEIGHT, 2 * PICTURE_SIDE, 3)
    np.testing.assert_array_equal(sheet[:PICTURE_SIDE, :PICTURE_SIDE], PICTURE)
