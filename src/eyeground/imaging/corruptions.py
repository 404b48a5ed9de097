"""Corruptions of fundus photographs in five severities, applied to standard photos, as ImageNet-C does (arXiv 1903.12261).

Lengths are shares of the side, so a severity does the same at 224 as at 512 pixels, and no black leaks into a blur. They are
models of real faults: robustness to them is evidence, not proof.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.errors import UserError, unknown
from eyeground.imaging.decode import Pixels
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.standard import StandardPhoto

VERSION = 1  # raised whenever any corruption's pixels change
SEVERITIES = (1, 2, 3, 4, 5)

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class View:
    """A standard photo as a corruption takes it: its pixels, and which of them show the eye.

    Attributes:
        pixels: `(side, side, 3)` uint8 RGB, black outside the field of view.
        visible: `(side, side)` uint8, 1 within the field of view, 0 outside.
    """

    pixels: Pixels
    visible: Pixels
    disc: FieldOfView

    @property
    def side(self) -> int:
        """The photo's side in pixels."""
        return len(self.pixels)


Apply = Callable[[View, float, np.random.Generator], npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        name: As it is asked for, such as `motion_blur`.
        unit: What its parameter measures.
        parameters: The parameter at severity 1 to 5.
        apply: From view, parameter and source of randomness to `(side, side, 3)` pixels, float or uint8; they are clipped
            to 0-255 and to the field of view afterwards. Random numbers do not depend on the parameter, so that a photo
            has the same corruption, only stronger.
    """

    name: str
    unit: str
    parameters: tuple[float, float, float, float, float]
    apply: Apply


CORRUPTIONS: dict[str, Corruption] = {}


def corrupt(standard: StandardPhoto, corruption: str, severity: int, seed: int = 0) -> Pixels:
    """Corrupt a standard photo.

    Args:
        corruption: One of `CORRUPTIONS`.
        severity: 1 (barely visible) to 5 (to be taken again).
        seed: Directions, sides and noise depend on it, the photo's pixels and the corruption alone: not on the file's name
            or the severity.

    Returns:
        `(side, side, 3)` uint8 RGB, black outside the field of view.

    Raises:
        UserError: If there is no such corruption or severity.
    """
    kind = corruption_named(corruption)
    if severity not in SEVERITIES:
        raise UserError(f"severity {severity} of '{corruption}'; severities are {SEVERITIES[0]} to {SEVERITIES[-1]}")
    visible = standard.field_of_view.astype(np.uint8)
    view = View(standard.pixels, visible, standard.disc)
    random = np.random.default_rng([seed, zlib.crc32(corruption.encode()), zlib.crc32(standard.pixels.tobytes())])
    corrupted = kind.apply(view, kind.parameters[severity - 1], random)
    if corrupted.dtype != np.uint8:
        corrupted = np.clip(np.rint(corrupted), 0, 255).astype(np.uint8)
    return np.asarray(cv2.bitwise_and(corrupted, corrupted, mask=visible), np.uint8)


def corruption_named(name: str) -> Corruption:
    """Look a corruption up; an unknown name is a `UserError` that lists the known ones."""
    if name not in CORRUPTIONS:
        raise unknown("corruption", name, CORRUPTIONS)
    return CORRUPTIONS[name]


def _corruption(unit: str, *parameters: float) -> Callable[[Apply], Apply]:
    """Register a function as the corruption of its name, with the parameter at each severity."""

    def register(apply: Apply) -> Apply:
        first, second, third, fourth, fifth = parameters
        CORRUPTIONS[apply.__name__] = Corruption(apply.__name__, unit, (first, second, third, fourth, fifth), apply)
        return apply

    return register


@_corruption("radius of the circle of confusion, share of the side", 0.004, 0.007, 0.011, 0.017, 0.026)
def defocus(view: View, radius: float, _: np.random.Generator) -> Plane:
    """The focus was not adjusted to the eye's refraction, or the eye accommodated: every point becomes a disc."""
    pixels = radius * view.side
    reach = int(np.ceil(pixels + 0.5))
    offset = np.arange(-reach, reach + 1)
    kernel = np.clip(pixels + 0.5 - np.hypot(offset[:, None], offset[None]), 0, 1)
    return _within(view, kernel.astype(np.float32))


@_corruption("length of the movement, share of the side", 0.009, 0.018, 0.030, 0.048, 0.075)
def motion_blur(view: View, length: float, random: np.random.Generator) -> Plane:
    """The eye or a hand-held camera moved during the exposure: every point becomes a line, in a random direction."""
    angle, half = random.uniform(0, np.pi), length * view.side / 2
    reach = int(np.ceil(half + 1))
    x, y = np.meshgrid(*[np.arange(-reach, reach + 1)] * 2)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.clip(half + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return _within(view, kernel.astype(np.float32))


@_corruption("pixels across the field of view", 174, 118, 82, 56, 36)
def low_resolution(view: View, pixels: float, _: np.random.Generator) -> Plane:
    """The photo comes from a thumbnail, a slide, a screen or an old camera: fewer pixels hold the same field."""
    small = min(view.side, int(pixels))
    light = cv2.merge([view.pixels, view.visible]).astype(np.float32)
    few = cv2.resize(light, (small, small), interpolation=cv2.INTER_AREA)
    return _per_visible(cv2.resize(few, (view.side, view.side), interpolation=cv2.INTER_LINEAR))


@_corruption("JPEG quality (0-100) of a file 512 pixels across", 60, 30, 18, 11, 7)
def jpeg(view: View, quality: float, _: np.random.Generator) -> Plane:
    """The archive or a messenger compressed the photo: blocks, ringing and lost colour, 1/64 of the side wide.

    At other sides the loss is worked out at 512 pixels and transferred, so that blocks cover the same retina.
    """
    file = cv2.resize(view.pixels, (512, 512), interpolation=cv2.INTER_AREA if view.side > 512 else cv2.INTER_LINEAR)
    # OpenCV takes BGR: red and blue must not be swapped, because the codec treats them differently.
    encoded = cv2.imencode(".jpg", file[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    lossy = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))[..., ::-1]
    loss = cv2.resize(cv2.subtract(lossy, file, dtype=cv2.CV_32F), (view.side, view.side), interpolation=cv2.INTER_AREA)
    return np.asarray(view.pixels + loss, np.float32)


@_corruption("stops of light too few", 0.5, 1.2, 2.0, 3.0, 4.2)
def too_dark(view: View, stops: float, _: np.random.Generator) -> Pixels:
    """The pupil was small or the flash weak. A stop halves the light; files hold light to the power of 1/2.2."""
    return _exposed(view, -stops)


@_corruption("stops of light too many", 0.35, 0.75, 1.2, 1.7, 2.3)
def too_bright(view: View, stops: float, _: np.random.Generator) -> Pixels:
    """The flash was too strong or the eye pale: what exceeds the sensor is clipped and lost, red before green."""
    return _exposed(view, stops)


@_corruption("share of brightness lost at the dark edge", 0.25, 0.45, 0.65, 0.82, 0.95)
def uneven_illumination(view: View, loss: float, random: np.random.Generator) -> Plane:
    """The camera was not centred on the pupil, so the iris shades one side; the direction is random."""
    across = (_across(view.disc, view.side, random.uniform(0, 2 * np.pi)) + 1) / 2
    gain = 1 - loss * np.clip((across - 0.15) / 0.85, 0, 1) ** 1.3
    return np.asarray(view.pixels * gain[..., None], np.float32)


@_corruption("gain of red over gain of blue (or blue over red)", 1.12, 1.3, 1.55, 1.9, 2.4)
def colour_cast(view: View, ratio: float, random: np.random.Generator) -> Plane:
    """Another camera's lamp, filter or white balance: warm or cold at random, of the same mean brightness."""
    red = np.sqrt(ratio if random.random() < 0.5 else 1 / ratio)
    gains = np.array([red, 1, 1 / red])
    luminance = np.array([0.299, 0.587, 0.114]) * np.array(cv2.mean(view.pixels, view.visible)[:3])
    gains *= luminance.sum() / max(float(luminance @ gains), 1e-6)
    return np.asarray(view.pixels * gains.astype(np.float32), np.float32)


@_corruption("standard deviation in grey levels (0-255) at mid-grey and 224 pixels across", 3, 6, 10, 15, 22)
def sensor_noise(view: View, deviation: float, random: np.random.Generator) -> Plane:
    """A small or hand-held camera at high gain: grain that grows with the root of the light, partly shared by colours.

    Grain is finer and stronger per pixel in a larger photo, and the same once averaged to the same size.
    """
    grain = random.standard_normal((view.side, view.side, 3), dtype=np.float32)
    grain += grain.mean(axis=2, keepdims=True)  # standard deviation sqrt(2), as (1 + 1/3)² + 2 · (1/3)² = 2
    of_level = np.sqrt(0.3 + 0.7 * np.arange(256) / 128) * deviation * view.side / 224 / np.sqrt(2)
    return np.asarray(view.pixels + grain * of_level.astype(np.float32)[view.pixels], np.float32)


@_corruption("share of the light that is scattered", 0.12, 0.26, 0.42, 0.58, 0.74)
def haze(view: View, scattered: float, random: np.random.Generator) -> Plane:
    """A cataract, a dirty lens or tears: a pale veil, denser in some places, and a slight loss of focus."""
    cloud = random.uniform(0.75, 1.25, (4, 4)).astype(np.float32)
    cloud = cv2.resize(cloud, (view.side, view.side), interpolation=cv2.INTER_CUBIC)
    share = np.clip(scattered * cloud, 0, 0.95)[..., None]
    glow = np.array(cv2.mean(view.pixels, view.visible)[:3])
    veil = (0.45 * glow + 0.55 * np.array([165, 160, 135]) * max(glow) / 160).astype(np.float32)
    soft = _within(view, _gaussian(0.008 * scattered * view.side))
    return np.asarray(soft * (1 - share) + veil * share, np.float32)


@_corruption("share of the disc's diameter that is cut off", 0.05, 0.11, 0.19, 0.29, 0.42)
def crop(view: View, depth: float, random: np.random.Generator) -> Pixels:
    """A lid, a misplaced eye or a narrow frame cuts the field of view straight at one side, at random."""
    disc, cut = view.disc, view.pixels.copy()
    missing = 2 * depth * disc.radius
    side = int(random.integers(4))
    if side == 0:
        cut[:, : _pixel(max(disc.left, disc.centre_x - disc.radius) + missing)] = 0
    elif side == 1:
        cut[: _pixel(max(disc.top, disc.centre_y - disc.radius) + missing)] = 0
    elif side == 2:
        cut[:, _pixel(min(disc.right, disc.centre_x + disc.radius) - missing) :] = 0
    else:
        cut[_pixel(min(disc.bottom, disc.centre_y + disc.radius) - missing) :] = 0
    return cut


@_corruption("degrees", 4, 9, 16, 27, 45)
def rotation(view: View, degrees: float, random: np.random.Generator) -> Pixels:
    """The head or the camera was tilted, either way: the retina turns within its disc."""
    # Pixel j spans j to j + 1 for the disc, and has its centre at j for OpenCV.
    centre = view.disc.centre_x - 0.5, view.disc.centre_y - 0.5
    matrix = cv2.getRotationMatrix2D(centre, degrees if random.random() < 0.5 else -degrees, 1)
    return np.asarray(cv2.warpAffine(view.pixels, matrix, (view.side,) * 2, flags=cv2.INTER_LINEAR), np.uint8)


def _within(view: View, kernel: Plane) -> Plane:
    """Blur by a kernel of any sum, taking nothing from outside the field of view."""
    channels = cv2.merge([view.pixels, view.visible]).astype(np.float32)
    blurred = cv2.filter2D(channels, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_CONSTANT)
    return _per_visible(blurred)


def _per_visible(summed: Plane) -> Plane:
    """Light (h, w, 3) from four channels, the last of which says how much of the field of view it was summed over."""
    return np.asarray(summed[..., :3] / np.maximum(summed[..., 3:], 1e-6), np.float32)


def _gaussian(deviation: float) -> Plane:
    column = cv2.getGaussianKernel(2 * int(np.ceil(3 * deviation)) + 1, deviation, cv2.CV_32F)
    return np.asarray(column @ column.T, np.float32)


def _exposed(view: View, stops: float) -> Pixels:
    levels = np.clip(np.rint(np.arange(256) * 2 ** (stops / 2.2)), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(view.pixels, levels), np.uint8)


def _across(disc: FieldOfView, side: int, angle: float) -> Plane:
    """How far each pixel lies along a direction: -1 at one edge of the disc, 1 at the other."""
    place = np.arange(side, dtype=np.float32) + 0.5
    x, y = (place - disc.centre_x) / disc.radius, (place - disc.centre_y) / disc.radius
    return np.asarray(x[None] * np.cos(angle) + y[:, None] * np.sin(angle), np.float32)


def _pixel(place: float) -> int:
    return max(0, round(place))
