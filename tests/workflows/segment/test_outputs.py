"""Masks as PNG, read back by two other programs."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from eyeground.workflows.segment.outputs import write_mask


@pytest.mark.parametrize("shape", [(1, 1), (63, 5), (64, 300), (200, 129), (1500, 2100)])
@pytest.mark.parametrize("drawn", ["nothing", "everything", "a disc", "noise"])
def test_a_mask_comes_back_as_it_was(shape: tuple[int, int], drawn: str, tmp_path: Path) -> None:
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = {
        "nothing": np.zeros(shape, bool),
        "everything": np.ones(shape, bool),
        "a disc": (y - 0.7 * shape[0]) ** 2 + (x - 0.5 * shape[1]) ** 2 < (0.2 * max(shape)) ** 2,
        "noise": np.random.default_rng(0).random(shape) < 0.01,
    }[drawn]
    write_mask(mask, tmp_path, "disc", "eye")
    content = (tmp_path / "masks" / "disc" / "eye.png").read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.array(image), 255 * mask)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, 255 * mask)
    assert len(content) < 200 + mask.size / (4 if drawn == "noise" else 20)
