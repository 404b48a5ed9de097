"""Thresholds a bundle offers beside its first ones, each with what it does on test photos.

A programme that must not miss anybody wants another threshold than one with few ophthalmologists. Which, it says by a
sensitivity or a specificity; the threshold that reaches it is chosen on validation photos, as ever, and what it then
does on test photos stands beside it, so that nobody takes the wish for the result.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from eyeground.bundle.description import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.operating_points import choose_operating_point

FIRST = "youden"
SHARES = (0.8, 0.85, 0.9, 0.95, 0.98)
OFFERED = (FIRST, *(f"{what}={share:g}" for what in ("sensitivity", "specificity") for share in SHARES))


def offered_points(
    chosen_on: Predictions, outputs: Sequence[str], test: Predictions, rules: Iterable[str] = OFFERED
) -> list[OperatingPoint]:
    """Choose a threshold by every rule for some outputs, and measure each on test photos.

    Args:
        chosen_on: Of validation photos.
        outputs: The outputs that are to have thresholds.
        test: Of test photos; may be empty.
        rules: As `choose_operating_point` takes them. One that cannot be reached is left out.
    """
    points = []
    for output in outputs:
        for rule in rules:
            try:
                point = choose_operating_point(chosen_on, output, rule)
            except UserError:
                continue
            points.append(point.model_copy(update=_shares(point, test)))
    return points


def _shares(point: OperatingPoint, test: Predictions) -> dict[str, float]:
    truth = test.table[f"truth_{point.output}"].to_numpy(float, na_value=np.nan)
    called = test.table[f"probability_{point.output}"].to_numpy(float) >= point.threshold
    shares = {}
    if (truth == 1).any():
        shares["sensitivity"] = float(called[truth == 1].mean())
    if (truth == 0).any():
        shares["specificity"] = float(1 - called[truth == 0].mean())
    return shares
