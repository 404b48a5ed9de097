"""Real photographs: whatever form one is given in, the finding is the same."""

from pathlib import Path

import pytest
from PIL import Image

import eyeground

pytestmark = pytest.mark.real


def test_a_photo_is_seen_alike_in_every_form(real_data: Path) -> None:
    paths = sorted((real_data / "drive").rglob("*_training.jpg"))[:2] + sorted((real_data / "hrf").rglob("*_g.jpg"))[:2]
    assert len(paths) == 4
    model = eyeground.load("eyeground-mobilenetv2-imagenet+fundus-224", threads=1)
    called = model(paths)
    for forms in (model([path.read_bytes() for path in paths]), list(model.stream(paths, jobs=1))):
        for expected, finding in zip(called, forms, strict=True):
            assert finding.probabilities == expected.probabilities and finding.status == expected.status
    for expected, finding in zip(called, model(map(Image.open, paths)), strict=True):
        # In full, not at the scale of a JPEG that suffices.
        assert finding.probabilities == pytest.approx(expected.probabilities, abs=0.05)
