"""The rules that a bundle offers, and the threshold of each single output by the first of them; see docs/screening.md."""

from collections.abc import Sequence

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.operating_points import choose_operating_point

FIRST = "youden"
SHARES = (0.8, 0.85, 0.9, 0.95, 0.98)
OFFERED = (FIRST, *(f"{what}={share:g}" for what in ("sensitivity", "specificity") for share in SHARES))


def first_points(chosen_on: Predictions, outputs: Sequence[str], test: Predictions) -> tuple[OperatingPoint, ...]:
    """Choose a threshold for some outputs, each by itself, and measure it on test photos.

    Args:
        chosen_on: Of validation photos.
        outputs: The outputs that are to have thresholds; one of which that cannot be chosen is left out.
        test: Of test photos; may be empty.
    """
    points = []
    for output in outputs:
        try:
            point = choose_operating_point(chosen_on, output, FIRST)
        except UserError:
            continue
        points.append(point.model_copy(update=_shares(point, test)))
    return tuple(points)


def _shares(point: OperatingPoint, test: Predictions) -> dict[str, float]:
    truth = test.table[f"truth_{point.output}"].to_numpy(float, na_value=np.nan)
    called = test.table[f"probability_{point.output}"].to_numpy(float) >= point.threshold
    shares = {}
    if (truth == 1).any():
        shares["sensitivity"] = float(called[truth == 1].mean())
    if (truth == 0).any():
        shares["specificity"] = float(1 - called[truth == 0].mean())
    return shares
