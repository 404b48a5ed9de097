"""The worst group's AUROC, and the AUROC scaled by how far groups lie from it, with intervals; see docs/statistics.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from eyeground.core.proportions import CONFIDENCE
from eyeground.evaluation.auroc_limits import auroc_gap, auroc_limits
from eyeground.evaluation.delong import DeLong
from eyeground.evaluation.estimates import FEW_PATIENTS, Estimate
from eyeground.evaluation.inversion import ERROR

WORST, SCALED = "worst_group_auroc", "equity_scaled_auroc"
LOWEST_IS_LOW = "the lowest of several estimates lies below the lowest of the true values on average"


@dataclass(frozen=True)
class Equity:
    """How evenly one output ranks the groups of one column.

    Attributes:
        groups: How many have an AUROC that rests on ten patients or more of either class; the others are `left_out`.
        worst: The name of the one with the lowest.
        scaled: The AUROC over 1 plus the sum of its distances to the groups', 0 to 1; it falls with every further group.
    """

    column: str
    groups: int
    left_out: tuple[str, ...]
    worst: str
    worst_auroc: Estimate
    scaled: Estimate


def equity(
    column: str, levels: Sequence[tuple[str, DeLong | None]], overall: DeLong | None, with_intervals: bool = True
) -> Equity | None:
    """The two measures of a column's levels.

    Args:
        levels: Name and AUROC of each, over patients numbered as in `overall`; None where it has none.
        overall: The AUROC of all photos.

    Returns:
        None where fewer than two groups are left.

    References:
        Worst group: Sagawa et al., ICLR 2020. Equity-scaled AUROC: Luo et al., IEEE Transactions on Medical Imaging 43 (2024)
        2623.
    """
    kept = [(name, found) for name, found in levels if found is not None and found.support.patients >= FEW_PATIENTS]
    if len(kept) < 2 or overall is None:
        return None
    names, found = [name for name, _ in kept], [one for _, one in kept]
    aurocs = [float(one.auroc[0]) for one in found]
    left_out = tuple(name for name, _ in levels if name not in names)
    value = scaled_auroc(float(overall.auroc[0]), aurocs)
    note = f"without {', '.join(left_out)}, on fewer than {FEW_PATIENTS} patients of a class" if left_out else ""
    no_interval = (None, None)
    of_worst: tuple[float | None, float | None] = worst_interval(found) if with_intervals else no_interval
    of_scaled: tuple[float | None, float | None] = scaled_interval(found, overall) if with_intervals else no_interval
    worst = names[aurocs.index(min(aurocs))]
    notes = filter(None, [f"in {worst}", LOWEST_IS_LOW, note])
    return Equity(
        column,
        len(kept),
        left_out,
        worst,
        Estimate(WORST, min(aurocs), *of_worst, note="; ".join(notes)),
        Estimate(SCALED, value, *of_scaled, note=note),
    )


def scaled_auroc(overall: float, aurocs: Sequence[float]) -> float:
    """An AUROC over 1 plus the sum of its distances to those of groups.

    >>> scaled_auroc(0.9, [0.9, 0.9]), round(scaled_auroc(0.9, [0.95, 0.75]), 6)
    (0.9, 0.75)
    """
    return overall / (1 + sum(abs(one - overall) for one in aurocs))


def worst_interval(groups: Sequence[DeLong]) -> tuple[float, float]:
    """The 95 % interval of the lowest of the groups' true AUROCs, whichever group has it.

    That is not above any group's, so its upper limit is the lowest of the groups' own, adjusted for their number (Šidák): it
    is too low only where one of these is. Its lower limit is the lowest of the groups' own without adjustment: it is too high
    only where the worst group's is.
    """
    limits = [auroc_limits(one) for one in groups]
    simultaneous = _simultaneous(len(groups))
    return min(of(ERROR)[0] for of in limits), min(of(simultaneous)[1] for of in limits)


def scaled_interval(groups: Sequence[DeLong], overall: DeLong) -> tuple[float, float]:
    """The 95 % interval of the scaled AUROC.

    Chance alone puts groups apart, so the estimate is too low, and resamples are lower still. The upper limit takes each
    distance at the least that intervals of all distances together (Šidák) allow, which is 0 where one holds 0. The lower
    limit squares and adds how far the AUROC, and the sum of the distances, may lie from their estimates; in that sum the
    distances' own add up in full, since of two groups one lies as far above the AUROC as the other below it.
    """
    value = float(overall.auroc[0])
    low, high = auroc_limits(overall)(ERROR)
    gaps = [auroc_gap(one, overall, share_patients=True) for one in groups]
    simultaneous = _simultaneous(len(groups))
    least = [max(0.0, from_, -to) for from_, to in (gap.limits(simultaneous) for gap in gaps)]
    most = [max(abs(from_), abs(to)) for from_, to in (gap.limits(ERROR) for gap in gaps)]
    apart = [abs(gap.value) for gap in gaps]
    scaled = value / (1 + sum(apart))
    by_auroc = scaled - low / (1 + sum(apart))
    by_gaps = scaled - value / (1 + sum(most))
    return max(0.0, scaled - math.hypot(by_auroc, by_gaps)), high / (1 + sum(least))


def _simultaneous(groups: int) -> float:
    """The two-sided error of each of several intervals that all hold in 95 % (Šidák)."""
    return 1 - float(CONFIDENCE ** (1 / groups))
