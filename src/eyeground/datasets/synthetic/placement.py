"""Where lesions are and what outline they have: at the posterior pole, off the disc, along the nerve fibres.

All places are in degrees within the field of view, so that an eye has the same lesions at any size.
"""

import numpy as np
from numpy.typing import NDArray

from eyeground.datasets.synthetic.anatomy import Anatomy
from eyeground.datasets.synthetic.frame import Frame, Patch
from eyeground.datasets.synthetic.texture import noise

Points = NDArray[np.floating]


def blobs(rng: np.random.Generator, centres: Points, radii: Points, roughness: float, corners: int = 20) -> Points:
    """Irregular round outlines (n, corners, 2) around `centres` (n, 2)."""
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    count = len(centres)
    radius = np.ones((count, corners))
    for wave in (2, 3, 5):
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        radius += roughness * rng.normal(0, 1 / wave**0.5, (count, 1)) * np.cos(wave * angle + phase)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outlines: Points = centres[:, None] + (np.clip(radius, 0.4, 1.8) * np.asarray(radii)[:, None])[..., None] * around
    return outlines


def places(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, count: int, inner: float) -> Points:
    """Places (count, 2) within the field of view, off the disc, at least `inner` degrees from the fovea."""
    reach = 0.86 * frame.radius / frame.pixels_per_degree
    reach_y = min(reach, 0.43 * frame.height / frame.pixels_per_degree)
    kept = np.zeros((0, 2))
    while len(kept) < count:
        tried = rng.uniform(-1, 1, (4 * count + 16, 2)) * (reach, reach_y) + (frame.gaze_x, frame.gaze_y)
        in_view = np.hypot(*(tried - (frame.gaze_x, frame.gaze_y)).T) < reach
        off_disc = np.hypot(*(tried - (anatomy.disc_x, anatomy.disc_y)).T) > 1.5 * anatomy.disc_radius
        # The small constant lets a gaze far from the macula find places too.
        central = rng.random(len(tried)) < 0.02 + np.exp(-(np.hypot(*tried.T) ** 2) / (2 * 12.0**2))
        far = np.hypot(*tried.T) > min(inner, 0.5 * reach_y)
        kept = np.concatenate([kept, tried[in_view & off_disc & central & far]])
    return kept[:count]


def fibre_direction(points: Points, anatomy: Anatomy) -> Points:
    """Unit vectors along the nerve fibres: radial at the disc, arching around the fovea on its temporal side."""
    radial = points - (anatomy.disc_x, anatomy.disc_y)
    radial = radial / np.maximum(np.hypot(*radial.T), 1e-3)[:, None]
    circular = np.stack([-points[:, 1], points[:, 0]], axis=1) / np.maximum(np.hypot(*points.T), 1e-3)[:, None]
    circular *= np.sign((circular * radial).sum(axis=1))[:, None]
    share = np.clip((anatomy.disc_x - points[:, 0]) / 12, 0, 0.8)[:, None]
    blend = (1 - share) * radial + share * circular
    unit: Points = blend / np.maximum(np.hypot(*blend.T), 1e-3)[:, None]
    return unit


def sector(frame: Frame, rng: np.random.Generator, anatomy: Anatomy, occlusion: str) -> Points:
    """Places of the haemorrhages of a vein occlusion: its quadrant, or the entire fundus for the central vein."""
    sites = places(frame, rng, anatomy, 260 if occlusion == "all" else 520, 1.0)
    if occlusion == "all":
        return sites[: rng.integers(90, 200)]
    half = 1 if occlusion == "upper" else -1
    height, temporal = sites[:, 1] * half, anatomy.disc_x - sites[:, 0]
    return sites[(height > 0.6 + rng.normal(0, 0.8, len(sites))) & (temporal > -2)][: rng.integers(40, 110)]


def mottled(frame: Frame, patch: Patch, rng: np.random.Generator, strength: float) -> Patch:
    """Let what lies beneath show through a patch unevenly."""
    coarse = frame.coarse()
    field = noise(rng, coarse, 0.8) * 0.5 + noise(rng, coarse, 2.4) * 0.5
    texture = frame.enlarged(np.clip(1 + 0.22 * field, 0.45, 1.2))[patch.rows, patch.columns]
    return Patch(patch.rows, patch.columns, np.clip(patch.coverage * texture * np.float32(strength), 0, 1))
