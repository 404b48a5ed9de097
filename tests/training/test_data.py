"""The sampler's promises: every row once, the same order whenever asked, a fair share to every process."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.training.data import EpochSampler, positions_of, rarity_weights


def sampler(rows: int, epoch: int = 0, **options: Any) -> list[int]:
    chosen = EpochSampler(np.arange(rows) * 10, shuffle=True, seed=1, **options)
    chosen.set_epoch(epoch)
    drawn = list(chosen)
    assert all(draw.epoch == epoch and draw.counts for draw in drawn)
    assert len(drawn) == len(chosen)
    return [draw.row for draw in drawn]


@given(rows=st.integers(1, 60), epoch=st.integers(0, 5))
def test_an_epoch_holds_every_row_once(rows: int, epoch: int) -> None:
    assert sorted(sampler(rows, epoch)) == [10 * row for row in range(rows)]


def test_epochs_differ_and_repeat_themselves() -> None:
    assert sampler(50, 0) != sampler(50, 1)
    assert sampler(50, 3) == sampler(50, 3)


@given(rows=st.integers(1, 40), parts=st.integers(1, 5))
def test_processes_share_an_epoch_in_equal_parts(rows: int, parts: int) -> None:
    drawn = [sampler(rows, part=part, parts=parts) for part in range(parts)]
    assert len({len(part) for part in drawn}) == 1
    assert {row for part in drawn for row in part} == {10 * row for row in range(rows)}


def test_weights_draw_rare_rows_more_often() -> None:
    truth = np.array([[1.0]] * 5 + [[0.0]] * 95)
    weights = rarity_weights(truth)
    drawn = [row // 10 for epoch in range(20) for row in sampler(100, epoch, weights=weights)]
    assert np.mean(np.array(drawn) < 5) == pytest.approx(0.5, abs=0.05)


def test_a_row_without_truth_is_drawn_least() -> None:
    weights = rarity_weights(np.array([[1.0, np.nan], [0.0, 0.0], [np.nan, np.nan], [0.0, 1.0]]))
    assert weights.argmin() == 2


def test_a_row_that_is_drawn_several_times_has_as_many_positions() -> None:
    draws = np.array([1, 3, 2])
    positions = positions_of(np.array([0, 2]), draws)
    assert (positions // draws.max()).tolist() == [0, 2, 2]
    assert len(set(positions)) == len(positions)
