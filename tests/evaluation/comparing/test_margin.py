"""Verdicts, read from an interval and a margin."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from eyeground.errors import UserError
from eyeground.evaluation.comparing.margin import checked_margin, verdict
from eyeground.evaluation.estimates import Estimate, Support

ENOUGH = Support(50, "patients")
limits = st.floats(-0.2, 0.2)


def of(low: float | None, high: float | None, support: Support = ENOUGH, margin: float = 0.02) -> str:
    """With a single test, whose p is below 0.05 where the interval leaves out 0."""
    differs = low is not None and high is not None and not low <= 0 <= high
    middle = 0.0 if low is None or high is None else (low + high) / 2
    return verdict(Estimate("auroc_difference", middle, low, high), 0.01 if differs else 0.5, support, margin)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.001, 0.05, "superior"),
        (0.001, 0.015, "superior, by less than the margin"),
        (-0.015, 0.015, "equivalent"),
        (-0.015, -0.001, "equivalent, though lower"),
        (-0.015, 0.03, "non-inferior"),
        (-0.03, 0.03, "inconclusive"),
        (-0.03, -0.01, "inconclusive, though lower"),
        (-0.05, -0.021, "inferior"),
        (-0.02, 0.03, "inconclusive"),  # an interval that touches the margin does not lie above it
        (0.0, 0.03, "non-inferior"),
    ],
)
def test_every_place_of_the_interval_has_its_word(low, high, words):
    assert of(low, high) == words


def test_without_an_interval_or_with_few_patients_nothing_is_claimed():
    assert of(None, None) == "inconclusive: there is no interval"
    assert of(0.01, 0.05, Support(9, "patients decided differently")) == "inconclusive: too few patients"


def test_what_the_adjusted_p_does_not_show_is_not_claimed_and_what_it_shows_is():
    assert verdict(Estimate("auroc_difference", 0.03, 0.001, 0.06), 0.08, ENOUGH, 0.02) == "non-inferior"
    assert verdict(Estimate("auroc_difference", 0.03, -0.001, 0.06), 0.04, ENOUGH, 0.02) == "superior"
    assert (
        verdict(Estimate("auroc_difference", -0.005, -0.011, 0.001), 0.04, ENOUGH, 0.02) == "equivalent, though lower"
    )


@given(limits, limits)
def test_swapping_the_models_turns_the_verdict_around(one, other):
    low, high = sorted((one, other))
    here, there = of(low, high), of(-high, -low)
    assert not (here.startswith("superior") and there.startswith("superior"))
    assert (here == "inferior") <= (there == "superior")
    assert (here.startswith("superior")) <= there.endswith(("lower", "inferior"))
    assert (here == "equivalent") == (there == "equivalent")


@given(limits, limits, st.floats(0.001, 0.1))
def test_a_wider_margin_never_takes_non_inferiority_away(one, other, margin):
    low, high = sorted((one, other))
    fine = ("superior", "non-inferior", "equivalent")
    assume(of(low, high, margin=margin).startswith(fine))
    assert of(low, high, margin=margin + 0.05).startswith(fine)


@pytest.mark.parametrize("margin", [0.0, -0.02, 1.0, 2.0, float("nan")])
def test_what_is_no_margin_is_refused(margin):
    with pytest.raises(UserError, match="must lie above 0 and below 1"):
        checked_margin(margin)
