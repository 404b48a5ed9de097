"""Angles at which vessels branch."""

import math

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.centrelines import STAIRCASE, Path, Pixels, even, junctions, smooth
from eyeground.biomarkers.tracing import Tracing

# Directions are taken over a stretch beyond the junction, in radii of the wider vessel there: nearer, the centre lines bend.
_FROM, _TO = 1.0, 5.0
SHORTEST = 8  # pixels that a branch needs for a direction
_LONGEST = 150  # pixels of a path beyond which nothing is looked at


def branching_angles(vessels: Tracing) -> npt.NDArray[np.float64]:
    """The angle between the two branches at each place where one vessel becomes two, in degrees, 0 to 120.

    Of the three angles between the vessels that meet, the smallest is that of the branches. Where four or more meet, it is
    taken for a crossing and left out, as are branches too short for a direction. Trace arterioles and venules apart: in masks of
    all vessels, a crossing often looks like two branches.

    References:
        Zamir, Medrado and Chakraborty, The Journal of General Physiology 73 (1979) 1, for branching angles in the retina.
    """
    places = cv2.connectedComponents(junctions(vessels.line).astype(np.uint8), connectivity=8)[1]
    around = cv2.dilate(places.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    meeting: dict[int, list[tuple[Pixels, float]]] = {}
    for path in vessels.paths:
        for outwards in (path, path[::-1]):
            place = int(around[tuple(outwards[0])])
            if place:
                radius = float(vessels.radius[tuple(outwards[min(len(outwards) - 1, 3)])])
                meeting.setdefault(place, []).append((outwards, radius))
    forks = [paths for paths in meeting.values() if len(paths) == 3 and min(len(path) for path, _ in paths) >= SHORTEST]
    lines = iter(smooth([even(path[:_LONGEST]) for paths in forks for path, _ in paths], STAIRCASE))
    angles = []
    for paths in forks:
        reach = max(radius for _, radius in paths)
        headings = [_heading(next(lines), reach) for _ in paths]
        turns = [abs(math.remainder(headings[one] - headings[one - 1], 2 * math.pi)) for one in range(3)]
        angles.append(math.degrees(min(turns)))
    return np.array(angles)


def _heading(line: Path, reach: float) -> float:
    """Direction in which a smoothed path leaves its junction, in radians."""
    start = min(len(line) - 2, round(_FROM * reach))
    end = min(len(line) - 1, max(start + SHORTEST - 1, round(_TO * reach)))
    down, right = line[end] - line[start]
    return math.atan2(down, right)
