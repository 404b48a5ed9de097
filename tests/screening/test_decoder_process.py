from dataclasses import replace

import cv2
import numpy as np
import pytest

from eyeground.config.training_recipe import Preprocessing
from eyeground.imaging import standard
from eyeground.imaging.decode import read_photo
from eyeground.imaging.standard import standard_photo
from eyeground.screening.decoder_process import answer

PICTURE_SIDE = 256


@pytest.mark.parametrize(
    ("size", "side", "ending", "decoded"),
    [
        ((420, 560), 224, ".jpg", 1),  # decoded in full, which is enough for both
        ((1400, 1700), 240, ".jpg", 1),  # at a quarter
        ((1100, 1350), 64, ".jpg", 2),  # at an eighth, and again for gradability, which is enough for the picture
        ((700, 900), 224, ".png", 1),
        ((700, 900), 64, ".png", 2),
        ((100, 140), 224, ".png", 1),  # there are no more pixels
    ],
)
def test_a_photo_is_decoded_again_only_where_its_picture_needs_more_pixels(
    fundus, tmp_path, monkeypatch, size, side, ending, decoded
):
    path = tmp_path / f"photo{ending}"
    cv2.imwrite(str(path), fundus(size=size)[..., ::-1])
    expected = standard_photo(path, Preprocessing(side=side))
    square = replace(expected.geometry, standard_side=PICTURE_SIDE)
    whole = square.to_standard(read_photo(path).pixels.astype(np.float32))
    inside = expected.disc.moved(0, 0, PICTURE_SIDE / side).mask(PICTURE_SIDE, PICTURE_SIDE)
    calls = []
    monkeypatch.setattr(standard, "read_photo", lambda *given: calls.append(given) or read_photo(*given))
    _, pixels, picture = answer(path, side, PICTURE_SIDE)
    assert len(calls) == decoded
    np.testing.assert_array_equal(pixels, expected.pixels)
    assert np.abs(picture - whole)[inside].mean() < 5
    assert not picture[~inside].any()


def test_a_photo_that_is_replaced_while_it_is_read_is_refused(fundus, tmp_path, monkeypatch):
    path = tmp_path / "photo.jpg"
    cv2.imwrite(str(path), fundus(size=(1100, 1350))[..., ::-1])

    def read_and_replace(*given):
        photo = read_photo(*given)
        cv2.imwrite(str(path), fundus(size=(300, 400))[..., ::-1])
        return photo

    monkeypatch.setattr(standard, "read_photo", read_and_replace)
    (header,) = answer(path, 64, PICTURE_SIDE)
    assert header == {"refused": "the file changed while it was read"}
