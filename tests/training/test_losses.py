"""The masked loss against torch's own, and what unknown truths must not do."""

import pytest
import torch
import torch.nn.functional as functional

from eyeground.config.targets import Target
from eyeground.training.losses import balancing_weights, masked_loss

BINARY = (Target(name="a"), Target(name="b"))
CLASSES = (Target(name="c", kind="multiclass", classes=("x", "y", "z")),)
UNKNOWN = float("nan")


def logits(outputs: int, photos: int = 6) -> torch.Tensor:
    return torch.randn(photos, outputs, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_fully_labelled_binary_targets_give_binary_cross_entropy() -> None:
    truth = torch.tensor([[0.0, 1], [1, 1], [0, 0], [1, 0], [1, 1], [0, 0]])
    expected = functional.binary_cross_entropy_with_logits(logits(2), truth)
    torch.testing.assert_close(masked_loss(logits(2), truth, BINARY), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_fully_labelled_classes_give_cross_entropy(smoothing: float) -> None:
    answer = torch.tensor([0, 1, 2, 2, 1, 0])
    truth = functional.one_hot(answer, 3).float()
    expected = functional.cross_entropy(logits(3), answer, label_smoothing=smoothing)
    torch.testing.assert_close(masked_loss(logits(3), truth, CLASSES, label_smoothing=smoothing), expected)


def test_unknown_truths_get_no_gradient() -> None:
    given = logits(2)
    truth = torch.tensor([[0.0, UNKNOWN], [UNKNOWN, 1], [1, 1], [UNKNOWN, UNKNOWN], [0, 0], [1, UNKNOWN]])
    masked_loss(given, truth, BINARY).backward()
    assert given.grad is not None
    assert torch.equal(given.grad == 0, torch.isnan(truth))


def test_a_batch_without_any_truth_costs_nothing() -> None:
    given = logits(2)
    loss = masked_loss(given, torch.full((6, 2), UNKNOWN), BINARY)
    loss.backward()
    assert loss.item() == 0
    assert given.grad is not None
    assert not given.grad.any()


def test_a_sparsely_labelled_target_weighs_as_much_as_a_full_one() -> None:
    truth = torch.tensor([[0.0, 1], [1, UNKNOWN], [0, UNKNOWN], [1, UNKNOWN], [1, UNKNOWN], [0, UNKNOWN]])
    first = functional.binary_cross_entropy_with_logits(logits(2)[:, 0], truth[:, 0])
    second = functional.binary_cross_entropy_with_logits(logits(2)[:1, 1], truth[:1, 1])
    torch.testing.assert_close(masked_loss(logits(2), truth, BINARY), (first + second) / 2)
    heavy = (Target(name="a"), Target(name="b", weight=3))
    torch.testing.assert_close(masked_loss(logits(2), truth, heavy), (first + 3 * second) / 4)


@pytest.mark.parametrize("targets", [BINARY[:1], CLASSES])
def test_focal_loss_forgives_what_is_already_right(targets: tuple[Target, ...]) -> None:
    outputs = len(targets[0].outputs)
    truth = torch.zeros(1, outputs)
    truth[0, 0] = 1
    confident = torch.full((1, outputs), -4.0)
    confident[0, 0] = 4.0
    plain, focal = (masked_loss(confident, truth, targets, focal=focal) for focal in (False, True))
    assert focal < plain / 100
    wrong = masked_loss(-confident, truth, targets, focal=True)
    assert wrong > masked_loss(-confident, truth, targets) / 2


def test_balancing_gives_both_sides_of_an_output_the_same_sum() -> None:
    truth = torch.tensor([[1.0], [0], [0], [0], [0], [UNKNOWN]])
    weights = balancing_weights(truth, BINARY[:1])
    assert weights[1, 0] * 1 == pytest.approx(weights[0, 0].item() * 4)
    assert (weights[1, 0] * 1 + weights[0, 0] * 4).item() == pytest.approx(5)


def test_balancing_gives_every_class_the_same_sum() -> None:
    truth = functional.one_hot(torch.tensor([0, 0, 0, 1, 1, 2]), 3).float()
    weights = balancing_weights(truth, CLASSES)
    assert (weights[1] * truth.sum(dim=0)).tolist() == pytest.approx([2, 2, 2])
