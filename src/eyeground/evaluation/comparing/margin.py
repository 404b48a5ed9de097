"""Verdicts on a difference and a margin: superior, non-inferior, equivalent, inferior or inconclusive.

That two models differ is read from the adjusted p, that they are alike from the interval: a p above 0.05 does not show it.
"""

from eyeground.errors import UserError
from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate, Support
from eyeground.evaluation.inversion import ERROR

SUPERIOR, NON_INFERIOR, EQUIVALENT = "superior", "non-inferior", "equivalent"
INCONCLUSIVE, INFERIOR = "inconclusive", "inferior"

CONVENTION = (
    f"Verdicts follow the adjusted p: superior where it is below {ERROR:.2g} and the difference above 0. What concerns the "
    "margin is read from the interval, widened for the number of tests adjusted for: equivalent where it lies between minus "
    "and plus the margin; non-inferior where it lies above minus the margin; inferior where it lies below minus the margin; "
    "otherwise inconclusive, as is whatever rests on fewer than "
    f"{FEW_PATIENTS} patients. With a single test this is reading the 95 % interval, each claim at one-sided 2.5 %."
)


def verdict(difference: Estimate, p_adjusted: float, support: Support, margin: float) -> str:
    """What is shown of the first model against the second.

    Args:
        difference: First minus second; more is better. With the interval of the error divided by the number of tests.
        p_adjusted: Of a difference of 0.
        support: What the interval rests on; a few patients give intervals that are too narrow to claim anything.
        margin: The largest loss that would not matter, above 0 and below 1, in units of the difference.

    Returns:
        One of the words above, with what else is shown: "equivalent, though lower".

    References:
        Piaggio and others, CONSORT extension for non-inferiority and equivalence, JAMA 308 (2012) 2594, figure 1.

    >>> verdict(Estimate("auroc", -0.004, -0.012, 0.004), 0.33, Support(120, "patients"), margin=0.02)
    'equivalent'
    """
    value, low, high = difference.value, difference.low, difference.high
    if value is None or low is None or high is None:
        return f"{INCONCLUSIVE}: there is no interval"
    if support.patients < FEW_PATIENTS:
        return f"{INCONCLUSIVE}: too few patients"
    differs = p_adjusted < ERROR
    if differs and value > 0:
        return f"{SUPERIOR}, by less than the margin" if high < margin else SUPERIOR
    if high < -margin:
        return INFERIOR
    # A model can be shown to be worse even where it is shown that the loss does not matter.
    lower = ", though lower" if differs else ""
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
