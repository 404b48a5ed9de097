"""A step holds the same photos however many processes and passes share it, and its loss is the same."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.errors import UserError
from eyeground.training.batches import Place, Share, StepBatches
from eyeground.training.data import Draw, EpochSampler
from eyeground.training.losses import known_truths, masked_loss

START = Place()


def batches(rows: int, size: int, share: Share, start: Place = START, weights: np.ndarray | None = None) -> StepBatches:
    sampler = EpochSampler(np.arange(rows), shuffle=True, seed=1, weights=weights)
    return StepBatches(sampler, size, share, start)


def all_shares(rows: int, size: int, parts: int, passes: int) -> list[list[list[Draw]]]:
    """For each step, the batches of all processes and passes."""
    dealt = [list(batches(rows, size, Share(part, parts, passes))) for part in range(parts)]
    assert len({len(of_one) for of_one in dealt}) == 1
    steps = len(dealt[0]) // passes
    return [[of_one[step * passes + number] for of_one in dealt for number in range(passes)] for step in range(steps)]


@given(rows=st.integers(2, 60), size=st.integers(6, 17), parts=st.integers(1, 3), passes=st.integers(1, 2))
def test_a_step_counts_the_photos_that_one_process_would(rows: int, size: int, parts: int, passes: int) -> None:
    alone = list(batches(rows, size, Share()))
    shared = all_shares(rows, size, parts, passes)
    assert len(shared) == len(alone) == batches(rows, size, Share()).steps
    for step, of_all in zip(alone, shared, strict=True):
        assert sorted(draw.row for batch in of_all for draw in batch if draw.counts) == sorted(
            draw.row for draw in step
        )
        assert len({len(batch) for batch in of_all}) == 1
        assert min(len(batch) for batch in of_all) >= min(2, len(step))


def test_one_process_gets_the_order_of_the_sampler() -> None:
    sampler = EpochSampler(np.arange(23), shuffle=True, seed=1)
    order = [draw.row for draw in sampler]
    dealt = [draw for batch in batches(23, 8, Share()) for draw in batch]
    assert [draw.row for draw in dealt] == order and all(draw.counts for draw in dealt)


def test_a_single_photo_at_the_end_is_left_out_whatever_the_number_of_processes() -> None:
    for parts in (1, 2, 3):
        assert len(all_shares(13, 6, parts, 1)) == 2


def test_a_balanced_draw_is_the_same_for_any_number_of_processes() -> None:
    weights = np.r_[np.full(5, 9.0), np.ones(45)]
    alone = [draw.row for batch in batches(50, 10, Share(), weights=weights) for draw in batch]
    parts = [list(batches(50, 10, Share(part, 2), weights=weights)) for part in range(2)]
    together = [draw.row for step in zip(*parts, strict=True) for batch in step for draw in batch]
    assert sorted(alone) == sorted(together)


def test_a_training_resumed_within_an_epoch_reads_what_is_left_and_then_all() -> None:
    whole = batches(30, 8, Share(passes=2))
    whole.sampler.set_epoch(3)
    resumed = batches(30, 8, Share(passes=2), Place(3, 2))
    assert list(resumed) == list(whole)[4:]
    resumed.sampler.set_epoch(4)
    assert len(list(resumed)) == len(resumed) == 8


def test_fewer_photos_than_processes_are_refused() -> None:
    with pytest.raises(UserError, match=r"batch_size is 3, fewer photos than the 2 processes with 2 passes"):
        batches(30, 3, Share(parts=2, passes=2))


def test_the_mean_loss_of_the_shares_is_the_loss_of_the_step() -> None:
    targets = (Target(name="a"), Target(name="b", kind="multiclass", classes=("x", "y"), weight=3), Target(name="c"))
    random = np.random.default_rng(0)
    truth = torch.from_numpy(random.integers(0, 2, (12, 4)).astype(np.float32))
    truth[random.random((12, 4)) < 0.4] = torch.nan
    truth[3:, 0] = torch.nan  # known in one share only
    truth[:, 3] = torch.nan  # never known
    logits = torch.from_numpy(random.normal(size=(12, 4)).astype(np.float32)).requires_grad_()
    expected = masked_loss(logits, truth, targets)
    [gradient] = torch.autograd.grad(expected, logits)
    counts = known_truths(truth, targets).sum(dim=0) / 3
    shares = [masked_loss(logits[part::3], truth[part::3], targets, counts=counts) for part in range(3)]
    shared = torch.stack(shares).mean()
    torch.testing.assert_close(shared, expected)
    torch.testing.assert_close(torch.autograd.grad(shared, logits)[0], gradient)
