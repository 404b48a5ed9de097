"""Metrics of a structure over photos, with 95 % intervals over patients, and differences of two models.

Pooled and mean metrics are explained in docs/structures.md.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.estimates import Estimate, noted
from eyeground.evaluation.measures import compute
from eyeground.evaluation.metrics import POSITIVES
from eyeground.evaluation.structures.averaging import MEAN, POOLED, WITHOUT, mean, needed, pooled, with_metric, without
from eyeground.evaluation.structures.photos import MeasuredPhoto

COLUMNS = ["structure", "metric", "over", "value", "low", "high", "photos", "patients", "note"]
_MEASURES = {POOLED: pooled, MEAN: mean}


def structure_estimates(
    structure: str, photos: Sequence[MeasuredPhoto], resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Metrics of one structure over photos, pooled and as means, with BCa intervals over patients.

    Args:
        structure: Its name in the table, such as `vessel`.
        photos: All measured from probability maps, or all from masks.
        resamples: Of patients.

    Returns:
        One row per metric and way of averaging: `structure`, `metric` (see `photo_metrics`; masks have no `auroc`
        and `auprc`), `over` (`pooled` or `mean`, and `without` for `false_alarm` and `false_area` where photos show none of
        the structure), `value`, `low` and `high` (NaN where there is none), `photos` and `patients` that it rests
        on, `note` (why there is no value or interval, else what to know of it).

    Raises:
        UserError: If there are no photos, a photo occurs twice, or masks and probability maps are mixed.
    """
    _check_photos(photos)
    metrics = photos[0].metrics
    resampling, patient = _resampling(photos, resamples, seed)
    measures = {over: measure(photos, patient, metrics) for over, measure in _MEASURES.items()}
    if any(POSITIVES not in photo.shows for photo in photos):
        measures[WITHOUT] = without(photos, patient)
    rows = []
    for over, computed in compute(measures, resampling).items():
        rows += [_row(structure, over, value.interval(), photos) for value in computed]
    return pd.DataFrame(rows, columns=COLUMNS)


def compare(
    structure: str,
    first: Sequence[MeasuredPhoto],
    second: Sequence[MeasuredPhoto],
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Differences of two models, or of a model and a second annotator, on the same photos: first minus second.

    Both meet the same resamples of patients; intervals are percentiles of the resampled differences.

    Args:
        first: Photos in any order.
        second: The same photos against the same truth, in any order.

    Returns:
        Columns as of `structure_estimates` with `p` before `note`: `value`, `low` and `high` are differences, -1 to 1;
        `p` is the two-sided bootstrap p of a difference of 0, not adjusted. Metrics are those that both have.

    Raises:
        UserError: If the photos, their patients or their truths differ, or as `structure_estimates`.
    """
    _check_photos(first)
    _check_photos(second)
    second = _in_order_of(first, second)
    metrics = tuple(metric for metric in first[0].metrics if metric in second[0].metrics)
    resampling, patient = _resampling(first, resamples, seed)
    rows = []
    for over, measure in _MEASURES.items():
        pair = {
            place: replace(measure(photos, patient, metrics), is_jackknifed=False)
            for place, photos in enumerate((first, second))
        }
        computed = compute(pair, resampling)
        for one, other in zip(computed[0], computed[1], strict=True):
            apart = one - other
            p = apart.p()
            rows.append(_row(structure, over, apart.interval(), first) | {"p": np.nan if p is None else p})
    return pd.DataFrame(rows, columns=[*COLUMNS[:-1], "p", "note"])


def _row(structure: str, over: str, estimate: Estimate, photos: Sequence[MeasuredPhoto]) -> dict[str, object]:
    if over == WITHOUT:
        counted = [photo for photo in photos if POSITIVES not in photo.shows]
    else:
        counted = list(photos) if over == POOLED else with_metric(estimate.metric, photos)
    left_out = len(photos) - len(counted)
    if left_out and counted and over != WITHOUT:
        estimate = noted(estimate, f"{left_out} of {len(photos)} photos left out, without {needed(estimate.metric)}")
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {
        "structure": structure,
        "metric": estimate.metric,
        "over": over,
        **{name: np.nan if number is None else number for name, number in numbers.items()},
        "photos": len(counted),
        "patients": len({photo.patient for photo in counted}),
        "note": estimate.note,
    }


def _resampling(photos: Sequence[MeasuredPhoto], resamples: int, seed: int) -> tuple[Resampling, np.ndarray]:
    """The resamples, and each photo's patient, numbered by name."""
    names, patient = np.unique([photo.patient for photo in photos], return_inverse=True)
    return Resampling(one_stratum(len(names)), resamples, seed), patient


def _check_photos(photos: Sequence[MeasuredPhoto]) -> None:
    if not photos:
        raise UserError("there are no photos to measure a structure on")
    names = [photo.photo for photo in photos]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"photo '{twice}' occurs more than once; measure each photo once")
    if len({photo.metrics for photo in photos}) > 1:
        raise UserError("some photos were measured from masks and some from probability maps; give them separately")


def _in_order_of(first: Sequence[MeasuredPhoto], second: Sequence[MeasuredPhoto]) -> list[MeasuredPhoto]:
    by_name = {photo.photo: photo for photo in second}
    apart = {photo.photo for photo in first} ^ set(by_name)
    if apart:
        raise UserError(f"two models are compared on the same photos, but only one has '{min(apart)}'")
    ordered = [by_name[photo.photo] for photo in first]
    for one, other in zip(first, ordered, strict=True):
        if one.patient != other.patient:
            raise UserError(
                f"photo '{one.photo}' is of patient '{one.patient}' in one and '{other.patient}' in the other"
            )
        if (one.decisions[[0, 3]].sum(), one.decisions[[1, 2]].sum()) != (
            other.decisions[[0, 3]].sum(),
            other.decisions[[1, 2]].sum(),
        ):
            raise UserError(f"photo '{one.photo}' was measured against different truths or fields of view")
    return ordered
