"""Masks as shapes: pieces joined, outlines, and the ellipses and circles that fit them."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]

_BRIDGED = 0.12  # of a piece's diameter: gaps of up to twice this are closed
_PROTRUSION = 0.1  # of a piece's diameter: what is narrower than twice this sticks out and is removed
_OUTLINE_POINTS = 256


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in a frame.

    Attributes:
        centre_x, centre_y: In pixels from the top left corner; the pixel in column `j` spans `j` to `j + 1`.
        major, minor: The longer and the shorter semi-axis in pixels.
        angle: Of the longer axis, in radians from the direction of x towards that of y.
    """

    centre_x: float
    centre_y: float
    major: float
    minor: float
    angle: float

    @property
    def diameter(self) -> float:
        """Of the circle of the same area."""
        return 2 * math.sqrt(self.major * self.minor)

    def extent(self, direction: float) -> float:
        """How far the ellipse reaches from side to side in a direction (radians, as `angle`)."""
        turned = direction - self.angle
        return 2 * math.hypot(self.major * math.cos(turned), self.minor * math.sin(turned))

    def radius(self, directions: Points) -> Points:
        """Distance from the centre to the outline in directions (radians, as `angle`)."""
        turned = directions - self.angle
        return self.major * self.minor / np.hypot(self.minor * np.cos(turned), self.major * np.sin(turned))

    def moved(self, left: float, top: float, scale: float) -> "Ellipse":
        """The same in a frame whose origin is at (`left`, `top`), with `scale` pixels per pixel of this one."""
        return replace(
            self,
            centre_x=(self.centre_x - left) * scale,
            centre_y=(self.centre_y - top) * scale,
            major=self.major * scale,
            minor=self.minor * scale,
        )

    def pixels(self, shape: tuple[int, ...]) -> Mask:
        """Shape (h, w), bool: the pixels whose centres it holds."""
        rows, columns = (
            slice(max(0, math.floor(middle - self.major)), max(0, math.ceil(middle + self.major) + 1))
            for middle in (self.centre_y, self.centre_x)
        )
        area = np.zeros(shape, dtype=np.bool_)
        x, y = np.arange(shape[1])[columns] + 0.5 - self.centre_x, np.arange(shape[0])[rows] + 0.5 - self.centre_y
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        along = cosine * x[None] + sine * y[:, None]
        across = cosine * y[:, None] - sine * x[None]
        area[rows, columns] = (along / self.major) ** 2 + (across / self.minor) ** 2 <= 1
        return area


def joined(mask: Mask) -> Mask | None:
    """The largest piece of a mask with the pieces near it, holes filled and thin protrusions removed; None of nothing."""
    if not mask.any():
        return None
    box = _box(mask)
    part = mask[box]
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(part.astype(np.uint8), connectivity=8)
    largest = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
    diameter = 2 * math.sqrt(float(statistics[largest, cv2.CC_STAT_AREA]) / math.pi)
    bridge = max(1.0, _BRIDGED * diameter)
    around = _around(statistics, largest, part.shape, 2 * diameter + 4)
    nearest = _box(part[around])
    margin = math.ceil(bridge) + 2  # so that what grows does not reach the frame
    near = np.pad(labels[around][nearest], margin)
    closed = ~_grown(~_grown(near > 0, bridge), bridge)
    filled = _filled_piece(closed, near == largest)
    opened = _grown(~_grown(~filled, _PROTRUSION * diameter), _PROTRUSION * diameter) & filled
    kept = _filled_piece(opened, opened) if opened.any() else filled
    result = np.zeros_like(mask)
    result[box][around][nearest] = kept[margin:-margin, margin:-margin]
    return result


def hull(mask: Mask) -> Points:
    """The convex hull of a mask with something in it, as points (x, y), shape (n, 2), evenly along its outline."""
    corners = cv2.findNonZero(mask.astype(np.uint8))
    ends = cv2.convexHull(corners)[:, 0].astype(np.float64) + 0.5
    # The hull of the pixels' centres is a third of a pixel too small all around, on average over directions.
    middle = ends.mean(axis=0)
    outwards = ends - middle
    ends = ends + outwards / 3 / np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-9)
    closed = np.concatenate([ends, ends[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    places = np.linspace(0, along[-1], _OUTLINE_POINTS, endpoint=False)
    return np.stack([np.interp(places, along, axis) for axis in closed.T], axis=1)


def ellipse_of(outline: Points) -> Ellipse | None:
    """The ellipse with the area, centroid and second moments' axes of a closed outline, shape (n, 2); None of a line."""
    origin = outline.mean(axis=0)
    moments = cv2.moments((outline - origin).astype(np.float32))
    area = moments["m00"]
    if area < 1:
        return None
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / area
    values, vectors = np.linalg.eigh(spread)
    minor, major = 2 * np.sqrt(np.maximum(values, 1e-9))
    factor = math.sqrt(area / (math.pi * major * minor))
    x, y = origin[0] + moments["m10"] / area, origin[1] + moments["m01"] / area
    angle = math.atan2(vectors[1, 1], vectors[0, 1])
    return Ellipse(float(x), float(y), float(major * factor), float(minor * factor), angle)


def circle_through(points: Points) -> Ellipse | None:
    """The circle with the least squared distances to points, shape (n, 2) (Taubin, 1991); None if they lie on a line."""
    if len(points) < 8:
        return None
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    square = x * x + y * y
    mean = square.mean()
    matrix = np.stack([(square - mean) / (2 * math.sqrt(mean)), x, y], axis=1)
    first, second, third = np.linalg.svd(matrix, full_matrices=False)[2][-1]
    scale = first / (2 * math.sqrt(mean))
    if abs(scale) < 1e-9:
        return None
    centre = -np.array([second, third]) / (2 * scale)
    radius = math.sqrt(float(centre @ centre + mean))
    return Ellipse(float(centre[0] + middle[0]), float(centre[1] + middle[1]), radius, radius, 0.0)


def _grown(mask: Mask, radius: float) -> Mask:
    """All pixels within `radius` of the mask."""
    if not mask.any():
        return mask
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) <= radius)


def _filled_piece(mask: Mask, wanted: Mask) -> Mask:
    """The piece of a mask that holds most of the wanted pixels, its holes filled."""
    labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1]
    counts = np.bincount(labels[wanted & mask], minlength=2)
    counts[0] = 0
    piece = (labels == int(np.argmax(counts))).astype(np.uint8)
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(piece), outlines, -1, 1, cv2.FILLED) > 0)


def _box(mask: Mask) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around a mask."""
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _around(
    statistics: npt.NDArray[np.int32], piece: int, shape: tuple[int, ...], margin: float
) -> tuple[slice, slice]:
    """Rows and columns of a piece's box with a margin, within the frame."""
    reach = math.ceil(margin)
    left, top, width, height = (int(value) for value in statistics[piece, :4])
    return (
        slice(max(0, top - reach), min(shape[0], top + height + reach)),
        slice(max(0, left - reach), min(shape[1], left + width + reach)),
    )
