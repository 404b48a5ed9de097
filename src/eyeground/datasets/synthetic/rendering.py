"""From a specification, or the name of a disease, to a fundus photograph with everything about it known.

The retina is painted for a right eye from the back to the front, mirrored for a left one, and then photographed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from eyeground.datasets.synthetic import vessels
from eyeground.datasets.synthetic.anatomy import Anatomy, background, macula_mask, paint_disc, stream
from eyeground.datasets.synthetic.camera import (
    CameraFaults,
    Device,
    device_named,
    field_of_view,
    frame_of,
    photograph,
)
from eyeground.datasets.synthetic.frame import Floats, Frame, Mask
from eyeground.datasets.synthetic.lesions import Lesions, beneath_vessels, over_vessels
from eyeground.datasets.synthetic.presets import diseased, harmless, healthy_anatomy, labels_of
from eyeground.errors import UserError

SMALLEST_SIDE = 32
# What a wide vessel multiplies red, green and blue by; medians inside and around the vessels of HRF (Budai et al., 2013)
# are (0.94, 0.61, 0.88) for arteries and veins together.
_ARTERY = np.array([0.94, 0.64, 0.72], np.float32)
_VEIN = np.array([0.82, 0.47, 0.62], np.float32)
_REFLEX = np.array([0.06, 0.22, 0.14], np.float32)


@dataclass(frozen=True)
class FundusSpec:
    """Everything one synthetic photograph depends on, its size apart.

    Attributes:
        eye: `{'right', 'left'}`. Laterality; the nose is on the right of a right eye's photograph.
        anatomy: The eye without disease.
        lesions: What is wrong with it.
        device: The camera.
        faults: What is wrong with the photograph.
        gaze: The point of the retina in the middle of the frame, in degrees from the fovea (towards the nose, upwards).
        seed: Seed of the camera's noise and of the position of its faults.
    """

    eye: str = "right"
    anatomy: Anatomy = field(default_factory=Anatomy)
    lesions: Lesions = field(default_factory=Lesions)
    device: Device = field(default_factory=Device)
    faults: CameraFaults = field(default_factory=CameraFaults)
    gaze: tuple[float, float] = (4.0, 0.5)
    seed: int = 0


@dataclass(frozen=True)
class SyntheticFundus:
    """A rendered photograph and what is known about it.

    Attributes:
        pixels: `uint8 array (h, w, 3)`. The photograph, RGB.
        field_of_view: `bool array (h, w)`. Pixels that show the eye.
        masks: `dict of bool arrays (h, w)`. Always `vessel`, `artery`, `vein`, `optic_disc`, `optic_cup` and `macula`;
            each lesion that the eye has: `microaneurysm`, `haemorrhage`, `hard_exudate`, `soft_exudate`, `drusen`,
            `macular_atrophy`, `peripapillary_atrophy`, `chorioretinal_atrophy`, `epiretinal_membrane`. All within the
            field of view.
        labels: Empty when rendered from a specification; else `abnormal`, one 0/1 per disease and
            `diabetic_retinopathy_grade` (0 to 4).
        eye: `{'right', 'left'}`. Laterality.
        disc_x, disc_y, disc_radius, macula_x, macula_y: Centre (column, row) and vertical radius of the optic disc, and
            centre of the fovea, in pixels.
        spec: What it was rendered from.
    """

    pixels: NDArray[np.uint8]
    field_of_view: Mask
    masks: dict[str, Mask]
    labels: dict[str, int]
    eye: str
    disc_x: float
    disc_y: float
    disc_radius: float
    macula_x: float
    macula_y: float
    spec: FundusSpec


def render(
    disease: str | Sequence[str] = "normal",
    *,
    grade: int = 2,
    eye: str = "right",
    height: int = 512,
    width: int | None = None,
    device: str = "clinic",
    faults: CameraFaults | None = None,
    age: float = 55.0,
    seed: int = 0,
) -> SyntheticFundus:
    """Render an eye with a disease.

    Args:
        disease: `normal`, or any of `presets.DISEASES`.
        grade: Grade of diabetic retinopathy, 0 to 4 (0 is no retinopathy); ignored for other diseases.
        eye: `{'right', 'left'}`. Laterality.
        height: Pixels, from 32.
        width: Pixels, from 32; by default from the height and the device's aspect ratio.
        device: One of `camera.DEVICES`.
        faults: What is wrong with the photograph; nothing by default.
        age: Age in years; the old have more drusen and less sheen.
        seed: Which individual and which photograph; the same arguments give the same pixels.

    Raises:
        UserError: If a name is unknown, the grade out of range or the size too small.

    >>> fundus = render("diabetic_retinopathy", grade=3, height=128, seed=1)
    >>> fundus.pixels.shape, fundus.labels["abnormal"], bool(fundus.masks["haemorrhage"].any())
    ((128, 128, 3), 1, True)
    """
    names = [disease] if isinstance(disease, str) else list(disease)
    diseases = [name for name in names if name != "normal" and (name, grade) != ("diabetic_retinopathy", 0)]
    rng = np.random.default_rng([seed, 11])
    healthy = healthy_anatomy(rng, age), harmless(rng, age)
    anatomy, lesions = diseased(rng, healthy, diseases, grade)
    gaze = (float(rng.normal(4.0, 1.2)), float(rng.normal(0.3, 0.8)))
    style = device_named(device)
    spec = FundusSpec(eye, anatomy, lesions, style, faults or CameraFaults(), gaze, seed)
    return render_spec(spec, height, width, labels_of(diseases, grade))


def render_spec(
    spec: FundusSpec, height: int, width: int | None = None, labels: dict[str, int] | None = None
) -> SyntheticFundus:
    """Render exactly what a specification says, at a size in pixels.

    Raises:
        UserError: If the eye is neither `right` nor `left`, or a side is shorter than 32 pixels.
    """
    width = round(height * spec.device.aspect) if width is None else width
    if spec.eye not in ("right", "left"):
        raise UserError(f"eye is '{spec.eye}'; expected 'right' or 'left'")
    if min(height, width) < SMALLEST_SIDE:
        raise UserError(f"a synthetic photo of {width}x{height} pixels is too small; the least side is {SMALLEST_SIDE}")
    frame = frame_of(spec.device, height, width, spec.gaze)
    reflectance, masks = _paint(frame, spec.anatomy, spec.lesions)
    places = frame.to_pixels(np.array([[spec.anatomy.disc_x, spec.anatomy.disc_y], [0.0, 0.0]]))
    if spec.eye == "left":
        reflectance = np.ascontiguousarray(reflectance[:, ::-1])
        masks = {term: mask[:, ::-1] for term, mask in masks.items()}
        places[:, 0] = width - 1 - places[:, 0]
    view = field_of_view(frame, spec.device)
    return SyntheticFundus(
        pixels=photograph(reflectance, frame, spec.device, spec.faults, view, spec.seed),
        field_of_view=view,
        masks={term: mask & view for term, mask in masks.items()},
        labels=dict(labels or {}),
        eye=spec.eye,
        disc_x=float(places[0, 0]),
        disc_y=float(places[0, 1]),
        disc_radius=spec.anatomy.disc_radius * frame.pixels_per_degree,
        macula_x=float(places[1, 0]),
        macula_y=float(places[1, 1]),
        spec=spec,
    )


def _paint(frame: Frame, anatomy: Anatomy, lesions: Lesions) -> tuple[Floats, dict[str, Mask]]:
    """Paint a right eye: reflectance (h, w, 3) and masks."""
    pixels = background(frame, anatomy)
    stains = beneath_vessels(frame, anatomy, lesions)
    for stain in stains:
        stain.apply(pixels)
    masks = paint_disc(pixels, frame, anatomy)
    origin = (anatomy.disc_x + 0.12 * anatomy.disc_radius, anatomy.disc_y)
    tree = vessels.grow(stream(anatomy.seed, 5), origin, anatomy.calibre, anatomy.tortuosity, lesions.occlusion or None)
    maps = vessels.draw(frame, tree)
    _apply_vessels(pixels, maps)
    masks["artery"], masks["vein"] = maps.artery >= 0.25, maps.vein >= 0.25
    masks["vessel"] = masks["artery"] | masks["vein"]
    masks["macula"] = macula_mask(frame)
    over = over_vessels(frame, anatomy, lesions)
    for stain in over:
        stain.apply(pixels)
    for stain in stains + over:
        mask = stain.patch.mask(frame, stain.least)
        masks[stain.term] = masks[stain.term] | mask if stain.term in masks else mask
    return pixels, masks


def _apply_vessels(pixels: Floats, maps: vessels.VesselMaps) -> None:
    """Let vessels absorb, in place; the blood column of an artery reflects light along its middle."""
    levels = cv2.merge([maps.artery, maps.vein, maps.reflex])
    affine = np.stack([_ARTERY - 1, _VEIN - 1, _REFLEX, np.ones(3, np.float32)], axis=1)
    cv2.multiply(pixels, cv2.transform(levels, affine), pixels)
