"""The camera between eye and file: field of view, optics, light, colour and noise of several kinds of device.

`DEVICES` differ as clinics' cameras do, in all that a network must not learn a disease from.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.datasets.synthetic.frame import Floats, Frame, Mask, blurred, coloured
from eyeground.datasets.synthetic.texture import noise
from eyeground.errors import unknown


@dataclass(frozen=True)
class Device:
    """A kind of fundus camera.

    Attributes:
        aspect: Width over height of its photographs.
        field_angle: Diameter of the field of view in degrees.
        fill: Diameter of the field of view over the height of the photograph; above 1 it is clipped above and below.
        tab: `{'', 'triangle', 'circle'}`. Shape of the orientation mark on the edge of the field of view.
        tab_angle: Where the mark is, in degrees anticlockwise from the right.
        tint: Gain of red, green and blue.
        saturation, gamma: Colour processing of the device; 1 leaves the colours alone.
        vignetting: Loss of light at the edge of the field, 0 to 1.
        rim_glow: Stray light (red, green, blue) that the edge of the field gains where the eye is not well aligned.
        border: Colour (0-255) outside the field of view.
        resolution: Standard deviation in degrees of the blur of its optics.
        noise: Standard deviation of the sensor's noise in grey levels of a 1000-pixel photograph.
        jpeg_quality: Quality at which its files are compressed.
    """

    aspect: float = 1.0
    field_angle: float = 45.0
    fill: float = 0.98
    tab: str = ""
    tab_angle: float = 40.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    gamma: float = 1.0
    vignetting: float = 0.2
    rim_glow: tuple[float, float, float] = (0.10, 0.11, 0.09)
    border: tuple[int, int, int] = (0, 0, 0)
    resolution: float = 0.02
    noise: float = 2.0
    jpeg_quality: int = 92


DEVICES: dict[str, Device] = {
    "clinic": Device(),
    "hospital": Device(
        aspect=4288 / 2848,
        field_angle=50,
        fill=1.19,
        tab="triangle",
        tint=(0.98, 0.86, 0.62),
        saturation=1.05,
        vignetting=0.22,
        border=(2, 2, 3),
        jpeg_quality=95,
    ),
    "screening": Device(
        aspect=4 / 3,
        fill=0.93,
        tint=(0.80, 0.86, 0.84),
        saturation=0.85,
        vignetting=0.28,
        rim_glow=(0.16, 0.24, 0.20),
        noise=3.0,
        jpeg_quality=85,
    ),
    "research": Device(
        aspect=3504 / 2336,
        field_angle=60,
        fill=1.4,
        tab="circle",
        tab_angle=33,
        tint=(1.06, 0.72, 0.86),
        saturation=1.1,
        vignetting=0.12,
        resolution=0.015,
        noise=1.5,
        jpeg_quality=97,
    ),
    "golden": Device(tint=(1.10, 1.04, 0.55), saturation=1.15, gamma=0.9, vignetting=0.10, jpeg_quality=90),
    "handheld": Device(
        aspect=4 / 3,
        field_angle=40,
        fill=0.88,
        tint=(0.92, 0.76, 0.56),
        saturation=1.1,
        gamma=1.1,
        vignetting=0.5,
        rim_glow=(0.22, 0.16, 0.08),
        border=(5, 3, 2),
        resolution=0.06,
        noise=6.0,
        jpeg_quality=78,
    ),
}


@dataclass(frozen=True)
class CameraFaults:
    """What is wrong with one photograph; every field is 0 for a good one and about 1 for an ungradable one.

    Attributes:
        blur: Defocus or movement.
        darkness: Too little light.
        uneven: Light on one side only.
        haze: Whitish veil, as through a cataract.
        glare: Bright crescent from the iris on one side.
        dust: Number of pale round spots from dirt on the lens.
    """

    blur: float = 0.0
    darkness: float = 0.0
    uneven: float = 0.0
    haze: float = 0.0
    glare: float = 0.0
    dust: int = 0


def device_named(name: str) -> Device:
    """The device of this name; a `UserError` if there is none."""
    if name not in DEVICES:
        raise unknown("device", name, DEVICES)
    return DEVICES[name]


def frame_of(device: Device, height: int, width: int, gaze: tuple[float, float]) -> Frame:
    """The frame of a photograph of this size; a field too wide for the frame is made smaller."""
    radius = min(device.fill * height, 0.98 * width) / 2
    return Frame(height, width, radius, 2 * radius / device.field_angle, *gaze)


def field_of_view(frame: Frame, device: Device) -> Mask:
    """Boolean mask (h, w) of the pixels that show the eye, the orientation mark included."""
    x = (np.arange(frame.width, dtype=np.float32) - (frame.width - 1) / 2)[None, :]
    y = (np.arange(frame.height, dtype=np.float32) - (frame.height - 1) / 2)[:, None]
    inside = np.asarray(x * x + y * y <= frame.radius**2)
    if device.tab:
        inside |= _tab(frame, device)
    return inside


def _tab(frame: Frame, device: Device) -> Mask:
    angle = np.deg2rad(device.tab_angle)
    outward = np.array([np.cos(angle), -np.sin(angle)])
    along = np.array([-outward[1], outward[0]])
    centre = np.array([(frame.width - 1) / 2, (frame.height - 1) / 2]) + outward * frame.radius
    size = 0.035 * frame.radius
    canvas = np.zeros((frame.height, frame.width), np.uint8)
    if device.tab == "circle":
        cv2.circle(canvas, np.rint(centre * 16).astype(int).tolist(), round(size * 16), 1, -1, cv2.LINE_8, 4)
    else:
        corners = np.array([centre - along * size, centre + outward * size, centre + along * size])
        cv2.fillPoly(canvas, [np.rint(corners * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return canvas.astype(bool)


def photograph(
    reflectance: Floats, frame: Frame, device: Device, faults: CameraFaults, view: Mask, seed: int
) -> NDArray[np.uint8]:
    """Turn reflectance (h, w, 3) into the 8-bit RGB photograph (h, w, 3) the device would have taken."""
    rng = np.random.default_rng([seed, 101])
    sigma = np.hypot(device.resolution, 0.35 * faults.blur) * frame.pixels_per_degree
    light, veil = _light(frame.coarse(), device, faults, rng)
    image = blurred(reflectance, float(sigma))
    cv2.multiply(image, frame.enlarged(light), image)
    cv2.add(image, frame.enlarged(veil), image)
    image = cv2.transform(image, _colour_matrix(device))
    cv2.add(image, _sensor_noise(frame, device, faults, rng), image)
    np.clip(image, 0, 255, out=image)
    photo: NDArray[np.uint8] = image.astype(np.uint8)
    if device.gamma != 1:
        curve = np.rint(255 * (np.arange(256) / 255) ** device.gamma).astype(np.uint8)
        photo = np.asarray(curve[photo], np.uint8)
    photo[~view] = device.border
    return photo


def _light(coarse: Frame, device: Device, faults: CameraFaults, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """What reflectance is multiplied by and what is added to it, both (h, w, 3), on the coarse frame."""
    x = (np.arange(coarse.width, dtype=np.float32) - (coarse.width - 1) / 2)[None, :] / coarse.radius
    y = ((coarse.height - 1) / 2 - np.arange(coarse.height, dtype=np.float32))[:, None] / coarse.radius
    from_centre = x * x + y * y
    angle, shift = float(rng.uniform(0, 2 * np.pi)), rng.normal(0, 0.12, 2).tolist()
    across = x * np.cos(angle) + y * np.sin(angle)
    lit = 1 - device.vignetting * ((x - shift[0]) ** 2 + (y - shift[1]) ** 2)
    lit = lit * (1 + (0.06 * rng.normal() + 0.75 * faults.uneven) * across - 0.25 * faults.uneven)
    lit = lit * (1 + 0.25 * faults.uneven * noise(rng, coarse, 14.0))
    lit = np.clip(lit, 0.02, None) * ((1 - 0.8 * faults.darkness) * (1 - 0.45 * faults.haze))
    edge = np.clip(from_centre - 0.62, 0, None) / 0.38 * np.clip(0.45 + across, 0, None) ** 2
    veil = coloured(edge * rng.uniform(0.1, 0.9), device.rim_glow)
    veil += coloured(faults.haze * (1 + 0.15 * noise(rng, coarse, 12.0)), (0.30, 0.29, 0.24))
    veil += coloured(faults.glare * np.exp(-(((1.05 - across) / 0.30) ** 2)), (0.75, 0.72, 0.66))
    for _ in range(faults.dust):
        place, size = rng.uniform(-0.65, 0.65, 2).tolist(), float(rng.uniform(0.015, 0.05))
        spot = np.clip(1.5 - np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2) / size, 0, 1)
        veil += coloured(spot * rng.uniform(0.05, 0.2), (1, 1, 1))
    return coloured(lit, (np.array(device.tint) * rng.normal(1, 0.03, 3)).tolist()), veil


def _colour_matrix(device: Device) -> Floats:
    """Saturation about the luminance, and the scale from 0-1 to 0-255."""
    luminance = np.array([0.30, 0.59, 0.11])
    matrix = device.saturation * np.eye(3) + (1 - device.saturation) * np.tile(luminance, (3, 1))
    return (255 * matrix).astype(np.float32)


def _sensor_noise(frame: Frame, device: Device, faults: CameraFaults, rng: np.random.Generator) -> Floats:
    """Noise (h, w, 3), grainier in a larger photograph; the same tile repeats beyond 512 pixels."""
    rows, columns = min(frame.height, 512), min(frame.width, 512)
    tile = rng.standard_normal((rows, columns, 3), dtype=np.float32)
    tile = 0.7 * tile + 0.9 * tile.mean(axis=2, keepdims=True)
    strength = device.noise * np.clip(2 * frame.radius / 1000, 0.45, 1.5) * (1 + 1.5 * faults.darkness)
    tile = cv2.GaussianBlur(tile, (0, 0), 0.6) * np.float32(1.6 * strength)
    repeated = cv2.repeat(tile, -(-frame.height // rows), -(-frame.width // columns))
    return np.asarray(repeated[: frame.height, : frame.width], np.float32)
