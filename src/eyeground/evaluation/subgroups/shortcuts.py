"""Does the score rest on the disease or on the camera? See docs/statistics.md.

Photos of an unknown level are left out here; subgroups count them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from eyeground.errors import UserError
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.measures import Measure, compute
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample, patient_numbers
from eyeground.evaluation.subgroups.attribute_probe import PROBE, probe_measure
from eyeground.evaluation.subgroups.groups import auroc_measure
from eyeground.evaluation.subgroups.level_alone import LEVEL_ALONE, level_alone_estimate, level_alone_measure
from eyeground.evaluation.subgroups.levels import UNKNOWN, Breakdown, breakdown
from eyeground.evaluation.subgroups.sources import COLUMNS as ORIGINS
from eyeground.evaluation.subgroups.sources import LEVEL_FROM_SCORE, level_from_score_measure
from eyeground.evaluation.subgroups.stratified_auroc import within_levels_measure

COLUMNS = ("source", "device", "sex", "age")
LEAST_PATIENTS = 20
OVERALL, WITHIN = "auroc", "auroc_within_level"
DIFFERENCE = "auroc_within_level_minus_auroc"


@dataclass(frozen=True)
class Probe:
    """How well a probe separates the levels of a column by their embeddings.

    Attributes:
        levels: Those that are separated: with at least 20 patients each.
        photos, patients: Of these levels, with an embedding.
        left_out: Photos with an embedding whose level is unknown or rare.
        auroc: Macro one-versus-rest, 0.5 is chance. Its interval is over patients, for the probes as
            fitted.
    """

    column: str
    levels: tuple[str, ...]
    photos: int
    patients: int
    left_out: int
    auroc: Estimate


@dataclass(frozen=True)
class WithinLevels:
    """One output's AUROC over all levels of a column, and within them.

    Attributes:
        photos, patients: With a known truth and a known level.
        levels: Of the column, among them.
        overall: AUROC over these photos.
        within: AUROC among photos of one level, levels pooled by pairs.
        difference: `within` minus `overall`, on the same resamples.
        level_alone: AUROC of the level's share of positives as a score, its optimism taken off.
        level_from_score: How well the probability alone tells the level, of sources and devices: macro AUROC of each
            level against the rest; None of other columns.
    """

    output: str
    column: str
    photos: int
    patients: int
    levels: int
    overall: Estimate
    within: Estimate
    difference: Estimate
    level_alone: Estimate
    level_from_score: Estimate | None


@dataclass(frozen=True)
class Shortcuts:
    """All columns.

    Attributes:
        scope: `test`, or `all photos`.
        photos, patients: In scope.
        embedded: Photos in scope with an embedding; None where no embeddings were given.
        within: Output by output.
        remarks: Sentences that a reader must know.
    """

    scope: str
    photos: int
    patients: int
    embedded: int | None
    probes: tuple[Probe, ...]
    within: tuple[WithinLevels, ...]
    remarks: tuple[str, ...]
    resamples: int
    seed: int


def shortcuts(cohort: Cohort, embeddings: pd.DataFrame | None = None, columns: Sequence[str] = ()) -> Shortcuts:
    """Look for shortcuts in a cohort.

    Args:
        embeddings: As `embeddings.read_embeddings` gives it; photos that are not in scope are left out. Without it only
            the scores are looked at.
        columns: Further columns than `source`, `device`, `sex` and `age` (in bands).

    Raises:
        UserError: If a named column is not there or holds numbers with decimals, an age is no age, or no photo in scope
            has an embedding.
    """
    table, seed = cohort.predictions.table, cohort.resampling.seed
    breakdowns, remarks = _breakdowns(table, columns)
    probed: list[tuple[Probe, Measure | None]] = []
    embedded = None
    if embeddings is not None:
        vectors, has_vector = _aligned(embeddings, table)
        embedded = int(has_vector.sum())
        probed = [_probe(one, vectors, has_vector, cohort) for one in breakdowns]
    compared = [
        _compared(output, sample, one, cohort.known(output))
        for output, sample in cohort.samples.items()
        for one in breakdowns
    ]
    measures: dict[tuple[str, ...], Measure] = {
        (PROBE, probe.column): measure for probe, measure in probed if measure is not None
    }
    for pair in compared:
        measures |= {(metric, pair.output, pair.column): measure for metric, measure in pair.measures.items()}
    computed = compute(measures, cohort.resampling)
    return Shortcuts(
        scope=cohort.name,
        photos=cohort.photos,
        patients=cohort.patients,
        embedded=embedded,
        probes=tuple(
            probe if measure is None else replace(probe, auroc=computed[PROBE, probe.column][0].interval())
            for probe, measure in probed
        ),
        within=tuple(_within_levels(pair, computed) for pair in compared),
        remarks=cohort.remarks + remarks,
        resamples=cohort.resampling.resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _Compared:
    """One output within the levels of one column, before its intervals."""

    output: str
    column: str
    photos: int
    patients: int
    levels: int
    measures: dict[str, Measure]


def _probe(one: Breakdown, vectors: np.ndarray, has_vector: np.ndarray, cohort: Cohort) -> tuple[Probe, Measure | None]:
    """A probe that is not estimable yet, and its measure where it will be."""
    patient = patient_numbers(cohort.predictions.table)
    common = [
        place
        for place in range(len(one.levels))
        if len(np.unique(patient[has_vector & (one.level == place)])) >= LEAST_PATIENTS
    ]
    used = has_vector & np.isin(one.level, common)
    probe = Probe(
        column=one.column,
        levels=tuple(one.levels[place] for place in common),
        photos=int(used.sum()),
        patients=len(np.unique(patient[used])),
        left_out=int(has_vector.sum() - used.sum()),
        auroc=not_estimable(PROBE, f"fewer than two levels with at least {LEAST_PATIENTS} patients"),
    )
    if len(common) < 2:
        return probe, None
    classes = np.searchsorted(common, one.level[used])
    return probe, probe_measure(vectors[used], classes, patient[used], cohort.column, cohort.resampling.seed)


def _compared(output: str, sample: Sample, one: Breakdown, known_truth: np.ndarray) -> _Compared:
    level = one.level[known_truth]
    known = sample.only(level >= 0)
    level = level[level >= 0]
    measures = {
        OVERALL: auroc_measure(known),
        WITHIN: within_levels_measure(known, level, WITHIN),
        LEVEL_ALONE: level_alone_measure(known, level),
    }
    if one.column in ORIGINS:
        measures[LEVEL_FROM_SCORE] = level_from_score_measure(known, level)
    return _Compared(output, one.column, known.photos, known.patients(), len(np.unique(level)), measures)


def _within_levels(pair: _Compared, computed: dict[tuple[str, ...], tuple[Sampled, ...]]) -> WithinLevels:
    overall, within, alone = (computed[metric, pair.output, pair.column] for metric in (OVERALL, WITHIN, LEVEL_ALONE))
    told = computed.get((LEVEL_FROM_SCORE, pair.output, pair.column))
    difference = (within[0] - overall[0]).named(DIFFERENCE)
    return WithinLevels(
        output=pair.output,
        column=pair.column,
        photos=pair.photos,
        patients=pair.patients,
        levels=pair.levels,
        overall=overall[0].interval(),
        within=within[0].interval(),
        difference=replace(difference, why_not=overall[0].why_not or within[0].why_not).interval(),
        level_alone=level_alone_estimate(*alone),
        level_from_score=None if told is None else told[0].interval(),
    )


def _breakdowns(table: pd.DataFrame, columns: Sequence[str]) -> tuple[list[Breakdown], tuple[str, ...]]:
    """The columns with two known levels or more, photos of unknown level at -1, and sentences on the others."""
    absent = [column for column in COLUMNS if column not in table and column not in columns]
    remarks = [f"Not evaluated, because the predictions have no such column: {joined(absent)}."] if absent else []
    found = []
    for column in dict.fromkeys([*(column for column in COLUMNS if column in table), *columns]):
        one = breakdown(table, column)
        levels = tuple(level for level in one.levels if level != UNKNOWN)
        if len(levels) < 2:
            remarks.append(f"{one.title}: fewer than two known levels, so no shortcut can be found or ruled out.")
            continue
        # 'unknown' is the last level.
        found.append(replace(one, levels=levels, level=np.where(one.level < len(levels), one.level, -1)))
    return found, tuple(remarks)


def _aligned(embeddings: pd.DataFrame, table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings in the order of the table, shape (photos, components), and which photos have one, shape (photos,)."""
    row = pd.Index(embeddings["photo"]).get_indexer(table["photo"])
    if (row < 0).all():
        raise UserError("no photo of the predictions has an embedding; do the 'photo' columns name files alike?")
    return embeddings.drop(columns="photo").to_numpy(dtype=np.float32)[row], row >= 0
