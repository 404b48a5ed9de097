"""Whether the photos of a screening resemble those that the model's thresholds were chosen on; no truths are needed.

Whatever the share of positive eyes is, a rule calls no more photos abnormal than its sensitivity allows and no fewer than its false
alarms; scores are a mixture of those of normal and of abnormal photos; and few photos are unfamiliar. See docs/screening.md.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.description import BundleDescription
from eyeground.config.operating_point import Expected
from eyeground.core.proportions import wilson_interval
from eyeground.screening.anatomy import CONTRADICTION
from eyeground.screening.decision import Rule

FEWEST_PHOTOS = 30  # judged; shares of fewer are too uncertain
# Allowed distance of distribution functions beyond what sampling explains (Kolmogorov's 95 % bound).
LARGEST_DISTANCE = 0.15
KOLMOGOROV = 1.36
LARGEST_UNFAMILIAR = 3.0  # times the share that the limit was chosen to flag
REMEDY = (
    "The thresholds were chosen on other photographs and may not hold for these: label some 50 of your own and run `eyeground "
    "calibrate` (docs/howto/calibrate-at-your-site.md) before anybody relies on these results"
)


@dataclass
class Tally:
    """Counts of the rows of a screening, collected as they pass; they take the same memory of any number of rows.

    Attributes:
        counts: Photos per status.
        scores: How many judged photos have a probability up to each of the places at which distributions are compared, and
            above the place before it, for the output whose distribution the bundle knows; beyond the last place in the end.
        contradicted: Photos that show the other eye than the one told.
    """

    expected: Expected | None
    counts: dict[str, int] = field(default_factory=dict)
    scores: dict[int, int] = field(default_factory=dict)
    contradicted: int = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row of the results table."""
        status = row["status"]
        self.counts[status] = self.counts.get(status, 0) + 1
        self.contradicted += row.get(CONTRADICTION) is not None
        if self.expected is not None and status in ("normal", "abnormal"):
            place = bisect_left(self._places, row[f"probability_{self.expected.output}"])
            self.scores[place] = self.scores.get(place, 0) + 1

    @cached_property
    def _places(self) -> list[float]:
        expected = self.expected
        return [] if expected is None else places_of(np.array(expected.normal), np.array(expected.abnormal)).tolist()

    def shares(self) -> NDArray[np.float64]:
        """Share of the judged photos whose probability is at most each of the places."""
        counted = np.array([self.scores.get(place, 0) for place in range(len(self._places))])
        return np.cumsum(counted) / sum(self.scores.values())


def warnings(tally: Tally, rule: Rule, description: BundleDescription) -> Iterator[str]:
    """How the screened photos differ from what the bundle expects, in sentences with the remedy; none where they do not."""
    if tally.contradicted:
        yield (
            f"{tally.contradicted:,} {'photo shows' if tally.contradicted == 1 else 'photos show'} the other eye than the one told "
            "(column eye_contradiction): eyes may be mixed up, or photos mirrored"
        )
    abnormal = tally.counts.get("abnormal", 0)
    judged = abnormal + tally.counts.get("normal", 0)
    if judged >= FEWEST_PHOTOS:
        found = _describe_share(abnormal, judged, rule) or _describe_scores(tally, rule)
        if found:
            yield f"{found}. {REMEDY}"
    unfamiliar, familiarity = tally.counts.get("unfamiliar", 0), description.familiarity
    gradable = judged + unfamiliar
    if familiarity is not None and gradable >= FEWEST_PHOTOS:
        limit = LARGEST_UNFAMILIAR * familiarity.flagged
        if wilson_interval(unfamiliar, gradable)[0] > limit:
            yield (
                f"{unfamiliar:,} of {gradable:,} gradable photos ({unfamiliar / gradable:.0%}) are unlike those of the training, "
                f"where {100 * familiarity.flagged:g}% were: this may be another camera, and a person has to look at them. Labelled "
                "photos of your own make it known (`eyeground calibrate`)"
            )


def _describe_share(abnormal: int, judged: int, rule: Rule) -> str:
    decision = rule.decision
    if decision is None or decision.sensitivity is None or decision.specificity is None:
        return ""
    low, high = wilson_interval(abnormal, judged)
    where = "the site's labelled photos" if decision.chosen_on == "site" else "its test photos"
    share = f"{abnormal:,} of {judged:,} judged photos ({abnormal / judged:.0%}) are called abnormal"
    if low > decision.sensitivity.high:
        return (
            f"{share}, more than this model calls of photos that all are ({decision.sensitivity.value:.0%} on {where})"
        )
    if high < 1 - decision.specificity.high:
        return f"{share}, fewer than this model calls of normal photos alone ({1 - decision.specificity.value:.0%} on {where})"
    return ""


def _describe_scores(tally: Tally, rule: Rule) -> str:
    expected, decision = tally.expected, rule.decision
    if expected is None:
        return ""
    distance = mixture_distance(tally.shares(), np.array(expected.normal), np.array(expected.abnormal))
    # The expected distributions are samples themselves, and may be small ones.
    chosen_on = min(decision.positives, decision.negatives) if decision else 0
    spread = np.sqrt(1 / sum(tally.scores.values()) + (1 / chosen_on if chosen_on else 0))
    if distance <= LARGEST_DISTANCE + KOLMOGOROV * spread:
        return ""
    return (
        f"the probabilities of '{expected.output}' are distributed unlike those of the validation photos, whatever the share of "
        f"abnormal ones is (distance {distance:.2f})"
    )


def places_of(normal: NDArray[np.float64], abnormal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where scores are compared with two distributions: at the quantiles of both."""
    return np.unique(np.concatenate([normal, abnormal]))


def mixture_distance(
    of_scores: NDArray[np.float64], normal: NDArray[np.float64], abnormal: NDArray[np.float64]
) -> float:
    """Least Kolmogorov distance (0-1) between scores and any mixture of two distributions that are given by evenly spaced quantiles.

    Args:
        of_scores: Share (0-1) of the scores that are at most each of `places_of(normal, abnormal)`.
        normal, abnormal: Quantiles.

    >>> quantiles = np.linspace(0, 1, 21)
    >>> round(mixture_distance(places_of(quantiles**2, quantiles**0.5), quantiles**2, quantiles**0.5), 2) < 0.1
    True
    """
    places = places_of(normal, abnormal)
    of_normal, of_abnormal = (
        np.interp(places, quantiles, np.linspace(0, 1, len(quantiles))) for quantiles in (normal, abnormal)
    )
    shares = np.linspace(0, 1, 101)[:, np.newaxis]
    return float(np.abs(of_scores - shares * of_abnormal - (1 - shares) * of_normal).max(axis=1).min())
