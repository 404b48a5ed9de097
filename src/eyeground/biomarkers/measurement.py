"""All biomarkers of one photograph, from masks of its structures, in pixels of the photograph."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.etdrs import nearest_to_fovea
from eyeground.biomarkers.optic_cup import QUADRANTS, cup_to_disc_ratio, fit_optic_cup, rim_widths
from eyeground.biomarkers.optic_disc import OpticDisc, fit_optic_disc, why_implausible
from eyeground.biomarkers.outlines import Ellipse
from eyeground.biomarkers.position import Fovea, Orientation, axis_angle, orientation_of, told_orientation, why_no_fovea
from eyeground.biomarkers.quantities import DEGREES, DIAMETERS, PIXELS, Quantity, lengths
from eyeground.biomarkers.scale import Scale, scale_of_camera, scale_of_disc, told_scale
from eyeground.biomarkers.square import Coverage, Mask, Square, square_of
from eyeground.biomarkers.vessel_measures import measure_vessels
from eyeground.biomarkers.zone_b import ZoneVessel

VESSEL, ARTERY, VEIN = "vessel", "artery", "vein"
DISC, CUP, EXUDATE = "optic_disc", "optic_cup", "hard_exudate"


@dataclass(frozen=True)
class Told:
    """What is known of a photograph beside its pixels.

    Attributes:
        eye: `right` or `left`.
        mm_per_pixel: Of the photograph.
        camera_angle, axial_length: Degrees of the field of view's diameter, and mm; both or neither.
        cup_to_disc_error: Standard deviation by which vertical cup-to-disc ratios of these masks differ from experts'; gives the
            ratio's interval.
    """

    eye: str | None = None
    mm_per_pixel: float | None = None
    camera_angle: float | None = None
    axial_length: float | None = None
    cup_to_disc_error: float | None = None


NOTHING_TOLD, UNKNOWN = Told(), Orientation()


@dataclass(frozen=True, eq=False)
class Biomarkers:
    """Measurements of one photograph; positions and lengths in pixels of the photograph.

    Attributes:
        quantities: By name, as docs/biomarkers.md defines them; what could not be measured is not there.
        reasons: Why something could not be, in sentences.
        disc, cup, fovea: Where they are; None where they are not seen, or not plausible.
        orientation: Which eye is seen, and where its vertical lies.
        eye: The eye that measurements go by: the one told, else the one seen.
        scale: Of millimetres, None where nothing tells it.
        zone_b: The vessels chosen for CRAE and CRVE, by `artery` and `vein`.
    """

    quantities: Mapping[str, Quantity]
    reasons: tuple[str, ...] = ()
    disc: OpticDisc | None = None
    cup: Ellipse | None = None
    fovea: Fovea | None = None
    orientation: Orientation = UNKNOWN
    eye: str | None = None
    scale: Scale | None = None
    zone_b: Mapping[str, tuple[ZoneVessel, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Places:
    """Where things are in the square."""

    disc: OpticDisc | None
    cup: Ellipse | None
    fovea: Fovea | None


def measure(
    masks: Mapping[str, Mask], inside: Mask, fovea: Fovea | None = None, told: Told = NOTHING_TOLD
) -> Biomarkers:
    """Measure the masks of one photograph.

    Args:
        masks: Any of `vessel`, `artery`, `vein`, `optic_disc` (with its cup), `optic_cup` and `hard_exudate`, each of shape
            (h, w), bool. Crossings belong to both arteries and veins. Without `vessel`, those of arteries and veins together.
        inside: Shape (h, w), bool: the field of view.
        fovea: Its centre in the photograph, where it is known.

    Raises:
        UserError: If masks differ in shape, are not bool, the field of view is empty, a told length cannot be, or
            scikit-image is not installed.
    """
    square, coverages, seen = square_of(masks, inside)
    return measure_square(coverages, seen, square, None if fovea is None else square.fovea_in_square(fovea), told)


def measure_square(
    coverages: Mapping[str, Coverage], inside: Mask, square: Square, fovea: Fovea | None, told: Told = NOTHING_TOLD
) -> Biomarkers:
    """As `measure`, of what has been brought to the square already; the fovea is in pixels of the square."""
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    middle_x, radius = (columns[0] + columns[-1] + 1) / 2, max(np.ptp(rows), np.ptp(columns)) / 2 + 0.5
    places, reasons = _find(coverages, inside, fovea, 2 * radius)
    orientation = orientation_of(places.disc, places.fovea, middle_x, radius)
    by_eye = orientation
    if told.eye is not None:
        by_eye = told_orientation(told.eye, orientation, places.disc, places.fovea)
    scale = _scale(told, places.disc, by_eye, 2 * radius, square.step)
    quantities: dict[str, Quantity] = {}
    if scale is not None:
        quantities["mm_per_pixel"] = Quantity(scale.mm_per_pixel, "mm")
    quantities |= _of_disc_and_fovea(places, by_eye, square, scale, told)
    if EXUDATE in coverages and places.disc is not None and places.fovea is not None:
        nearest = nearest_to_fovea(coverages[EXUDATE] >= 0.5, places.fovea, places.disc)
        if nearest is not None:
            quantities["hard_exudate_fovea_distance"] = Quantity(nearest, DIAMETERS)
    vessels = measure_vessels(_vessel_kinds(coverages), inside, square, places.disc, places.fovea, by_eye, scale)
    return Biomarkers(
        quantities=quantities | dict(vessels.quantities),
        reasons=(*reasons, *vessels.reasons),
        disc=None if places.disc is None else square.ellipse_in_photo(places.disc),
        cup=None if places.cup is None else square.ellipse_in_photo(places.cup),
        fovea=None if places.fovea is None else square.fovea_in_photo(places.fovea),
        orientation=orientation,
        eye=by_eye.eye,
        scale=scale,
        zone_b=vessels.zone_b,
    )


def _vessel_kinds(coverages: Mapping[str, Coverage]) -> dict[str, Coverage]:
    kinds = {name: coverages[name] for name in (VESSEL, ARTERY, VEIN) if name in coverages}
    if VESSEL not in kinds and ARTERY in kinds and VEIN in kinds:
        kinds[VESSEL] = np.maximum(kinds[ARTERY], kinds[VEIN])
    return kinds


def _find(
    coverages: Mapping[str, npt.NDArray[np.float32]], inside: Mask, fovea: Fovea | None, field_diameter: float
) -> tuple[_Places, list[str]]:
    """Disc, cup and fovea, as far as they are there and plausible, and why they are not."""
    reasons = []
    disc = cup = None
    if DISC in coverages:
        disc = fit_optic_disc(coverages[DISC] >= 0.5, inside)
        why = "not seen" if disc is None else why_implausible(disc, field_diameter)
        if why is not None:
            disc = None
            reasons.append(f"optic disc {why}" if why == "not seen" else f"optic disc implausible ({why})")
    if disc is not None and CUP in coverages:
        cup = fit_optic_cup(coverages[CUP] >= 0.5, disc)
        if cup is None:
            reasons.append("no cup in the optic disc")
    if fovea is not None and disc is not None and (why := why_no_fovea(fovea, disc)) is not None:
        fovea = None
        reasons.append(f"fovea implausible ({why})")
    return _Places(disc, cup, fovea), reasons


def _scale(
    told: Told, disc: OpticDisc | None, orientation: Orientation, field_diameter: float, step: float
) -> Scale | None:
    if told.mm_per_pixel is not None:
        return told_scale(told.mm_per_pixel)
    if told.camera_angle is not None and told.axial_length is not None:
        return scale_of_camera(told.camera_angle, told.axial_length, field_diameter * step)
    return None if disc is None else scale_of_disc(disc.extent(orientation.vertical) * step)


def _of_disc_and_fovea(
    places: _Places, orientation: Orientation, square: Square, scale: Scale | None, told: Told
) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    if places.fovea is not None:
        fovea = square.fovea_in_photo(places.fovea)
        found |= {"fovea_x": Quantity(fovea.x, PIXELS), "fovea_y": Quantity(fovea.y, PIXELS)}
        found["fovea_confidence"] = Quantity(fovea.confidence)
    if places.disc is None:
        return found
    disc: OpticDisc = square.ellipse_in_photo(places.disc)
    mm_per_pixel = None if scale is None else scale.mm_per_pixel
    found |= {"disc_centre_x": Quantity(disc.centre_x, PIXELS), "disc_centre_y": Quantity(disc.centre_y, PIXELS)}
    found |= lengths("disc_diameter", disc.diameter, None, mm_per_pixel)
    found |= lengths("disc_height", disc.extent(orientation.vertical), None, mm_per_pixel)
    found |= lengths("disc_width", disc.extent(orientation.vertical + math.pi / 2), None, mm_per_pixel)
    if places.fovea is not None:
        fovea = square.fovea_in_photo(places.fovea)
        distance = math.hypot(fovea.x - disc.centre_x, fovea.y - disc.centre_y)
        found |= lengths("disc_fovea_distance", distance, disc.diameter, mm_per_pixel)
        found["disc_fovea_angle"] = Quantity(axis_angle(disc, fovea), DEGREES)
    if places.cup is not None:
        found |= _of_cup(places.cup, places.disc, orientation, told.cup_to_disc_error)
    return found


def _of_cup(cup: Ellipse, disc: OpticDisc, orientation: Orientation, error: float | None) -> dict[str, Quantity]:
    ratio, reach = cup_to_disc_ratio(cup, disc, orientation.vertical), None if error is None else 1.96 * error
    low, high = (None, None) if reach is None else (max(0.0, ratio - reach), min(1.0, ratio + reach))
    rim = rim_widths(cup, disc, orientation)
    widths = {quadrant: getattr(rim, quadrant) for quadrant in QUADRANTS}
    return {
        "vertical_cup_to_disc_ratio": Quantity(ratio, low=low, high=high),
        "cup_to_disc_area_ratio": Quantity(min(1.0, cup.major * cup.minor / (disc.major * disc.minor))),
        **{f"rim_{quadrant}": Quantity(width, DIAMETERS) for quadrant, width in widths.items() if width is not None},
    }
