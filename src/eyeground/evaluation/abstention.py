"""The share of photos that screening would not judge, by truth, and what that makes of its sensitivity and specificity.

Needs the column `status`, which `eyeground predict` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eyeground.data.predictions import STATUS, Predictions
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.measures import Measure, compute, intervals
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, per_patient
from eyeground.evaluation.operating_points import OPTIMISTIC
from eyeground.evaluation.proportion_gap import proportion_gap, share_of
from eyeground.evaluation.refusals import WAYS, WithRefusals, refusal_measure, with_refusals
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.gaps import Gap, apart, tested_gap

JUDGED = ("normal", "abnormal", "undecided")  # undecided: only because there is no threshold
UNGRADABLE, UNFAMILIAR, NOT_JUDGED = "ungradable", "unfamiliar", "not_judged"
METRICS = (NOT_JUDGED, UNGRADABLE, UNFAMILIAR)
SUBSETS = {POSITIVES: 1, NEGATIVES: 0}


@dataclass(frozen=True)
class NotJudged:
    """Shares of the photos of one truth.

    Attributes:
        subset: `{"positives", "negatives"}`.
        positives: All of the photos, or none.
        estimates: Of `not_judged`, `ungradable` and `unfamiliar`.
    """

    subset: str
    photos: int
    patients: int
    positives: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class OutputAbstention:
    """One output of one dataset.

    Attributes:
        photos, patients, positives: With a known truth.
        subsets: Both truths.
        gaps: Positives minus negatives, of each share.
        decided: At each operating point, with refusals counted in each way.
    """

    dataset: str
    output: str
    photos: int
    patients: int
    positives: int
    subsets: tuple[NotJudged, ...]
    gaps: tuple[Gap, ...]
    decided: tuple[WithRefusals, ...]


def abstention(cohorts: Mapping[str, Cohort]) -> tuple[OutputAbstention, ...]:
    """Shares of photos that screening would not judge, by truth, of every output that has truths.

    Args:
        cohorts: The photos to count, by name of the dataset. Those whose table has no `status` of screening are left out.
            Operating points that were chosen on test photos were chosen on those of the first.

    Returns:
        p-values are adjusted for the number of outputs and datasets of a metric (Holm).
    """
    found: list[OutputAbstention] = []
    for place, (dataset, cohort) in enumerate(cohorts.items()):
        if has_statuses(cohort.predictions):
            found += _of_dataset(dataset, cohort, is_first=place == 0)
    return _adjusted(found)


def has_statuses(predictions: Predictions) -> bool:
    """Whether every photo has a status that screening gives."""
    known = {*JUDGED, UNGRADABLE, UNFAMILIAR}
    table = predictions.table
    return STATUS in table and bool(len(table)) and bool(table[STATUS].isin(known).all())


def _of_dataset(dataset: str, cohort: Cohort, is_first: bool) -> list[OutputAbstention]:
    statuses = cohort.predictions.table[STATUS].to_numpy(dtype=str)
    measures: dict[tuple[str, str], Measure] = {}
    refused = {output: ~np.isin(statuses[cohort.known(output)], JUDGED) for output in cohort.samples}
    asked = [
        (output, place, point, way)
        for output, sample in cohort.samples.items()
        if sample.photos
        for place, point in enumerate(cohort.points.get(output, ()))
        for way in WAYS
    ]
    for output, place, point, way in asked:
        measure = refusal_measure(cohort.samples[output], refused[output], point, way)
        note = OPTIMISTIC if is_first and point.chosen_on == "test" else ""
        measures[output, f"{way} {place}"] = replace(measure, where=dataset, note=note)
    for output, sample in cohort.samples.items():
        status = statuses[cohort.known(output)]
        measures |= {
            (output, subset): replace(_measure(sample, status, subset), where=dataset)
            for subset in SUBSETS
            if len(status)
        }
    computed = compute(measures, cohort.resampling)
    return [
        OutputAbstention(
            dataset,
            output,
            sample.photos,
            sample.patients(),
            sample.positives,
            tuple(_not_judged(sample, subset, intervals(computed[output, subset])) for subset in SUBSETS),
            _gaps(sample, statuses[cohort.known(output)], *(computed[output, subset] for subset in SUBSETS)),
            tuple(
                with_refusals(sample, refused[output], point, way, intervals(computed[output, f"{way} {place}"]))
                for of, place, point, way in asked
                if of == output
            ),
        )
        for output, sample in cohort.samples.items()
        if sample.photos
    ]


def _measure(sample: Sample, status: np.ndarray, subset: str) -> Measure:
    here = sample.truth == SUBSETS[subset]
    sums = per_patient(
        np.stack([*(one & here for one in _counted(status)), here], axis=1).astype(float), sample.column, sample.columns
    )
    patients = sample.patients(SUBSETS[subset])
    support = Support(patients, f"patients with {subset}")

    def of(weights: np.ndarray) -> np.ndarray:
        *shares, photos = (weights @ sums).T
        return ratio(np.stack(shares), np.stack([photos] * len(METRICS)))

    lacking = "" if patients else subset
    return Measure(METRICS, (lacking,) * 3, (support,) * 3, (True,) * 3, of)


def _counted(status: np.ndarray) -> tuple[np.ndarray, ...]:
    """Whether each photo counts, for each of the metrics."""
    return ~np.isin(status, JUDGED), status == UNGRADABLE, status == UNFAMILIAR


def _gaps(
    sample: Sample, status: np.ndarray, positives: Sequence[Sampled], negatives: Sequence[Sampled]
) -> tuple[Gap, ...]:
    gaps = []
    for counted, one, other in zip(_counted(status), positives, negatives, strict=True):
        difference, contrast = apart(one, other), None
        if not difference.why_not:
            shares = (share_of(counted, sample.truth == truth, sample.column, sample.columns) for truth in (1, 0))
            contrast = proportion_gap(*shares, share_patients=True)
        gaps.append(tested_gap(difference, contrast))
    return tuple(gaps)


def _not_judged(sample: Sample, subset: str, estimates: tuple[Estimate, ...]) -> NotJudged:
    photos = int((sample.truth == SUBSETS[subset]).sum())
    return NotJudged(subset, photos, sample.patients(SUBSETS[subset]), photos * SUBSETS[subset], estimates)


def _adjusted(found: Sequence[OutputAbstention]) -> tuple[OutputAbstention, ...]:
    adjusted = [holm([one.gaps[index].p for one in found]) for index in range(len(METRICS))]
    return tuple(
        replace(one, gaps=tuple(replace(gap, p_holm=p[place]) for gap, p in zip(one.gaps, adjusted, strict=True)))
        for place, one in enumerate(found)
    )
