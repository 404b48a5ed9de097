"""Verdicts from an interval and a margin: superior, non-inferior, equivalent, inferior or inconclusive.

A verdict is read from the interval, never from p: a p-value above 0.05 does not show that two models are alike.
"""

from eyeground.errors import UserError
from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, Support

SUPERIOR, NON_INFERIOR, EQUIVALENT = "superior", "non-inferior", "equivalent"
INCONCLUSIVE, INFERIOR = "inconclusive", "inferior"

CONVENTION = (
    "Verdicts are read from the two-sided 95 % interval of the difference, so each claim is made at one-sided 2.5 %: "
    "superior where the interval lies above 0; equivalent where it lies between minus and plus the margin; "
    "non-inferior where it lies above minus the margin; inferior where it lies below minus the margin; otherwise "
    f"inconclusive, as is whatever rests on fewer than {FEW_PATIENTS} patients."
)


def verdict(difference: Estimate, support: Support, margin: float) -> str:
    """What the interval of a difference shows of the first model against the second.

    Args:
        difference: First minus second; more is better.
        support: What its interval rests on. Resamples of a few patients give intervals that are too narrow to claim
            anything.
        margin: The largest loss that would not matter, above 0 and below 1, in units of the difference.

    Returns:
        One of the words above, with what else the interval shows: "equivalent, though lower".

    References:
        Piaggio and others, CONSORT extension for non-inferiority and equivalence, JAMA 308 (2012) 2594, figure 1.

    >>> verdict(Estimate("auroc", -0.004, -0.012, 0.004), Support(120, "patients"), margin=0.02)
    'equivalent'
    """
    low, high = difference.low, difference.high
    if low is None or high is None:
        return f"{INCONCLUSIVE}: there is no interval"
    if support.patients < FEW_PATIENTS:
        return f"{INCONCLUSIVE}: too few patients"
    if low > 0:
        return f"{SUPERIOR}, by less than the margin" if high < margin else SUPERIOR
    if high < -margin:
        return INFERIOR
    # An interval below 0 shows that the model is worse, even where it shows that the loss does not matter.
    lower = ", though lower" if high < 0 else ""
    if low > -margin:
        return (EQUIVALENT if high < margin else NON_INFERIOR) + lower
    return INCONCLUSIVE + lower


def checked_margin(margin: float | None) -> float | None:
    """Return the margin if it can be one.

    Raises:
        UserError: If it does not lie above 0 and below 1.
    """
    if margin is not None and not 0 < margin < 1:
        raise UserError(f"the margin is {margin:g}; it must lie above 0 and below 1, such as 0.02")
    return margin
