"""Lesions: where they are, what shape they have, and how each colours the retina.

Each kind has its own random stream, so that photographs with and without a lesion differ in the lesion alone. Gains are the
medians inside and around the annotated lesions of IDRiD (Porwal et al., 2018, doi:10.3390/data3030025).
"""

from dataclasses import dataclass

import numpy as np

from eyeground.datasets.synthetic.anatomy import Anatomy, crescent, stream
from eyeground.datasets.synthetic.frame import Floats, Frame, Patch, blurred, coloured, polygons
from eyeground.datasets.synthetic.placement import Points, blobs, fibre_direction, mottled, places, sector
from eyeground.datasets.synthetic.texture import noise

Colour = tuple[float, float, float]

LEAST_COVERAGE = 0.2
_FRESH_BLOOD: Colour = (0.88, 0.56, 0.74)
_DEEP_BLOOD: Colour = (0.80, 0.54, 0.74)
_HARD_EXUDATE: Colour = (1.22, 1.70, 1.35)
_SOFT_EXUDATE: Colour = (1.12, 1.50, 1.80)
_DRUSEN: Colour = (1.14, 1.42, 1.35)
_BARE_SCLERA: Colour = (1.30, 1.75, 1.95)
_SHEEN: Colour = (1.35, 1.85, 2.60)


@dataclass(frozen=True)
class Lesions:
    """How much of which lesion an eye has; nothing by default.

    Attributes:
        microaneurysms, haemorrhages, flame_haemorrhages: How many red dots, dot or blot haemorrhages, and flame-shaped
            haemorrhages.
        hard_exudates: How many clusters of hard exudate.
        circinate: Whether one more ring of hard exudate surrounds the macula.
        soft_exudates: How many cotton-wool spots.
        drusen: How many drusen.
        drusen_size: Their typical radius in degrees; a radius of 0.21 degrees is a diameter of 125 micrometres.
        macular_atrophy: Radius in degrees of a patch of geographic atrophy at the fovea; 0 for none.
        peripapillary_atrophy: Width in disc radii of the crescent beside the disc; 0 for none.
        chorioretinal_atrophy: How many white patches of myopic atrophy.
        epiretinal_membrane: Strength of the sheen and wrinkles over the macula, 0 to 1.
        occlusion: `{'', 'upper', 'lower', 'all'}`. Which veins are blocked: their sector fills with flame haemorrhages
            and they dilate.
    """

    microaneurysms: int = 0
    haemorrhages: int = 0
    flame_haemorrhages: int = 0
    hard_exudates: int = 0
    circinate: bool = False
    soft_exudates: int = 0
    drusen: int = 0
    drusen_size: float = 0.16
    macular_atrophy: float = 0.0
    peripapillary_atrophy: float = 0.0
    chorioretinal_atrophy: int = 0
    epiretinal_membrane: float = 0.0
    occlusion: str = ""


@dataclass(frozen=True)
class Stain:
    """One layer of paint.

    Attributes:
        term: The lesion's name among the masks.
        patch: Where, and how much.
        gain: What full coverage multiplies red, green and blue by: below 1 for blood, above 1 for what is pale.
        least: Coverage from which a pixel belongs to the lesion's mask.
    """

    term: str
    patch: Patch
    gain: Colour
    least: float = LEAST_COVERAGE

    def apply(self, pixels: Floats) -> None:
        """Paint into `pixels` (h, w, 3), in place."""
        region = pixels[self.patch.rows, self.patch.columns]
        region *= coloured(self.patch.coverage, [gain - 1 for gain in self.gain], 1.0)


def beneath_vessels(frame: Frame, anatomy: Anatomy, lesions: Lesions) -> list[Stain]:
    """Lesions of the outer retina and choroid, over which the vessels run."""
    kinds = (
        (21, lesions.chorioretinal_atrophy, _chorioretinal_atrophy),
        (22, lesions.peripapillary_atrophy, _peripapillary_atrophy),
        (23, lesions.macular_atrophy, _macular_atrophy),
        (24, lesions.drusen, _drusen),
        (25, lesions.hard_exudates or lesions.circinate, _hard_exudates),
    )
    return [paint(frame, stream(anatomy.seed, layer), anatomy, lesions) for layer, amount, paint in kinds if amount]


def over_vessels(frame: Frame, anatomy: Anatomy, lesions: Lesions) -> list[Stain]:
    """Lesions of the inner retina and its surface, which hide the vessels."""
    kinds = (
        (31, lesions.microaneurysms, _microaneurysms),
        (32, lesions.haemorrhages, _blots),
        (33, lesions.flame_haemorrhages, _flames),
        (34, lesions.occlusion, _occlusion),
        (35, lesions.soft_exudates, _soft_exudates),
        (36, lesions.epiretinal_membrane, _epiretinal_membrane),
    )
    return [paint(frame, stream(anatomy.seed, layer), anatomy, lesions) for layer, amount, paint in kinds if amount]


def _microaneurysms(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    count = lesions.microaneurysms
    sites = places(frame, rng, anatomy, count, 0.8)
    outlines = blobs(rng, sites, rng.uniform(0.08, 0.17, count), 0.08, 12)
    strengths = rng.uniform(0.65, 1.0, count)
    return Stain("microaneurysm", polygons(frame, outlines, strengths, 0.03), _DEEP_BLOOD)


def _blots(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    count = lesions.haemorrhages
    sites = places(frame, rng, anatomy, count, 2.0)
    outlines = blobs(rng, sites, np.clip(rng.lognormal(-1.05, 0.5, count), 0.2, 1.3), 0.14, 28)
    patch = polygons(frame, outlines, rng.uniform(0.45, 1.0, count), 0.12)
    return Stain("haemorrhage", mottled(frame, patch, rng, 0.95), _DEEP_BLOOD)


def _flames(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    return _flames_at(places(frame, rng, anatomy, lesions.flame_haemorrhages, 5.0), frame, rng, anatomy)


def _occlusion(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    return _flames_at(sector(frame, rng, anatomy, lesions.occlusion), frame, rng, anatomy)


def _flames_at(sites: Points, frame: Frame, rng: np.random.Generator, anatomy: Anatomy) -> Stain:
    """Each flame is a sheaf of thin spindles side by side along the nerve fibres."""
    count = len(sites)
    along = fibre_direction(sites, anatomy)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half_length, half_width = rng.lognormal(0.0, 0.45, count), rng.lognormal(-1.2, 0.45, count)
    t = np.linspace(-1, 1, 8)
    spindle = np.concatenate([np.stack([t, 1 - t**2], 1), np.stack([t, -(1 - t**2)], 1)[::-1]])
    outlines, strengths = [], []
    for offset in np.linspace(-1, 1, 7):
        shift = rng.normal(0, 0.35, count)
        length = half_length * (1 - 0.4 * abs(offset)) * rng.uniform(0.5, 1.2, count)
        lengthwise = (spindle[None, :, 0] + shift[:, None]) * length[:, None]
        sideways = (0.3 * spindle[None, :, 1] + offset) * half_width[:, None]
        outlines.append(sites[:, None] + lengthwise[..., None] * along[:, None] + sideways[..., None] * across[:, None])
        strengths.append(rng.uniform(0.35, 1.0, count))
    patch = polygons(frame, np.concatenate(outlines), np.concatenate(strengths), 0.07)
    return Stain("haemorrhage", patch, _FRESH_BLOOD)


def _hard_exudates(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    centres, radii = [], []
    for place in places(frame, rng, anatomy, lesions.hard_exudates, 1.5):
        count, spread = int(rng.integers(6, 34)), rng.uniform(0.4, 1.6)
        if rng.random() < 0.35:
            angle = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 4.5, count)
            ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.normal(spread, 0.18 * spread, (count, 1))
            centres.append(place + ring)
        else:
            centres.append(place + rng.normal(0, spread / 2, (count, 2)))
        radii.append(rng.lognormal(-2.15, 0.5, count))
    if lesions.circinate:
        count = int(rng.integers(50, 110))
        angle = rng.uniform(0, 2 * np.pi) + rng.uniform(0, 5.2, count)
        centres.append(np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.normal(3.0, 0.4, (count, 1)))
        radii.append(rng.lognormal(-2.0, 0.5, count))
    place, radius = np.concatenate(centres), np.clip(np.concatenate(radii), 0.05, 0.42)
    outlines = blobs(rng, place, radius, 0.16, 14)
    patch = polygons(frame, outlines, rng.uniform(0.6, 1.0, len(place)), 0.025)
    return Stain("hard_exudate", patch, _HARD_EXUDATE)


def _soft_exudates(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    count = lesions.soft_exudates
    sites = places(frame, rng, anatomy, count, 4.5)
    outlines = blobs(rng, sites, rng.uniform(0.45, 0.95, count), 0.16, 28)
    # Flatter across than along the nerve fibres, as they are swellings of these.
    across = fibre_direction(sites, anatomy)[:, ::-1] * (-1, 1)
    offset = outlines - sites[:, None]
    outlines = outlines - 0.4 * (offset * across[:, None]).sum(axis=2, keepdims=True) * across[:, None]
    patch = polygons(frame, outlines, rng.uniform(0.7, 1.0, count), 0.22)
    return Stain("soft_exudate", patch, _SOFT_EXUDATE)


def _drusen(frame: Frame, rng: np.random.Generator, _: Anatomy, lesions: Lesions) -> Stain:
    count, size = lesions.drusen, lesions.drusen_size
    sites = rng.normal(0, 1, (count, 2)) * rng.uniform(2.0, 4.2)
    radii = np.clip(size * rng.lognormal(0, 0.45, count), 0.06, 0.9)
    patch = polygons(frame, blobs(rng, sites, radii, 0.12, 16), rng.uniform(0.30, 0.62, count), 0.05 + 0.12 * size)
    return Stain("drusen", patch, _DRUSEN)


def _peripapillary_atrophy(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    patch = crescent(frame, anatomy, lesions.peripapillary_atrophy)
    return Stain("peripapillary_atrophy", mottled(frame, patch, rng, 0.7), _BARE_SCLERA)


def _macular_atrophy(frame: Frame, rng: np.random.Generator, _: Anatomy, lesions: Lesions) -> Stain:
    radius = lesions.macular_atrophy
    count = int(rng.integers(2, 5))
    sites = rng.normal(0, 0.5 * radius, (count, 2))
    sites[0] = 0
    outlines = blobs(rng, sites, radius * np.append(1.0, rng.uniform(0.3, 0.7, count - 1)), 0.12, 40)
    patch = polygons(frame, outlines, softness=0.08)
    return Stain("macular_atrophy", mottled(frame, patch, rng, 0.6), _BARE_SCLERA)


def _chorioretinal_atrophy(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, lesions: Lesions) -> Stain:
    count = lesions.chorioretinal_atrophy
    sites = places(frame, rng, anatomy, count, 1.0) * (0.8, 0.7)
    outlines = blobs(rng, sites, rng.uniform(0.7, 2.6, count), 0.16, 36)
    patch = polygons(frame, outlines, softness=0.15)
    return Stain("chorioretinal_atrophy", mottled(frame, patch, rng, 0.9), _BARE_SCLERA)


def _epiretinal_membrane(frame: Frame, rng: np.random.Generator, _: Anatomy, lesions: Lesions) -> Stain:
    """A glistening sheet over the macula whose folds run out of one centre."""
    strength = lesions.epiretinal_membrane
    coarse = frame.coarse()
    x, y = coarse.degrees()
    knot = rng.normal(0, 2.2, 2)
    warp = 0.7 * noise(rng, coarse, 3.0)
    angle = np.arctan2(y - knot[1] + warp, x - knot[0] + warp)
    distance = np.hypot(x - knot[0], y - knot[1])
    outline = rng.uniform(4.0, 7.0) * (1 + 0.25 * noise(rng, coarse, 4.0))
    sheet = 1 / (1 + np.exp((distance - outline) / 0.5))
    folds = np.sin(angle * rng.integers(16, 26) + 1.6 * noise(rng, coarse, 2.0)) * np.clip(distance / 2.0, 0, 1)
    folds = np.clip(folds, 0, 1) ** 3 * np.clip(0.5 + 0.6 * noise(rng, coarse, 3.0), 0, 1)
    gleam = np.clip(0.55 + 0.45 * noise(rng, coarse, 2.2), 0, 1)
    cover = blurred((sheet * strength * (0.14 + 0.24 * gleam + 0.40 * folds)).astype(np.float32), 0.5)
    everything = Patch(slice(0, frame.height), slice(0, frame.width), frame.enlarged(cover))
    return Stain("epiretinal_membrane", everything, _SHEEN, least=0.07 * strength)
