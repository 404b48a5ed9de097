"""Where a structure that is a point is found, such as the fovea: distances in disc diameters, with intervals over patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from eyeground.errors import UserError
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.estimates import Support
from eyeground.evaluation.measures import Measure, compute
from eyeground.evaluation.metrics import per_patient

DISTANCE, WITHIN = "distance", "within_one_diameter"
_OF_PEAK = 0.5  # share of the highest probability that pixels of the blob reach


@dataclass(frozen=True)
class MeasuredPoint:
    """A photo's point against the annotated one; `distance` is in diameters of the annotated optic disc."""

    photo: str
    patient: str
    distance: float


def centre_of(probability: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    """The centre of a heat map: the centroid of the blob around its highest probability.

    Args:
        probability: Shape (h, w), 0 to 1.

    Returns:
        Column and row, in pixels of the map with the first pixel's centre at 0, and the highest probability.
    """
    values = np.asarray(probability, dtype=np.float64)
    top = int(values.argmax())
    peak = float(values.flat[top])
    parts, _ = ndimage.label(values >= _OF_PEAK * peak)
    rows, columns = np.nonzero(parts == parts.flat[top])
    weights = values[rows, columns]
    if not peak > 0:
        return (values.shape[1] - 1) / 2, (values.shape[0] - 1) / 2, 0.0
    return float(np.average(columns, weights=weights)), float(np.average(rows, weights=weights)), peak


def point_estimates(
    structure: str, photos: Sequence[MeasuredPoint], resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Distances of a point over photos, with BCa intervals over patients.

    Args:
        structure: Its name in the table, such as `fovea`.
        resamples: Of patients.

    Returns:
        Columns as of `structure_estimates`: `distance`, `over` the `median` and the `mean` of photos, in disc
        diameters, and `within_one_diameter`, the share of photos (0 to 1).

    Raises:
        UserError: If there are no photos.
    """
    if not photos:
        raise UserError(f"there are no photos to measure '{structure}' on")
    names, patient = np.unique([photo.patient for photo in photos], return_inverse=True)
    distance = np.array([photo.distance for photo in photos])
    support = Support(len(names), "patients")
    names_of = {"median": (DISTANCE,), "mean": (DISTANCE, WITHIN)}
    of = {"median": _median(distance, patient), "mean": _means(distance, patient, len(names))}
    measures = {
        over: Measure(metrics, ("",) * len(metrics), (support,) * len(metrics), (False, True)[: len(metrics)], of[over])
        for over, metrics in names_of.items()
    }
    found = compute(measures, Resampling(one_stratum(len(names)), resamples, seed))
    rows = []
    for over, values in found.items():
        for estimate in (value.interval() for value in values):
            numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append(
                {
                    "structure": structure,
                    "metric": estimate.metric,
                    "over": over,
                    **{name: np.nan if number is None else number for name, number in numbers.items()},
                    "photos": len(photos),
                    "patients": len(names),
                    "note": estimate.note,
                }
            )
    return pd.DataFrame(rows)


def _median(distance: np.ndarray, patient: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    order = np.argsort(distance, kind="stable")

    def of(weights: np.ndarray) -> np.ndarray:
        below = np.cumsum(weights[:, patient[order]], axis=1)
        half = below[:, -1:] / 2
        # The mean of the two photos in the middle, which are the same one where their number is odd.
        low, high = (below < half).sum(axis=1), (below <= half).sum(axis=1)
        sorted_distance = distance[order]
        last = len(distance) - 1
        middle: np.ndarray = (sorted_distance[np.minimum(low, last)] + sorted_distance[np.minimum(high, last)]) / 2
        return middle[np.newaxis]

    return of


def _means(distance: np.ndarray, patient: np.ndarray, patients: int) -> Callable[[np.ndarray], np.ndarray]:
    columns = np.stack([distance, distance <= 1, np.ones_like(distance)], axis=1)
    sums = per_patient(columns, patient, patients)

    def of(weights: np.ndarray) -> np.ndarray:
        total, within, number = (weights @ sums).T
        return np.stack([ratio(total, number), ratio(within, number)])

    return of
