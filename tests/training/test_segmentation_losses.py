"""The drawing loss falls to nothing where the drawing is right, and what is unknown has no part in it."""

import math

import numpy as np
import pytest
import torch

from eyeground.training.segmentation_losses import rival_loss, segmentation_loss

ONE = torch.ones(1)


def target(seed: int = 0) -> torch.Tensor:
    return (torch.rand((2, 1, 8, 8), generator=torch.Generator().manual_seed(seed)) > 0.7).float()


@pytest.mark.parametrize("overlap", ["dice", "tversky"])
@pytest.mark.parametrize("focal", [False, True])
def test_a_right_drawing_costs_nothing_and_a_wrong_one_much(overlap: str, focal: bool) -> None:
    truth = target()
    sure = (truth * 2 - 1) * 50
    right, wrong = (segmentation_loss(sign * sure, truth, ONE, overlap=overlap, focal=focal) for sign in (1, -1))  # type: ignore[arg-type]  # pytest's parameters are plain text, not the literals
    assert right < 1e-4
    assert wrong > 1.5


def test_the_overlap_is_dice() -> None:
    truth = torch.zeros((1, 1, 4, 4))
    truth[..., :2, :] = 1  # 8 pixels, of which 4 are found and 4 others are false
    logits = torch.full((1, 1, 4, 4), -50.0)
    logits[..., 1:3, :] = 50.0
    pixels = torch.nn.functional.binary_cross_entropy_with_logits(logits, truth)
    dice = (4 + 1) / (4 + 0.5 * 4 + 0.5 * 4 + 1)  # with the smoothing pixel
    assert math.isclose(float(segmentation_loss(logits, truth, ONE)), float(pixels) + 1 - dice, rel_tol=1e-5)


def test_tversky_minds_a_missed_pixel_more_than_a_false_one() -> None:
    truth = torch.zeros((1, 1, 4, 4))
    truth[..., :2, :] = 1
    missed, false = torch.full_like(truth, -50.0), torch.full_like(truth, -50.0)
    missed[..., :1, :] = 50.0
    false[..., :3, :] = 50.0
    loss = {
        name: float(segmentation_loss(logits, truth, ONE, overlap="tversky"))
        for name, logits in (("m", missed), ("f", false))
    }
    assert loss["m"] > loss["f"]


def test_unknown_pixels_and_structures_have_no_part() -> None:
    logits = torch.randn((2, 2, 8, 8), generator=torch.Generator().manual_seed(1), requires_grad=True)
    truth = torch.cat([target(), target(5)], dim=1)
    truth[0, 0, :4] = math.nan
    truth[:, 1] = math.nan
    loss = segmentation_loss(logits, truth, torch.tensor([1.0, 3.0]))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert not logits.grad[torch.isnan(truth)].any()
    assert logits.grad[0, 0, 4:].any()


def test_nothing_known_is_a_loss_of_zero() -> None:
    logits = torch.zeros((1, 1, 4, 4), requires_grad=True)
    loss = segmentation_loss(logits, torch.full((1, 1, 4, 4), math.nan), ONE)
    loss.backward()
    assert loss.item() == 0


def test_rivals_are_told_apart_only_where_a_pixel_is_one_of_them() -> None:
    target = torch.full((1, 3, 1, 4), torch.nan)
    target[0, 1, 0] = torch.tensor([1.0, 0.0, 1.0, torch.nan])
    target[0, 2, 0] = torch.tensor([0.0, 1.0, 1.0, 1.0])
    logits = torch.zeros(1, 3, 1, 4, requires_grad=True)
    loss = rival_loss(logits, target, [(1, 2)])
    assert loss.item() == pytest.approx(np.log(2))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0, 1, 0].tolist() == pytest.approx([-0.25, 0.25, 0, 0])
    assert torch.equal(gradient[0, 2], -gradient[0, 1]) and not gradient[0, 0].any()
    assert rival_loss(logits, torch.full_like(target, torch.nan), [(1, 2)]).item() == 0
