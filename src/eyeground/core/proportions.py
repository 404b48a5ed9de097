"""The 95 % interval of a proportion, for evaluation and for screening, which knows neither evaluation nor SciPy.

SciPy's own (`binomtest(…).proportion_ci(method="wilson")`), which tests hold this against, takes whole numbers only: several photos
of a patient count as fewer that are independent, and these are a fraction.
"""

from math import sqrt

CONFIDENCE = 0.95
_QUANTILE = 1.959963984540054  # of the standard normal distribution, at (1 + CONFIDENCE) / 2


def wilson_interval(successes: float, trials: float, quantile: float = _QUANTILE) -> tuple[float, float]:
    """Wilson's interval of a proportion of independent trials; `trials` may be an effective number, not whole.

    Args:
        quantile: Of the standard normal distribution; by default that of 95 %.

    References:
        Wilson, Journal of the American Statistical Association 22 (1927) 209.
    """
    square = quantile**2
    share = successes / trials
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    reach = sqrt(square * (share * (1 - share) + square / (4 * trials)) / trials) / (1 + square / trials)
    return max(0.0, float(centre - reach)), min(1.0, float(centre + reach))
