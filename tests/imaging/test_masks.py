"""Masks are read as publishers write them, and nothing else is taken for one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyeground.errors import UserError
from eyeground.imaging.masks import read_mask

TRUTH = np.zeros((20, 30), np.bool_)
TRUTH[4:9, 10:22] = True


def saved(path: Path, mode: str, ending: str) -> Path:
    grey = Image.fromarray(TRUTH.astype(np.uint8) * 255)
    picture = {
        "one bit": lambda: grey.convert("1"),
        "grey": lambda: grey,
        "half bright": lambda: Image.fromarray(TRUTH.astype(np.uint8) * 128),
        "ones": lambda: Image.fromarray(TRUTH.astype(np.uint8)),
        "palette": lambda: grey.convert("P"),
        "red on black": lambda: Image.merge("RGB", (grey, Image.new("L", grey.size), Image.new("L", grey.size))),
        "16 bits": lambda: Image.fromarray(TRUTH.astype(np.uint16) * 65535),
    }[mode]()
    picture.save(path / f"mask.{ending}")
    return path / f"mask.{ending}"


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        ("one bit", "tif"),
        ("grey", "png"),
        ("half bright", "png"),
        ("ones", "png"),
        ("palette", "gif"),
        ("grey", "bmp"),
        ("red on black", "tif"),
        ("16 bits", "png"),
    ],
)
def test_a_mask_is_read_whatever_its_picture_is_like(tmp_path: Path, mode: str, ending: str) -> None:
    assert np.array_equal(read_mask(saved(tmp_path, mode, ending)), TRUTH)


def test_a_black_picture_is_an_empty_mask(tmp_path: Path) -> None:
    Image.new("L", (7, 5)).save(tmp_path / "black.png")
    assert not read_mask(tmp_path / "black.png").any()


def test_what_is_no_mask_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "cut.png").write_bytes(saved(tmp_path, "grey", "png").read_bytes()[:60])
    for name, message in (("text.png", "cannot be read"), ("cut.png", "cannot be read"), ("gone.png", "no such mask")):
        with pytest.raises(UserError, match=message) as caught:
            read_mask(tmp_path / name)
        assert name in str(caught.value)
