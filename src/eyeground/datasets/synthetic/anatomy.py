"""A healthy eye: pigment, choroid, macula, disc and cup, painted from the back to the front.

Fields are summed in the logarithm of reflectance, as pigments multiply like absorbing layers; all but the disc are painted
on the coarse frame. Colours were set by eye beside public photographs: plausible, not spectrally exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eyeground.datasets.synthetic.frame import Floats, Frame, Mask, Patch, coloured
from eyeground.datasets.synthetic.texture import choroid, noise

# Degrees; the anatomical macula is about 5.5 degrees wide.
MACULA_RADIUS = 2.75


@dataclass(frozen=True)
class Anatomy:
    """An eye without disease; lengths in degrees of visual angle (one degree is about 0.29 mm on the retina).

    Attributes:
        seed: Which individual: the course of the vessels, the pattern of the choroid, the outline of the disc.
        disc_x, disc_y: Centre of the optic disc from the fovea: towards the nose, and upwards.
        disc_radius: Vertical radius of the disc.
        disc_aspect: Horizontal over vertical radius of the disc.
        cup_to_disc: Vertical diameter of the cup over that of the disc, 0.1 to 0.95.
        pigmentation: Melanin, from 0 (blond fundus) to 1 (dark fundus).
        tessellation: How far the choroidal vessels shine through, 0 to 1.
        macular_pigment: How dark the macula is, about 1.
        sheen: Reflex of the nerve fibre layer and the fovea, strong in the young, 0 to 1.
        calibre, tortuosity: Factors on the width and waviness of the vessels, about 1.
    """

    seed: int = 0
    disc_x: float = 15.5
    disc_y: float = 1.3
    disc_radius: float = 3.25
    disc_aspect: float = 0.92
    cup_to_disc: float = 0.38
    pigmentation: float = 0.4
    tessellation: float = 0.2
    macular_pigment: float = 1.0
    sheen: float = 0.4
    calibre: float = 1.0
    tortuosity: float = 1.0


def stream(seed: int, layer: int) -> np.random.Generator:
    """An independent random stream for one layer, so that adding a layer leaves the others as they were."""
    return np.random.default_rng([seed, layer])


def background(frame: Frame, anatomy: Anatomy) -> Floats:
    """Paint retina and choroid without disc and vessels: RGB reflectance (h, w, 3), about 0 to 1."""
    coarse = frame.coarse()
    rng = stream(anatomy.seed, 1)
    x, y = coarse.degrees()
    from_fovea = x * x + y * y
    from_disc = (x - anatomy.disc_x) ** 2 + (y - anatomy.disc_y) ** 2
    macula = np.exp(-from_fovea / (2 * 3.0**2))
    core = np.exp(-from_fovea / (2 * 0.85**2))
    arcs = np.exp(-(((np.sqrt((x - 4) ** 2 + 1.6 * y * y) - 11) / 4) ** 2)) * np.exp(-from_disc / (2 * 11.0**2))
    net = choroid(rng, coarse, 1.2) * (1 - 0.85 * macula) * np.clip(noise(rng, coarse, 9.0) * 0.25 + 0.8, 0, 1.3)
    dark, tess, sheen = anatomy.macular_pigment, anatomy.tessellation, anatomy.sheen
    fields = (
        (dark * macula, (-0.20, -0.27, -0.16)),
        (dark * core, (-0.12, -0.32, -0.12)),
        (noise(rng, coarse, 9.0), (0.05, 0.075, 0.09)),
        (noise(rng, coarse, 2.2), (0.012, 0.030, 0.025)),
        (noise(rng, coarse, 0.4), (0.010, 0.026, 0.020)),
        (net * (0.06 + tess), (0.13, 0.22, 0.06)),
        (from_fovea / 25.0**2, (-0.10, -0.16, -0.18)),
        (sheen * arcs, (0.05, 0.13, 0.20)),
        (np.exp(-from_disc / (2 * 6.0**2)), (0.10, 0.18, 0.16)),
    )
    weights = np.array([weight for _, weight in fields], np.float32)
    density = np.stack([np.asarray(field, np.float32) for field, _ in fields], axis=2) @ weights
    painted = np.exp(density + np.log(_tone(anatomy.pigmentation, tess)))
    reflex = anatomy.sheen * 0.16 * np.exp(-((np.sqrt(from_fovea + 0.01) - 0.28) ** 2) / (2 * 0.13**2))
    return frame.enlarged(painted + coloured(np.asarray(reflex, np.float32), (1, 1, 1)))


def _tone(pigmentation: float, tessellation: float) -> Floats:
    """Mean reflectance of the fundus between a light and a dark one; a tessellated one is redder."""
    light, dark = np.array([0.84, 0.50, 0.29]), np.array([0.52, 0.245, 0.115])
    tone = light * (dark / light) ** pigmentation
    return np.asarray(tone * (1 + tessellation * np.array([0.02, -0.10, -0.06])), np.float32)


@dataclass(frozen=True)
class Disc:
    """Normalised distance from the disc's centre on a box around it: 1 on the rim, 0 in the middle."""

    rows: slice
    columns: slice
    distance: Floats
    x: Floats
    y: Floats
    softness: float


def disc_outline(frame: Frame, anatomy: Anatomy, reach: float = 1.6) -> Disc:
    """Measure the box that holds `reach` disc radii around the disc."""
    box = anatomy.disc_radius * reach
    corners = np.array([[anatomy.disc_x - box, anatomy.disc_y - box], [anatomy.disc_x + box, anatomy.disc_y + box]])
    rows, columns = frame.around(corners, 0)
    x, y = frame.degrees(rows, columns)
    x, y = (x - anatomy.disc_x) / anatomy.disc_radius, (y - anatomy.disc_y) / anatomy.disc_radius
    rng = stream(anatomy.seed, 2)
    angle = np.arctan2(y, x)
    outline = np.ones_like(angle)
    for wave in (2, 3, 4, 5):
        outline += rng.normal(0, 0.035 / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    distance = np.hypot(x / anatomy.disc_aspect, y) / outline
    return Disc(rows, columns, distance.astype(np.float32), x, y, 0.5 / (frame.pixels_per_degree * anatomy.disc_radius))


def paint_disc(pixels: Floats, frame: Frame, anatomy: Anatomy) -> dict[str, Mask]:
    """Paint disc and cup into `pixels` (in place) and return their masks, `optic_disc` and `optic_cup`."""
    disc = disc_outline(frame, anatomy)
    region = pixels[disc.rows, disc.columns]
    rng = stream(anatomy.seed, 3)
    inside = _edge(disc.distance, 1.0, 0.08 + 0.05 * np.clip(disc.x, -1, 1) + disc.softness)
    # The rim is pinker on the nasal side; above and below it the nerve fibres veil its edge.
    nasal = np.clip(0.5 + 0.5 * disc.x, 0, 1)[..., None]
    rim = np.array([1.26, 1.42, 1.42]) * (1 - nasal) + np.array([1.18, 1.16, 1.22]) * nasal
    rim = rim * rng.uniform(0.94, 1.06) * np.array([1, rng.uniform(0.93, 1.06), rng.uniform(0.88, 1.15)])
    tone = _tone(anatomy.pigmentation, 0) * (1 + 0.25 * anatomy.pigmentation)
    ring = np.exp(-(((disc.distance - 1.02) / 0.05) ** 2)) * np.clip(-disc.x, 0, 1) * rng.uniform(0.2, 0.9)
    shade = np.exp(-(((disc.distance - 1.13) / 0.06) ** 2)) * np.clip(-disc.x + 0.1, 0, 1) * rng.uniform(0, 0.35)
    region *= 1 - shade[..., None] * np.array([0.5, 0.6, 0.6], np.float32)
    _blend(region, tone * (1.25, 1.6, 1.8), 0.5 * ring)
    _blend(region, tone * rim, inside)
    cup_distance = np.hypot((disc.x + 0.06) / (anatomy.disc_aspect * 1.02), disc.y - 0.02) / anatomy.cup_to_disc
    steep = 0.12 + 0.25 * rng.random()
    pale = tone * np.array([1.38, 1.95, 2.35]) * rng.uniform(0.92, 1.08)
    _blend(region, pale, 0.85 * inside * _edge(cup_distance, 1.0, steep + disc.softness / anatomy.cup_to_disc))
    return {
        "optic_disc": _mask(frame, disc, disc.distance <= 1),
        "optic_cup": _mask(frame, disc, (cup_distance <= 1) & (disc.distance <= 1)),
    }


def macula_mask(frame: Frame) -> Mask:
    """Mask of the circle of `MACULA_RADIUS` degrees around the fovea."""
    x, y = frame.degrees()
    return np.asarray(x * x + y * y <= MACULA_RADIUS**2)


def crescent(frame: Frame, anatomy: Anatomy, width: float) -> Patch:
    """Peripapillary atrophy: a crescent on the temporal side of the disc, `width` disc radii wide."""
    disc = disc_outline(frame, anatomy, reach=1.7 + 1.3 * width)
    rng = stream(anatomy.seed, 4)
    angle = np.arctan2(disc.y, disc.x)
    wobble = sum(rng.normal(0, 0.10 / n) * np.cos(n * angle + rng.uniform(0, 6.3)) for n in (2, 3, 5, 7))
    temporal = np.clip(0.28 - 0.72 * np.cos(angle + rng.normal(0, 0.25)), 0, 1)
    outer = 1 + width * temporal * (1 + wobble)
    coverage = _edge(disc.distance, outer, 0.06 + disc.softness) * (disc.distance > 0.9)
    coverage *= np.minimum(1, temporal * 3)
    return Patch(disc.rows, disc.columns, coverage.astype(np.float32))


def _edge(
    distance: NDArray[np.floating], at: float | NDArray[np.floating], width: float | NDArray[np.floating]
) -> Floats:
    """1 inside, 0 outside, smooth over `width` on either side of `at`."""
    t = np.clip((at + width - distance) / (2 * width), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _blend(region: Floats, colour: NDArray[np.floating], alpha: NDArray[np.floating]) -> None:
    region += (colour - region) * alpha[..., None]


def _mask(frame: Frame, disc: Disc, inside: Mask) -> Mask:
    mask = np.zeros((frame.height, frame.width), bool)
    mask[disc.rows, disc.columns] = inside
    return mask
