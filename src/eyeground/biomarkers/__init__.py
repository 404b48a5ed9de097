"""Measurements of the eye from masks of its vessels, optic disc and cup: pure functions, no model; see docs/biomarkers.md.

Results depend on mask, field and resolution: compare masks of one kind. None was validated in patients.
"""

from eyeground.biomarkers.calibre import (
    ARTERIOLES,
    VENULES,
    central_retinal_equivalent,
    knudtson_equivalent,
    vessel_width,
)
from eyeground.biomarkers.centrelines import centreline, segments
from eyeground.biomarkers.measurement import Biomarkers, measure
from eyeground.biomarkers.network import fractal_dimension, vessel_density
from eyeground.biomarkers.optic_disc import OpticDisc, fit_optic_disc, vertical_cup_to_disc_ratio
from eyeground.biomarkers.tortuosity import arc_over_chord, squared_curvature

__all__ = [
    "ARTERIOLES",
    "VENULES",
    "Biomarkers",
    "OpticDisc",
    "arc_over_chord",
    "central_retinal_equivalent",
    "centreline",
    "fit_optic_disc",
    "fractal_dimension",
    "knudtson_equivalent",
    "measure",
    "segments",
    "squared_curvature",
    "vertical_cup_to_disc_ratio",
    "vessel_density",
    "vessel_width",
]
