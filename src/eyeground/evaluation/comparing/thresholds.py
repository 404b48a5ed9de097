"""Each model's threshold on each output: given, or chosen by one rule on the model's own validation photos.

Intervals do not include the chance in choosing them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES
from eyeground.evaluation.operating_points import choose_operating_point


@dataclass(frozen=True)
class Threshold:
    """From which probability on a model calls a photo positive.

    Attributes:
        value: In 0 to 1.
        origin: A description of where it came from.
    """

    value: float
    origin: str


def threshold_of(point: OperatingPoint) -> Threshold:
    """A threshold with the record of how it was chosen."""
    if point.chosen_on == "given":
        return Threshold(point.threshold, f"given beforehand: {point.rule}")
    photos = f"{point.positives:,} positive and {point.negatives:,} negative photos"
    return Threshold(point.threshold, f"{point.rule} on {point.chosen_on}, {photos}")


def thresholds_of(
    models: Mapping[str, Predictions],
    scope: str,
    outputs: Sequence[str],
    rule: str,
    given: Mapping[str, Mapping[str, Threshold]],
) -> dict[str, dict[str, Threshold | str]]:
    """For every output and model its threshold, or the words that say why it has none.

    Args:
        models: Whole tables, validation rows included.
        scope: `test`, or `all photos`, in which case nothing may be chosen on any of them.
        rule: As in `choose_operating_point`.
        given: By model and output: thresholds to use instead.

    Raises:
        UserError: If a threshold is given for a model that is not there or is none, or the rule is unknown or out of
            reach.
    """
    for name, of_model in given.items():
        if name not in models:
            raise UserError(
                f"a threshold is given for '{name}'{did_you_mean(name, models)}; the models are {', '.join(models)}"
            )
        for output, threshold in of_model.items():
            if not 0 <= threshold.value <= 1:
                raise UserError(f"the threshold of '{name}' for '{output}' is {threshold.value:g}; it must be 0 to 1")
    validation = {name: predictions.in_split("validation") for name, predictions in models.items() if scope == "test"}
    found: dict[str, dict[str, Threshold | str]] = {}
    for output in outputs:
        found[output] = {}
        for name in models:
            chosen = given.get(name, {}).get(output)
            found[output][name] = chosen or _chosen(validation.get(name), name, output, rule)
    return found


def _chosen(validation: Predictions | None, name: str, output: str, rule: str) -> Threshold | str:
    if validation is None or validation.table.empty:
        return f"no threshold for '{name}': none was given, and it has no validation photos to choose one on"
    truth = validation.table[TRUTH + output].to_numpy(dtype=float)
    for missing, value in ((POSITIVES, 1), (NEGATIVES, 0)):
        if not np.any(truth == value):
            return f"no threshold for '{name}': there are no {missing} in its validation photos"
    return threshold_of(choose_operating_point(validation, output, rule))
