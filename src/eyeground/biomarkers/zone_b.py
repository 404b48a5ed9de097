"""Central retinal artery and vein equivalents: the six widest arterioles, and venules, around the disc as one vessel.

Graders measure each vessel of zone B once, by hand. Here each is measured on all of 21 circles across the zone that it crosses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.centrelines import Mask
from eyeground.biomarkers.optic_disc import OpticDisc
from eyeground.biomarkers.tracing import Tracing

# How much wider the branches of one vessel are together, by Knudtson et al. (2003).
ARTERIOLES, VENULES = 0.88, 0.95
WIDEST = 6
# Zone B runs from 0.5 to 1 disc diameter from the disc's margin: these are distances from its centre.
ZONE_B = (1.0, 1.5)
CIRCLES = 21
# Share of zone B that the field of view must show; behind its edge vessels would be missed.
LEAST_SEEN = 0.5
FEWEST_CIRCLES = 6  # that a vessel must cross; less is a scrap
# Lengths in disc diameters: of centre line over which a width is averaged, on either side of a circle, and of gaps that masks
# leave in a vessel, often where another crosses it.
_REACH = 0.06
_GAP = 0.12
_MARGIN = 0.05  # beyond zone B, in which pieces of centre line still hang together


@dataclass(frozen=True)
class ZoneVessel:
    """One vessel of zone B.

    Attributes:
        width: Its mean over circles, in pixels.
        points: Shape (n, 2): x and y of the places where it was measured.
        directions: Shape (n, 2): along the vessel there, of length 1.
        widths: Shape (n,): its width there.
    """

    width: float
    points: npt.NDArray[np.float64]
    directions: npt.NDArray[np.float64]
    widths: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Crossing:
    """Where a centre line crosses a circle."""

    piece: int
    circle: int
    x: float
    y: float
    along: tuple[float, float]
    width: float


def vessels_of_zone_b(vessels: Tracing, disc: OpticDisc, coefficient: float) -> list[ZoneVessel]:
    """The vessels that cross zone B, each once, the widest first.

    Pieces of centre line that continue one another across a gap are one vessel. If several touch
    in the zone, as many are counted as enter it. A vessel that branches in the zone is measured before it does; if that is too
    short a way, its trunk is estimated from its branches by the formula that summarises vessels.

    Args:
        vessels: Arterioles or venules.
        coefficient: `ARTERIOLES` or `VENULES`.
    """
    crossings = _crossings(vessels, disc)
    found: list[ZoneVessel] = []
    for pieces in _continued(crossings, _GAP * disc.diameter):
        rounds = [
            sorted((one for one in pieces if one.circle == circle), key=lambda one: -one.width)
            for circle in range(CIRCLES)
        ]
        seen = [crossed for crossed in rounds if crossed]
        if len(seen) >= FEWEST_CIRCLES:
            found += _separated(seen, coefficient)
    return sorted(found, key=lambda vessel: -vessel.width)


def share_of_zone_seen(disc: OpticDisc, inside: Mask) -> float:
    """Share of zone B that lies in the field of view, 0 to 1."""
    rows, columns = _around(disc, inside.shape)
    away = _distance(disc, rows[:, None], columns[None])
    within = (away >= ZONE_B[0]) & (away <= ZONE_B[1])
    area = math.pi * (ZONE_B[1] ** 2 - ZONE_B[0] ** 2) * disc.diameter**2
    return min(1.0, np.count_nonzero(within & inside[np.ix_(rows, columns)]) / area)


def knudtson_equivalent(widths: Sequence[float], coefficient: float) -> float:
    """Pair the widest of the six widest vessels with the narrowest, and so on, until one is left.

    A pair becomes `coefficient * sqrt(w1² + w2²)`; the middle one of an odd number goes on to the next round, and each round
    is sorted anew.

    Args:
        widths: At least one, in any unit.
        coefficient: `ARTERIOLES` or `VENULES`.

    Returns:
        In the same unit.

    References:
        Knudtson et al., Current Eye Research 27 (2003) 143.

    >>> round(knudtson_equivalent([3.0, 4.0], 1.0), 6)
    5.0
    """
    left = sorted(widths, reverse=True)[:WIDEST]
    while len(left) > 1:
        pairs = len(left) // 2
        joined = [coefficient * math.hypot(left[place], left[-1 - place]) for place in range(pairs)]
        left = sorted(joined + left[pairs : len(left) - pairs], reverse=True)
    return left[0]


def _around(disc: OpticDisc, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows and columns of a frame in which zone B lies."""
    reach = (ZONE_B[1] + _MARGIN) * disc.diameter
    rows, columns = (
        np.arange(max(0, math.floor(middle - reach)), min(side, math.ceil(middle + reach)))
        for middle, side in ((disc.centre_y, shape[0]), (disc.centre_x, shape[1]))
    )
    return rows, columns


def _distance(disc: OpticDisc, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Distance of pixels from the disc's centre, in disc diameters."""
    x, y = columns + 0.5 - disc.centre_x, rows + 0.5 - disc.centre_y
    return np.asarray(np.sqrt(x**2 + y**2) / disc.diameter)


def _crossings(vessels: Tracing, disc: OpticDisc) -> list[_Crossing]:
    """All crossings of centre lines and circles, each with the connected piece of centre line in the zone that it is on."""
    around = _around(disc, vessels.line.shape)
    distance = _distance(disc, around[0][:, None], around[1][None])
    zone = (distance >= ZONE_B[0] - _MARGIN) & (distance <= ZONE_B[1] + _MARGIN) & vessels.line[np.ix_(*around)]
    pieces = cv2.connectedComponents(zone.astype(np.uint8), connectivity=8)[1]
    reach = max(3, round(_REACH * disc.diameter))
    radii = np.linspace(*ZONE_B, CIRCLES)
    found = []
    for stretch in vessels.stretches:
        rows, columns = stretch.points.T
        away = _distance(disc, rows, columns)
        if away.max() < ZONE_B[0] or away.min() > ZONE_B[1]:
            continue
        beyond = away[:, None] >= radii
        crosses = beyond[1:] != beyond[:-1]
        # One that winds along a circle crosses it more than once, and counts once.
        for circle, place in zip(
            np.flatnonzero(crosses.any(axis=0)), crosses.argmax(axis=0)[crosses.any(axis=0)], strict=True
        ):
            near = slice(max(0, place - reach), place + 1 + reach)
            along = (stretch.points[near][-1] - stretch.points[near][0])[::-1].astype(float)
            along /= max(1e-9, float(np.linalg.norm(along)))
            found.append(
                _Crossing(
                    piece=_piece(pieces, around, rows[place : place + 2], columns[place : place + 2]),
                    circle=int(circle),
                    x=float(columns[place] + 0.5),
                    y=float(rows[place] + 0.5),
                    along=(float(along[0]), float(along[1])),
                    width=float(stretch.areas[near].sum() / stretch.lengths[near].sum()),
                )
            )
    return found


def _piece(
    pieces: npt.NDArray[np.int32],
    around: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
) -> int:
    """The piece in which the first of two pixels lies that is in one."""
    first, second = pieces[rows - around[0][0], columns - around[1][0]]
    return int(first or second)


def _continued(crossings: Sequence[_Crossing], gap: float) -> list[list[_Crossing]]:
    """Crossings by vessel: pieces of which one begins where another ends, closer to the disc, are one."""
    groups = [[one for one in crossings if one.piece == piece] for piece in sorted({one.piece for one in crossings})]
    groups.sort(key=lambda group: min(one.circle for one in group))
    joined: list[list[_Crossing]] = []
    for group in groups:
        start = min(group, key=lambda one: one.circle)
        for earlier in joined:
            end = max(earlier, key=lambda one: one.circle)
            between = start.circle - end.circle
            step = (ZONE_B[1] - ZONE_B[0]) / (CIRCLES - 1) * gap / _GAP
            if between > 0 and math.hypot(start.x - end.x, start.y - end.y) <= gap + between * step:
                earlier.extend(group)
                break
        else:
            joined.append(list(group))
    return joined


def _separated(rounds: Sequence[Sequence[_Crossing]], coefficient: float) -> list[ZoneVessel]:
    """The vessels of one connected piece, from its crossings circle by circle, the innermost first."""
    entering = int(np.median([len(crossed) for crossed in rounds[:FEWEST_CIRCLES]]))
    whole = [crossed for crossed in rounds if len(crossed) == entering]
    if len(whole) < FEWEST_CIRCLES and entering == 1:
        widths = [knudtson_equivalent([one.width for one in crossed], coefficient) for crossed in rounds]
        return [_vessel([crossed[0] for crossed in rounds], widths)]
    enough = whole if len(whole) >= FEWEST_CIRCLES else [crossed for crossed in rounds if len(crossed) >= entering]
    if len(enough) < FEWEST_CIRCLES:
        return []
    ranked = [[crossed[rank] for crossed in enough] for rank in range(entering)]
    return [_vessel(crossed, [one.width for one in crossed]) for crossed in ranked]


def _vessel(crossings: Sequence[_Crossing], widths: Sequence[float]) -> ZoneVessel:
    return ZoneVessel(
        width=float(np.mean(widths)),
        points=np.array([(one.x, one.y) for one in crossings]),
        directions=np.array([one.along for one in crossings]),
        widths=np.array(widths, dtype=float),
    )
