"""Is a photograph good enough to be judged? Four measures, and reasons in words where one falls short.

Plain measures rather than a trained network: they explain themselves, need no labels, and cost some
milliseconds. The limits are cautious: they stop what hardly anyone could grade and let the doubtful through.
They were chosen on DRIMDB and ODIR-5K so that at most 3 % of ODIR-5K's photographs, which physicians did
grade, and none of DRIMDB's good ones are stopped; about 58 % of DRIMDB's bad ones and 82 % of its outliers then
are. IDRiD, HRF, DRIVE, STARE and CHASE_DB1 served as checks that bright lesions are not taken for bad quality.
`margin` ranks DRIMDB's good above its bad photographs with an AUROC of 0.99 or more, measured on the very
photographs the limits were chosen on; a stricter clinic can put its own limit on it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from eyeground.imaging.decode import Pixels
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.standard import StandardPhoto
from eyeground.imaging.structure import Mask, Plane, lit_area, structure, without_rim

MEASURED_SIDE = 224  # larger standard photos are reduced to this, so that limits hold at every side

LEAST_FOCUS = -0.0014
LEAST_ILLUMINATION = 0.13
MOST_GLARE = 0.3  # share of the photo that is nearly white or yellow
LEAST_CONTRAST = 0.04
LEAST_REDNESS = 0.36  # red's share of red + green + blue; a third is grey
DEEPEST_CUT = 0.35  # share of the disc's diameter that one side may lack

# Contrast above this is no retina's unless dark lines outdo bright ones by a tenth of the excess.
_ORDINARY_CONTRAST = 0.65
_TEXTURE = 0.03  # bright lines stronger than this are lesions, not noise
_GLARING = 235
_SMALLEST_AREA = 0.02  # share of the square that has to be lit for structure to be measured


@dataclass(frozen=True)
class Gradability:
    """Measures of a standard photo's quality, and what is wrong with it.

    Attributes
    ----------
    focus : float
        How far fine dark lines (vessels) stand out from their surroundings and from noise, as a share of the
        local brightness: about 0.03 for a sharp photo, 0 where no vessel is to be seen, slightly negative for
        mere texture.
    illumination : float
        Median brightness (of the brightest channel) within the field of view, 0 to 1; about 0.5 as a rule.
    contrast : float
        Range of the green channel, shading removed, as a share of the local brightness; about 0.3 as a rule.
    completeness : float
        Share of the disc of the field of view that the photo shows, 0 to 1.
    reasons : tuple of str
        Why the photo should be taken again, worst first; empty for a gradable one.
    margin : float
        How far the photo is from the nearest limit: negative for an ungradable one, at most 1.
    """

    focus: float
    illumination: float
    contrast: float
    completeness: float
    reasons: tuple[str, ...]
    margin: float

    @property
    def gradable(self) -> bool:
        """Whether nothing speaks against judging the photo."""
        return not self.reasons


def assess(standard: StandardPhoto) -> Gradability:
    """Measure a standard photo's quality and say what is wrong with it.

    The limits hold for sides from `MEASURED_SIDE` up; smaller standard photos show less fine structure and are
    stopped more readily.
    """
    pixels, disc = standard.pixels, standard.disc
    if len(pixels) > MEASURED_SIDE:
        disc = disc.moved(0, 0, MEASURED_SIDE / len(pixels))
        pixels = cv2.resize(pixels, (MEASURED_SIDE, MEASURED_SIDE), interpolation=cv2.INTER_AREA)
    measured = _measure(pixels, disc.mask(*pixels.shape[:2]))
    margins = sorted((*_photo_margins(measured), *_cut_margins(disc)))
    return Gradability(
        focus=measured.focus,
        illumination=measured.illumination,
        contrast=measured.contrast,
        completeness=disc.completeness,
        reasons=tuple(dict.fromkeys(reason for margin, reason in margins if margin < 0)),
        margin=min(1.0, margins[0][0]),
    )


@dataclass(frozen=True)
class _Measures:
    illumination: float = 0.0
    glare: float = 0.0
    focus: float = 0.0
    balance: float = 0.0  # dark lines less bright lines
    contrast: float = 0.0
    redness: float = 0.0


def _measure(pixels: Pixels, visible: Mask) -> _Measures:
    if not visible.any():
        return _Measures()
    illumination = float(np.median(pixels.max(axis=2)[visible])) / 255
    glare = float((pixels[visible][:, :2].min(axis=1) > _GLARING).mean())
    lit = lit_area(pixels, visible)
    inner = without_rim(lit, 9)
    if inner.mean() < _SMALLEST_AREA:
        return _Measures(illumination, glare)
    relative = structure(pixels, lit, fine=0.7, coarse=12)
    dark, bright = _lines(relative, inner)
    low, high = np.percentile(relative[inner], (2, 98))
    red, green, blue = (float(value) for value in pixels[inner].mean(axis=0))
    return _Measures(
        illumination=illumination,
        glare=glare,
        focus=dark - min(bright, _TEXTURE),
        balance=dark - bright,
        contrast=float(high - low),
        redness=red / max(red + green + blue, 1.0),
    )


def _lines(relative: Plane, inner: Mask) -> tuple[float, float]:
    """How strong the dark and the bright lines are: the response that 2 % of the photo exceed."""
    limited = np.clip(relative, -0.3, 0.3)
    darkest, brightest = np.full_like(limited, -np.inf), np.full_like(limited, -np.inf)
    for kernel in _LINES:
        response = cv2.filter2D(limited, cv2.CV_32F, kernel)
        darkest, brightest = np.maximum(darkest, -response), np.maximum(brightest, response)
    return float(np.percentile(darkest[inner], 98)), float(np.percentile(brightest[inner], 98))


def _line_kernels(directions: int = 8, radius: int = 10) -> list[Plane]:
    """Zero-mean filters that answer to lines some 3 pixels wide and 10 long, one per direction."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    kernels = []
    for angle in np.arange(directions) * np.pi / directions:
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        profile = np.exp(-((across / 1.3) ** 2) / 2) / 1.3 - np.exp(-((across / 3.5) ** 2) / 2) / 3.5
        kernel = profile * np.exp(-((along / 5) ** 2) / 2)
        kernel -= kernel.mean()
        kernels.append((kernel / np.abs(kernel).sum()).astype(np.float32))
    return kernels


_LINES = _line_kernels()


def _photo_margins(measured: _Measures) -> list[tuple[float, str]]:
    """Distance from each limit, in units of what is usual, with what is wrong where it is negative."""
    least_balance = (measured.contrast - _ORDINARY_CONTRAST) / 10
    return [
        ((measured.illumination - LEAST_ILLUMINATION) / 0.2, "too dark"),
        ((MOST_GLARE - measured.glare) / 0.3, "too bright"),
        ((measured.redness - LEAST_REDNESS) / 0.1, "not a fundus photograph"),
        ((measured.balance - least_balance) / 0.05, "not a fundus photograph"),
        ((measured.contrast - LEAST_CONTRAST) / 0.2, "low contrast"),
        ((measured.focus - LEAST_FOCUS) / 0.03, "out of focus"),
    ]


def _cut_margins(disc: FieldOfView) -> list[tuple[float, str]]:
    missing = {
        "left": disc.left - (disc.centre_x - disc.radius),
        "top": disc.top - (disc.centre_y - disc.radius),
        "right": disc.centre_x + disc.radius - disc.right,
        "bottom": disc.centre_y + disc.radius - disc.bottom,
    }
    return [
        (1 - depth / (2 * disc.radius) / DEEPEST_CUT, f"field of view cut at the {side}")
        for side, depth in missing.items()
    ]
