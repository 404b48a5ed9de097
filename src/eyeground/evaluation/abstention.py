"""What share of photos screening would not judge, among those with a disease and those without.

A screening that sends the sick away as ungradable or unfamiliar looks better than it is, because whoever is not judged
cannot be judged wrongly. Needs the column `status`, which `eyeground predict` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.data.predictions import STATUS, TRUTH, Predictions
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.evaluating import resampling_of
from eyeground.evaluation.measures import Computed, Measure, compute
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, per_patient
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.evaluation.subgroups.gaps import Gap, Side, gap_between

JUDGED = ("normal", "abnormal", "undecided")  # undecided: only for want of a threshold
UNGRADABLE, UNFAMILIAR, NOT_JUDGED = "ungradable", "unfamiliar", "not_judged"
METRICS = (NOT_JUDGED, UNGRADABLE, UNFAMILIAR)
SUBSETS = {POSITIVES: 1, NEGATIVES: 0}


@dataclass(frozen=True)
class NotJudged:
    """Shares of the photos of one truth.

    Attributes:
        subset: `{"positives", "negatives"}`.
        estimates: Of `not_judged`, `ungradable` and `unfamiliar`.
    """

    subset: str
    photos: int
    patients: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class OutputAbstention:
    """One output of one dataset: both truths, and the gap, positives minus negatives, of each share."""

    dataset: str
    output: str
    subsets: tuple[NotJudged, ...]
    gaps: tuple[Gap, ...]


def abstention(
    datasets: Mapping[str, Predictions], resamples: int = 2000, seed: int = 0, stratified: bool = False
) -> tuple[OutputAbstention, ...]:
    """Shares of photos that screening would not judge, by truth, of every output that has truths.

    Args:
        datasets: The photos to count, by name. Those whose table has no `status` of screening are left out.
        resamples, seed, stratified: As in `evaluate`.

    Returns:
        p-values are adjusted for the number of outputs and datasets of a metric (Holm).
    """
    found: list[OutputAbstention] = []
    for dataset, predictions in datasets.items():
        if has_statuses(predictions):
            found += _of_dataset(dataset, predictions, resamples, seed, stratified)
    return _adjusted(found)


def has_statuses(predictions: Predictions) -> bool:
    """Whether every photo has a status that screening gives."""
    known = {*JUDGED, UNGRADABLE, UNFAMILIAR}
    table = predictions.table
    return STATUS in table and bool(len(table)) and bool(table[STATUS].isin(known).all())


def _of_dataset(
    dataset: str, predictions: Predictions, resamples: int, seed: int, stratified: bool
) -> list[OutputAbstention]:
    statuses = predictions.table[STATUS].to_numpy(dtype=str)
    samples = samples_of(predictions)
    measures: dict[tuple[str, str], Measure] = {}
    for output, sample in samples.items():
        status = statuses[predictions.table[TRUTH + output].notna().to_numpy(dtype=bool)]
        measures |= {(output, subset): _measure(sample, status, subset) for subset in SUBSETS if len(status)}
    computed = compute(measures, resampling_of(predictions, resamples, seed, stratified))
    return [
        OutputAbstention(
            dataset,
            output,
            tuple(_not_judged(sample, subset, computed[output, subset], dataset) for subset in SUBSETS),
            tuple(
                gap_between(*(_side(computed[output, subset], index, dataset) for subset in SUBSETS))
                for index in range(len(METRICS))
            ),
        )
        for output, sample in samples.items()
        if len(sample.truth)
    ]


def _measure(sample: Sample, status: np.ndarray, subset: str) -> Measure:
    here = sample.truth == SUBSETS[subset]
    counted = [~np.isin(status, JUDGED), status == UNGRADABLE, status == UNFAMILIAR]
    sums = per_patient(
        np.stack([*(one & here for one in counted), here], axis=1).astype(float), sample.patient, sample.columns
    )
    patients = sample.patients(SUBSETS[subset])
    support = Support(patients, f"patients with {subset}")

    def of(weights: np.ndarray) -> np.ndarray:
        *shares, photos = (weights @ sums).T
        return ratio(np.stack(shares), np.stack([photos] * len(METRICS)))

    lacking = "" if patients else subset
    return Measure(METRICS, (lacking,) * 3, (support,) * 3, (True,) * 3, of)


def _not_judged(sample: Sample, subset: str, computed: Computed, dataset: str) -> NotJudged:
    here = sample.truth == SUBSETS[subset]
    return NotJudged(subset, int(here.sum()), sample.patients(SUBSETS[subset]), computed.estimates(dataset))


def _side(computed: Computed, index: int, dataset: str) -> Side:
    return Side(computed.estimates(dataset)[index], computed.resampled[index], computed.measure.supports[index])


def _adjusted(found: Sequence[OutputAbstention]) -> tuple[OutputAbstention, ...]:
    adjusted = [holm([one.gaps[index].p for one in found]) for index in range(len(METRICS))]
    return tuple(
        replace(one, gaps=tuple(replace(gap, p_holm=p[place]) for gap, p in zip(one.gaps, adjusted, strict=True)))
        for place, one in enumerate(found)
    )
