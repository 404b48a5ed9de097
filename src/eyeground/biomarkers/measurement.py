"""All biomarkers of one photograph at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eyeground.biomarkers.calibre import VENULES, central_retinal_equivalent, vessel_width
from eyeground.biomarkers.centrelines import centreline, segments
from eyeground.biomarkers.network import fractal_dimension, vessel_density
from eyeground.biomarkers.optic_disc import fit_optic_disc, vertical_cup_to_disc_ratio
from eyeground.biomarkers.tortuosity import arc_over_chord, squared_curvature
from eyeground.errors import UserError

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Biomarkers:
    """Measurements of one photograph; each is None where it cannot be measured, as its function explains.

    Attributes:
        disc_centre_x, disc_centre_y, disc_diameter: Of the optic disc, in pixels (`optic_disc.fit_optic_disc`).
        vertical_cup_to_disc_ratio: 0 to 1 (`optic_disc.vertical_cup_to_disc_ratio`); None without a cup mask, too.
        vessel_density: Share of the field of view, 0 to 1 (`network.vessel_density`).
        fractal_dimension: Mostly 1 to 2 (`network.fractal_dimension`).
        arc_over_chord: Tortuosity, at least 1 (`tortuosity.arc_over_chord`).
        squared_curvature: Tortuosity in 1 / (disc diameter)² (`tortuosity.squared_curvature`); None without a disc.
        vessel_width: Mean over all vessels in disc diameters (`calibre.vessel_width`); None without a disc.
        central_retinal_vessel_equivalent: Of the six widest vessels of zone B, arterioles and venules together, in disc
            diameters (`calibre.central_retinal_equivalent` with the coefficient of venules); None without a disc. It is
            neither CRAE nor CRVE, which need masks of arterioles and of venules, and must not be compared with them.
    """

    disc_centre_x: float | None
    disc_centre_y: float | None
    disc_diameter: float | None
    vertical_cup_to_disc_ratio: float | None
    vessel_density: float
    fractal_dimension: float | None
    arc_over_chord: float | None
    squared_curvature: float | None
    vessel_width: float | None
    central_retinal_vessel_equivalent: float | None


def measure(vessel: Mask, disc: Mask | None, cup: Mask | None, inside: Mask) -> Biomarkers:
    """Measure the masks of one photograph.

    Args:
        vessel: Shape (h, w), bool: all vessels; those outside the field of view are ignored.
        disc: Shape (h, w), bool: the optic disc with its cup. None where there is no such mask.
        cup: Shape (h, w), bool. None where there is no such mask.
        inside: Shape (h, w), bool: the field of view.

    Raises:
        UserError: If masks differ in shape, are not bool, the field of view is empty, or scikit-image is not installed.
    """
    _check_masks({"vessel": vessel, "optic disc": disc, "cup": cup, "field of view": inside})
    seen = vessel & inside
    paths = segments(centreline(seen))
    found = None if disc is None else fit_optic_disc(disc)
    return Biomarkers(
        disc_centre_x=found.centre_x if found else None,
        disc_centre_y=found.centre_y if found else None,
        disc_diameter=found.diameter if found else None,
        vertical_cup_to_disc_ratio=None if disc is None or cup is None else vertical_cup_to_disc_ratio(cup, disc),
        vessel_density=vessel_density(vessel, inside),
        fractal_dimension=fractal_dimension(vessel, inside),
        arc_over_chord=arc_over_chord(paths),
        squared_curvature=squared_curvature(paths, found.diameter) if found else None,
        vessel_width=vessel_width(seen, found.diameter) if found else None,
        central_retinal_vessel_equivalent=central_retinal_equivalent(vessel, found, inside, VENULES) if found else None,
    )


def _check_masks(masks: dict[str, Mask | None]) -> None:
    given = {name: mask for name, mask in masks.items() if mask is not None}
    for name, mask in given.items():
        if mask.dtype != np.bool_:
            raise UserError(f"the {name} mask is of type {mask.dtype}; make it bool, for example with `mask > 127`")
    if len({mask.shape for mask in given.values()}) > 1 or given["vessel"].ndim != 2:
        shapes = ", ".join(f"{name} {mask.shape}" for name, mask in given.items())
        raise UserError(f"masks of one photograph must have one shape (height, width), but these have: {shapes}")
    if not given["field of view"].any():
        raise UserError("the field-of-view mask is empty, so there is nothing to measure")
