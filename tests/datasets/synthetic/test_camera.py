"""Invariants of the synthetic camera."""

import numpy as np
import pytest

from eyeground.datasets.synthetic import DEVICES, Device
from eyeground.datasets.synthetic.camera import field_of_view, frame_of
from eyeground.datasets.synthetic.rendering import FundusSpec, render_spec


@pytest.mark.parametrize("name", sorted(DEVICES))
def test_a_device_keeps_its_aspect_ratio_and_border(name: str) -> None:
    device = DEVICES[name]
    fundus = render_spec(FundusSpec(device=device), 96)
    assert fundus.pixels.shape[1] == round(96 * device.aspect)
    assert (fundus.pixels[~fundus.field_of_view] == device.border).all()
    assert (fundus.pixels[fundus.field_of_view].max(axis=1) > 20).mean() > 0.9


def test_the_field_of_view_is_the_circle_it_claims_to_be() -> None:
    frame = frame_of(Device(fill=0.9), 300, 400, (0.0, 0.0))
    assert field_of_view(frame, Device()).sum() == pytest.approx(np.pi * frame.radius**2, rel=0.01)
    assert 2 * frame.radius == pytest.approx(270)


def test_a_wide_field_is_clipped_above_and_below() -> None:
    view = field_of_view(frame_of(DEVICES["hospital"], 200, 301, (0.0, 0.0)), DEVICES["hospital"])
    assert view[0].any()
    assert view[-1].any()
    assert not view[:, 0].any()


def test_an_orientation_mark_adds_to_the_field_of_view() -> None:
    plain, marked = Device(aspect=1.3, fill=0.8), Device(aspect=1.3, fill=0.8, tab="triangle")
    frame = frame_of(plain, 200, 260, (0.0, 0.0))
    without, with_mark = field_of_view(frame, plain), field_of_view(frame, marked)
    assert not (without & ~with_mark).any()
    assert 5 < (with_mark & ~without).sum() < 0.01 * without.sum()
