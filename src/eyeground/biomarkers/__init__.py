"""Measurements of the eye from masks of its vessels, optic disc, cup and lesions: pure functions, no model; see docs/biomarkers.md.

Results depend on mask, field and resolution: compare masks of one kind. None was validated in patients.
"""

from eyeground.biomarkers.branching import branching_angles
from eyeground.biomarkers.calibre import vessel_width
from eyeground.biomarkers.centrelines import centreline, segments
from eyeground.biomarkers.etdrs import nearest_to_fovea, sectors, shares_by_sector
from eyeground.biomarkers.fractal import FractalDimensions, fractal_dimensions
from eyeground.biomarkers.measurement import Biomarkers, Told, measure
from eyeground.biomarkers.optic_cup import Rim, cup_to_disc_ratio, fit_optic_cup, rim_widths
from eyeground.biomarkers.optic_disc import OpticDisc, fit_optic_disc, why_implausible
from eyeground.biomarkers.outlines import Ellipse
from eyeground.biomarkers.position import Fovea, Orientation, find_fovea, orientation_of
from eyeground.biomarkers.quantities import Quantity
from eyeground.biomarkers.scale import Scale, scale_of_camera, scale_of_disc, told_scale
from eyeground.biomarkers.tortuosity import arc_over_chord, squared_curvature
from eyeground.biomarkers.tracing import Tracing, trace
from eyeground.biomarkers.zone_b import (
    ARTERIOLES,
    VENULES,
    ZoneVessel,
    knudtson_equivalent,
    share_of_zone_seen,
    vessels_of_zone_b,
)

__all__ = [
    "ARTERIOLES",
    "VENULES",
    "Biomarkers",
    "Ellipse",
    "Fovea",
    "FractalDimensions",
    "OpticDisc",
    "Orientation",
    "Quantity",
    "Rim",
    "Scale",
    "Told",
    "Tracing",
    "ZoneVessel",
    "arc_over_chord",
    "branching_angles",
    "centreline",
    "cup_to_disc_ratio",
    "find_fovea",
    "fit_optic_cup",
    "fit_optic_disc",
    "fractal_dimensions",
    "knudtson_equivalent",
    "measure",
    "nearest_to_fovea",
    "orientation_of",
    "rim_widths",
    "scale_of_camera",
    "scale_of_disc",
    "sectors",
    "segments",
    "share_of_zone_seen",
    "shares_by_sector",
    "squared_curvature",
    "told_scale",
    "trace",
    "vessel_width",
    "vessels_of_zone_b",
    "why_implausible",
]
