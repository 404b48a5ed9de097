import math

from eyeground.screening.distributions import BINS, Distributions
from eyeground.screening.runtime import Screener


def row(screener: Screener, status: str, **numbers: float | None) -> dict[str, object]:
    return screener.unreadable("a.jpg", "none").as_row() | {"status": status} | numbers


def test_judged_photographs_are_counted_by_the_outputs_that_decide(screener):
    distributions = Distributions(screener.rule)
    for status, probability in [("normal", 0.0), ("abnormal", 0.99), ("abnormal", 1.0), ("ungradable", 0.5)]:
        distributions.add(row(screener, status, probability_abnormal=probability, gradability=0.5))
    distributions.add(row(screener, "unreadable"))
    abnormal, gradability = distributions.histograms()
    assert abnormal.counts == (1, *[0] * (BINS - 2), 2) and abnormal.limit == 0.4
    assert abnormal.heights[0] == 0.5 and abnormal.heights[-1] == 1
    assert sum(gradability.counts) == gradability.counts[BINS // 2] == 4 and gradability.limit is None


def test_what_lies_beyond_the_last_bin_counts_in_it_and_no_number_does_not(screener):
    distributions = Distributions(screener.rule)
    for far in (5.0, math.inf, math.nan):
        distributions.add(row(screener, "unfamiliar", unfamiliarity=far))
    [unfamiliarity] = distributions.histograms()
    assert unfamiliarity.counts == (*[0] * (BINS - 1), 1)
