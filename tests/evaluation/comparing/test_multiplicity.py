"""Holm's adjustment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.evaluation.comparing.multiplicity import holm


def test_a_worked_example_with_ties_and_a_missing_test():
    # Sorted 0.01, 0.02, 0.02, 0.5 times 4, 3, 2, 1; never below the one before.
    assert holm([0.02, 0.5, None, 0.01, 0.02]) == pytest.approx((0.06, 0.5, None, 0.04, 0.06))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_test_is_rejected_where_the_step_down_procedure_rejects_it(p_values):
    adjusted = holm(p_values)
    order = np.argsort(p_values, kind="stable")
    for level in (0.01, 0.05, 0.3):
        expected = np.zeros(len(p_values), bool)
        for rank, place in enumerate(order):
            if p_values[place] * (len(p_values) - rank) > level:
                break
            expected[place] = True
        assert [p <= level for p in adjusted] == expected.tolist()


def test_false_claims_stay_below_the_level():
    drawn = np.random.default_rng(0).random((2000, 10))
    claims = np.mean([min(holm(row.tolist())) <= 0.05 for row in drawn])
    assert claims == pytest.approx(0.05, abs=0.015)
    assert np.mean(drawn.min(axis=1) <= 0.05) > 0.35
