"""Biomarkers of drawings with known answers by eyeground, PVBM and retinalysis-vascx: the table in docs/biomarkers.md.

Run it where eyeground and PVBM 3.0.1 can be imported; of vascx 2.1.0, give its two files of formulas:
python scripts/compare_biomarkers.py [.../vascx/fundus/features]
"""

import ast
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from eyeground.biomarkers import (
    ARTERIOLES,
    Ellipse,
    knudtson_equivalent,
    measure,
)

SIDE, DISC = 800, 0.16  # pixels, and the disc's diameter as a share of the side
WIDTHS = (0.125, 0.11, 0.1, 0.09, 0.08, 0.07)  # of six vessels, in disc diameters
FORK = 70.0  # degrees between the branches that each vessel ends in
TURNS, SCALES = (0, 30, 60, 90), (0.75, 1.0, 1.5)
KNOWN = (18.0, 9.0, 9.0, 9.0, 5.0, 5.0)  # widths whose second round has another order

Mask = NDArray[np.bool_]


def tree(turn: float, scale: float) -> tuple[Mask, Mask, Mask]:
    """Six straight vessels around a disc, each forking at 1.9 disc diameters: vessels, disc, field of view."""
    side = round(SIDE * scale)
    unit = DISC * side
    places = (np.arange(side) + 0.5 - side / 2) / unit
    x, y = np.meshgrid(places, places)
    vessel = np.zeros((side, side), dtype=np.bool_)
    for place, width in enumerate(WIDTHS):
        angle = math.radians(turn + 10 + 60 * place)
        fork = (1.9 * math.cos(angle), 1.9 * math.sin(angle))
        vessel |= _band(x, y, (0.0, 0.0), angle, 1.9, width)
        for aside in (-FORK / 2, FORK / 2):
            vessel |= _band(x, y, fork, angle + math.radians(aside), 0.9, 0.7 * width)
    shape = (side, side)
    inside = Ellipse(side / 2, side / 2, 0.48 * side, 0.48 * side, 0.0).pixels(shape)
    return vessel & inside, Ellipse(side / 2, side / 2, unit / 2, unit / 2, 0.0).pixels(shape), inside


def _band(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    start: tuple[float, float],
    angle: float,
    length: float,
    width: float,
) -> Mask:
    along = (x - start[0]) * math.cos(angle) + (y - start[1]) * math.sin(angle)
    across = (y - start[1]) * math.cos(angle) - (x - start[0]) * math.sin(angle)
    return (along >= 0) & (along <= length) & (np.abs(across) <= width / 2)


def of_eyeground(vessel: Mask, disc: Mask, inside: Mask) -> dict[str, float]:
    """Ours, of one drawing."""
    found = measure({"artery": vessel, "optic_disc": disc}, inside).quantities
    names = {"crae_disc_diameters": "CRAE", "artery_branching_angle": "branching angle"}
    names |= {"artery_arc_over_chord": "arc over chord", "artery_box_dimension": "D0"}
    names |= {"artery_information_dimension": "D1", "artery_correlation_dimension": "D2"}
    return {told: found[name].value for name, told in names.items() if name in found}


def of_pvbm(vessel: Mask, disc: Mask) -> dict[str, float]:
    """PVBM's, of the same drawing."""
    from PVBM.CentralRetinalAnalysis import CREVBMs
    from PVBM.FractalAnalysis import MultifractalVBMs
    from PVBM.GeometricalAnalysis import GeometricalVBMs

    line = skeletonize(vessel).astype(float)
    middle, radius = len(vessel) // 2, round(math.sqrt(disc.sum() / math.pi))
    dimensions = MultifractalVBMs(n_rotations=25).compute_multifractals(vessel.astype(float))
    found = dict(zip(("D0", "D1", "D2"), map(float, dimensions[:3]), strict=True))
    geometry = GeometricalVBMs()
    found["arc over chord"] = float(geometry.compute_tortuosity_length(line.copy())[0])
    found["branching angle"] = float(geometry.compute_branching_angles(line.copy())[0])
    around = vessel.astype(float) * ~disc
    result = CREVBMs().compute_central_retinal_equivalents(around, line * ~disc, middle, middle, radius, artery=True)[0]
    if result["craek"] > 0:
        found["CRAE"] = float(result["craek"]) / (2 * radius)
    return found


def function_of(file: Path, name: str) -> Callable[[list[float], float], float]:
    """One function of a file, without importing what the file imports."""
    nodes = [
        node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    scope: dict[str, Any] = {"np": np, "Optional": None}
    exec(
        compile(
            ast.Module(body=[*ast.parse("from __future__ import annotations").body, *nodes], type_ignores=[]),
            str(file),
            "exec",
        ),
        scope,
    )
    found: Callable[[list[float], float], float] = scope[name]
    return found


def main() -> None:
    sys.setrecursionlimit(20000)  # PVBM walks along vessels pixel by pixel
    truth = {"CRAE": knudtson_equivalent(WIDTHS, ARTERIOLES), "branching angle": FORK, "arc over chord": 1.0}
    tables: dict[str, list[dict[str, float]]] = {"eyeground": [], "PVBM": []}
    for turn in TURNS:
        for scale in SCALES:
            vessel, disc, inside = tree(turn, scale)
            tables["eyeground"].append(of_eyeground(vessel, disc, inside))
            try:
                tables["PVBM"].append(of_pvbm(vessel, disc))
            except Exception as error:  # another package's, of any kind
                print(f"PVBM at {turn} degrees, scale {scale}: {type(error).__name__}: {error}", file=sys.stderr)
    print("| quantity | known | eyeground: mean (range) | PVBM 3.0.1: mean (range) |\n|---|---|---|---|")
    for name in ("CRAE", "branching angle", "arc over chord", "D0", "D1", "D2"):
        cells = []
        for rows in tables.values():
            values = [row[name] for row in rows if name in row]
            cells.append(f"{np.mean(values):.3f} ({min(values):.3f}–{max(values):.3f})" if values else "–")
        known = f"{truth[name]:.3f}" if name in truth else "–"
        print(f"| {name} | {known} | {' | '.join(cells)} |")
    print(f"\nKnudtson's formula of {KNOWN}: {knudtson_equivalent(KNOWN, ARTERIOLES):.3f}")
    for folder in sys.argv[1:]:
        for file, name in (("cre.py", "recursive_cre"), ("cre_knudtson.py", "recursive_knudtson_cre")):
            print(f"vascx, {file}: {function_of(Path(folder) / file, name)(sorted(KNOWN), ARTERIOLES):.3f}")


if __name__ == "__main__":
    main()
