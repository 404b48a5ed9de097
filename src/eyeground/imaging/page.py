"""A photograph with its black frame on a bright page, as screenshots, slides and scanned reports have it.

The page is the even, bright colour of most outermost pixels; the photograph is the largest thing on it, if it is a rectangle
with dark corners.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.imaging.structure import reduced

WORKING_SIDE = 512  # the longer side of the copy that is looked at
_DARKEST_PAGE = 40  # of 255, as for a border that is no longer dark
_EVEN = 12  # how far a page's pixels may be from its colour
_UNLIKE = 24
_MOST_OF_EDGE = 0.55  # of the outermost pixels; a photograph may touch one side of its page
_FULLEST_DISC = 0.96  # of the box around it: what fills more is a rectangle
_CORNER = 3  # pixels of the copy, a side
_SMALLEST = 0.05  # of the page

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """Where the photograph lies on its page.

    Attributes:
        box: Left, top, right, bottom in pixels of the picture; all within the frame.
        elsewhere: Share of the page's content outside the box, 0 to 1: small for captions, large for further photographs.
    """

    box: tuple[int, int, int, int]
    elsewhere: float


def framed_on_page(pixels: Pixels) -> Frame | None:
    """Find the photograph on a bright page; None where there is no such page.

    Args:
        pixels: `(height, width, 3)` uint8.
    """
    page = _page_colour(pixels)
    if page is None:
        return None
    small = reduced(pixels, WORKING_SIDE)
    unlike = (np.abs(small.astype(np.int16) - page).max(axis=2) > _UNLIKE).astype(np.uint8)
    outlines, _ = cv2.findContours(unlike, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None
    largest = max(outlines, key=cv2.contourArea)
    left, top, wide, high = cv2.boundingRect(largest)
    if min(wide, high) < 8 or wide * high < _SMALLEST * unlike.size or wide * high >= 0.995 * unlike.size:
        return None
    if cv2.contourArea(largest) < _FULLEST_DISC * (wide - 1) * (high - 1) or not _has_dark_corners(
        small[top : top + high, left : left + wide]
    ):
        return None
    outside = int(unlike.sum()) - int(unlike[top : top + high, left : left + wide].sum())
    inner = (left + 1, top + 1, left + wide - 1, top + high - 1)  # the outermost lines mix with the page
    down, across = (full / copy for full, copy in zip(pixels.shape[:2], small.shape[:2], strict=True))
    box = (round(inner[0] * across), round(inner[1] * down), round(inner[2] * across), round(inner[3] * down))
    return Frame(box, outside / (outside + wide * high))


def _page_colour(pixels: Pixels) -> npt.NDArray[np.float64] | None:
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colour = np.median(edge, axis=0)
    if colour.max() <= _DARKEST_PAGE:
        return None
    alike = np.abs(edge - colour).max(axis=1) <= _EVEN
    return np.asarray(colour) if alike.mean() >= _MOST_OF_EDGE else None


def _has_dark_corners(photo: Pixels) -> bool:
    """Whether at least three corners are dark just within the edge."""
    near, far = slice(2, 2 + _CORNER), slice(-2 - _CORNER, -2)
    corners = [photo[rows, columns].max(axis=2) for rows in (near, far) for columns in (near, far)]
    return sum(float(np.median(corner)) <= _DARKEST_PAGE for corner in corners) >= 3
