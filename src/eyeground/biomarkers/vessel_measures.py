"""What is measured of vessels: all of them, and arterioles and venules apart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eyeground.biomarkers.branching import branching_angles
from eyeground.biomarkers.calibre import vessel_width
from eyeground.biomarkers.etdrs import SECTORS, sectors, shares_by_sector
from eyeground.biomarkers.fractal import Counts, field_in_boxes, fractal_dimensions
from eyeground.biomarkers.optic_disc import OpticDisc
from eyeground.biomarkers.position import Fovea, Orientation
from eyeground.biomarkers.quantities import DEGREES, NUMBER, PER_AREA, Quantity, lengths
from eyeground.biomarkers.scale import Scale
from eyeground.biomarkers.square import Coverage, Mask, Square
from eyeground.biomarkers.tortuosity import arc_over_chord, squared_curvature
from eyeground.biomarkers.tracing import Tracing, trace
from eyeground.biomarkers.zone_b import (
    ARTERIOLES,
    LEAST_SEEN,
    VENULES,
    WIDEST,
    ZoneVessel,
    knudtson_equivalent,
    share_of_zone_seen,
    vessels_of_zone_b,
)

ARTERY, VEIN, VESSEL = "artery", "vein", "vessel"
EQUIVALENTS = {ARTERY: ("crae", ARTERIOLES, "arterioles"), VEIN: ("crve", VENULES, "venules")}
FEWEST_BRANCHINGS = 3


@dataclass(frozen=True)
class VesselMeasures:
    """Quantities, why some are missing, and the vessels of zone B by `artery` and `vein`, in the photograph."""

    quantities: Mapping[str, Quantity]
    reasons: tuple[str, ...]
    zone_b: Mapping[str, tuple[ZoneVessel, ...]]


@dataclass(frozen=True)
class _Eye:
    """What vessels are measured against, in the square."""

    inside: Mask
    square: Square
    disc: OpticDisc | None
    scale: Scale | None
    field: Counts
    zone_seen: float | None

    def lengths(self, name: str, pixels: float) -> dict[str, Quantity]:
        """A length in pixels of the square as quantities."""
        return lengths(
            name,
            pixels * self.square.step,
            None if self.disc is None else self.disc.diameter * self.square.step,
            None if self.scale is None else self.scale.mm_per_pixel,
        )


def measure_vessels(
    kinds: Mapping[str, Coverage],
    inside: Mask,
    square: Square,
    disc: OpticDisc | None,
    fovea: Fovea | None,
    orientation: Orientation,
    scale: Scale | None,
) -> VesselMeasures:
    """Measure vessels in the square.

    Args:
        kinds: Any of `vessel`, `artery` and `vein`.
        disc, fovea: In the square, None where they are not known.
    """
    if not kinds:
        return VesselMeasures({}, (), {})
    zone_seen = None if disc is None else share_of_zone_seen(disc, inside)
    eye = _Eye(inside, square, disc, scale, field_in_boxes(inside), zone_seen)
    tracings = {name: trace(np.where(inside, coverage, np.float32(0))) for name, coverage in kinds.items()}
    quantities: dict[str, Quantity] = {}
    for name, tracing in tracings.items():
        quantities |= _of_kind(name, tracing, eye)
    if VESSEL in tracings and fovea is not None and scale is not None and orientation.eye is not None:
        numbered = sectors(inside.shape[:2], fovea, scale.mm_per_pixel * square.step, orientation)
        shares = shares_by_sector(tracings[VESSEL].mask, inside, numbered)
        quantities |= {
            f"vessel_density_etdrs_{sector}": Quantity(share)
            for sector in SECTORS
            if (share := shares[sector]) is not None
        }
    if eye.zone_seen is not None:
        quantities["zone_b_seen"] = Quantity(eye.zone_seen)
    zone_b, reasons = _zone_b({name: one for name, one in tracings.items() if name in EQUIVALENTS}, eye)
    for name, chosen in zone_b.items():
        if len(chosen) == WIDEST:
            column, coefficient, _ = EQUIVALENTS[name]
            width = knudtson_equivalent([vessel.width for vessel in chosen], coefficient)
            quantities |= eye.lengths(column, width)
    if "crae" in quantities and "crve" in quantities:
        quantities["avr"] = Quantity(quantities["crae"].value / quantities["crve"].value)
    in_photo = {name: tuple(_in_photo(vessel, square) for vessel in chosen) for name, chosen in zone_b.items()}
    return VesselMeasures(quantities, tuple(reasons), in_photo)


def _of_kind(name: str, tracing: Tracing, eye: _Eye) -> dict[str, Quantity]:
    seen = float(np.count_nonzero(eye.inside))
    found = {f"{name}_density": Quantity(float(tracing.coverage.sum()) / seen)}
    dimensions = fractal_dimensions(tracing.mask, eye.inside, eye.field)
    if dimensions is not None:
        for kind in ("box", "information", "correlation"):
            found[f"{name}_{kind}_dimension"] = Quantity(getattr(dimensions, kind))
    if (ratio := arc_over_chord(tracing.paths)) is not None:
        found[f"{name}_arc_over_chord"] = Quantity(ratio)
    if eye.disc is not None and (curvature := squared_curvature(tracing.paths, eye.disc.diameter)) is not None:
        found[f"{name}_squared_curvature"] = Quantity(curvature, PER_AREA)
    if (width := vessel_width(tracing)) is not None:
        found |= eye.lengths(f"{name}_width", width)
    if name in EQUIVALENTS:
        angles = branching_angles(tracing)
        if len(angles) >= FEWEST_BRANCHINGS:
            found[f"{name}_branching_angle"] = Quantity(float(angles.mean()), DEGREES)
            found[f"{name}_branchings"] = Quantity(float(len(angles)), NUMBER)
    return found


def _zone_b(tracings: Mapping[str, Tracing], eye: _Eye) -> tuple[dict[str, tuple[ZoneVessel, ...]], list[str]]:
    """The six widest vessels of each kind in zone B, or fewer, and why there is no equivalent."""
    if eye.disc is None or eye.zone_seen is None or not tracings:
        return {}, ["no CRAE and CRVE without an optic disc"] if tracings else []
    if eye.zone_seen < LEAST_SEEN:
        return {}, [f"no CRAE and CRVE: {eye.zone_seen:.0%} of zone B is in the field of view"]
    chosen, reasons = {}, []
    for name, tracing in tracings.items():
        column, coefficient, plural = EQUIVALENTS[name]
        chosen[name] = tuple(vessels_of_zone_b(tracing, eye.disc, coefficient)[:WIDEST])
        if len(chosen[name]) < WIDEST:
            reasons.append(f"no {column.upper()}: {len(chosen[name])} {plural} in zone B, and it takes {WIDEST}")
    return chosen, reasons


def _in_photo(vessel: ZoneVessel, square: Square) -> ZoneVessel:
    return replace(
        vessel,
        width=vessel.width * square.step,
        points=square.points_in_photo(vessel.points),
        widths=vessel.widths * square.step,
    )
