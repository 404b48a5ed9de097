"""Does the model look at the disease or at the camera? What its embeddings know, and whether its score needs it.

Two questions, and only together do they mean something. A probe asks how well embeddings tell source, device, sex
and age; that they can is common, and no proof that the score makes use of it (Glocker et al., eBioMedicine 89
(2023) 104467). So the score is also asked to tell ill from healthy among photos of one device only, where the device
is no help. What it loses there came from the devices; what the device alone would reach, because some devices see
more disease than others, is the most that a pure shortcut could gain.

Photos whose level is unknown are left out here, since "unknown" is no camera; subgroups count them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from eyeground.data.predictions import TRUTH, Predictions
from eyeground.errors import UserError
from eyeground.evaluation.estimates import Estimate, not_estimable, with_interval
from eyeground.evaluation.evaluating import resampling_of
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.measures import Computed, Measure, compute
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.samples import Sample, samples_of
from eyeground.evaluation.subgroups.attribute_probe import PROBE, probe_measure
from eyeground.evaluation.subgroups.groups import auroc_measure, restricted
from eyeground.evaluation.subgroups.level_alone import LEVEL_ALONE, level_alone_estimate, level_alone_measure
from eyeground.evaluation.subgroups.levels import UNKNOWN, Breakdown, breakdown
from eyeground.evaluation.subgroups.stratified_auroc import stratified_auroc_measure

COLUMNS = ("source", "device", "sex", "age")
LEAST_PATIENTS = 20
OVERALL, WITHIN = "auroc", "auroc_within_level"
DIFFERENCE = "auroc_within_level_minus_auroc"


@dataclass(frozen=True)
class Probe:
    """How well embeddings tell the levels of a column.

    Attributes:
        levels: Those told apart: with at least 20 patients each.
        photos, patients: Of these levels, with an embedding.
        left_out: Photos with an embedding whose level is unknown or rare.
        auroc: Macro one-versus-rest, 0.5 where nothing is known. Its interval is over patients, for the probes as
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
    """One output's AUROC with and without the help of a column.

    Attributes:
        photos, patients: With a known truth and a known level.
        levels: Of the column, among them.
        overall: AUROC over these photos.
        within: AUROC among photos of one level, levels pooled by pairs.
        difference: `within` minus `overall`, on the same resamples.
        level_alone: AUROC of the level's share of positives as a score, its optimism taken off.
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


def shortcuts(
    predictions: Predictions,
    embeddings: pd.DataFrame | None = None,
    columns: Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
) -> Shortcuts:
    """Look for shortcuts in the test photos, or in all photos where none is marked as test.

    Args:
        embeddings: As `embeddings.read_embeddings` gives it; photos that are not in scope are left out. Without it only
            the scores are looked at.
        columns: Further columns than `source`, `device`, `sex` and `age` (in bands).
        resamples, seed, stratified: As in `evaluate`, with the same resamples.

    Raises:
        UserError: If a named column is not there or holds numbers with decimals, an age is no age, or no photo in scope
            has an embedding.
    """
    scope = evaluated_scope(predictions)
    table = scope.predictions.table
    breakdowns, remarks = _breakdowns(table, columns)
    probed: list[_Probed] = []
    embedded = None
    if embeddings is not None:
        vectors, has_vector = _aligned(embeddings, table)
        embedded = int(has_vector.sum())
        probed = [_probed(one, vectors, has_vector, table, seed) for one in breakdowns]
    compared = [
        _compared(output, sample, one, table[TRUTH + output].notna().to_numpy(dtype=bool))
        for output, sample in samples_of(scope.predictions).items()
        for one in breakdowns
    ]
    measures: dict[tuple[str, ...], Measure] = {
        (PROBE, one.column): one.measure for one in probed if one.measure is not None
    }
    for pair in compared:
        measures |= {(metric, pair.output, pair.column): measure for metric, measure in pair.measures.items()}
    computed = compute(measures, resampling_of(scope.predictions, resamples, seed, stratified))
    return Shortcuts(
        scope=scope.name,
        photos=len(table),
        patients=int(table["patient"].nunique()),
        embedded=embedded,
        probes=tuple(_probe(one, computed) for one in probed),
        within=tuple(_within_levels(pair, computed, scope.name) for pair in compared),
        remarks=scope.remarks + remarks,
        resamples=resamples,
        seed=seed,
    )


@dataclass(frozen=True)
class _Probed:
    """A probe before its interval: what it was of, and its measure, or why there is none."""

    column: str
    levels: tuple[str, ...]
    photos: int
    patients: int
    left_out: int
    measure: Measure | None


@dataclass(frozen=True)
class _Compared:
    """One output within the levels of one column, before its intervals."""

    output: str
    column: str
    photos: int
    patients: int
    levels: int
    measures: dict[str, Measure]


def _probed(one: Breakdown, vectors: np.ndarray, has_vector: np.ndarray, table: pd.DataFrame, seed: int) -> _Probed:
    patient = np.unique(table["patient"].to_numpy(dtype=str), return_inverse=True)[1]
    common = [
        place
        for place in range(len(one.levels))
        if len(np.unique(patient[has_vector & (one.level == place)])) >= LEAST_PATIENTS
    ]
    used = has_vector & np.isin(one.level, common)
    levels = tuple(one.levels[place] for place in common)
    measure = None
    if len(common) > 1:
        classes = np.searchsorted(common, one.level[used])
        measure = probe_measure(vectors[used], classes, patient[used], int(patient.max()) + 1, seed)
    return _Probed(
        column=one.column,
        levels=levels,
        photos=int(used.sum()),
        patients=len(np.unique(patient[used])),
        left_out=int(has_vector.sum() - used.sum()),
        measure=measure,
    )


def _compared(output: str, sample: Sample, one: Breakdown, known_truth: np.ndarray) -> _Compared:
    level = one.level[known_truth]
    known = restricted(sample, level >= 0)
    level = level[level >= 0]
    stratum = level if known.fold is None else level * (int(known.fold.max(initial=0)) + 1) + known.fold
    measures = {
        OVERALL: auroc_measure(known),
        WITHIN: stratified_auroc_measure(known, stratum, WITHIN),
        LEVEL_ALONE: level_alone_measure(known, level),
    }
    return _Compared(output, one.column, len(known.truth), known.patients(), len(np.unique(level)), measures)


def _probe(one: _Probed, computed: dict[tuple[str, ...], Computed]) -> Probe:
    if one.measure is None:
        why = f"fewer than two levels with at least {LEAST_PATIENTS} patients"
        auroc = not_estimable(PROBE, why)
    else:
        auroc = computed[PROBE, one.column].estimates(one.column)[0]
    return Probe(one.column, one.levels, one.photos, one.patients, one.left_out, auroc)


def _within_levels(pair: _Compared, computed: dict[tuple[str, ...], Computed], scope: str) -> WithinLevels:
    found = {metric: computed[metric, pair.output, pair.column] for metric in pair.measures}
    overall, within = (found[metric].estimates(scope)[0] for metric in (OVERALL, WITHIN))
    if overall.value is None or within.value is None:
        difference = not_estimable(
            DIFFERENCE, (within if overall.value is not None else overall).note.partition(": ")[2]
        )
    else:
        difference = with_interval(
            DIFFERENCE,
            within.value - overall.value,
            found[WITHIN].resampled[0] - found[OVERALL].resampled[0],
            found[WITHIN].measure.supports[0],
        )
    alone = level_alone_estimate(found[LEVEL_ALONE], scope)
    return WithinLevels(
        pair.output, pair.column, pair.photos, pair.patients, pair.levels, overall, within, difference, alone
    )


def _breakdowns(table: pd.DataFrame, columns: Sequence[str]) -> tuple[list[Breakdown], tuple[str, ...]]:
    """The columns with two known levels or more, photos of unknown level at -1, and sentences on the others."""
    absent = [column for column in COLUMNS if column not in table and column not in columns]
    remarks = [f"Not looked at, for want of a column in the predictions: {joined(absent)}."] if absent else []
    found = []
    for column in dict.fromkeys([*(column for column in COLUMNS if column in table), *columns]):
        one = breakdown(table, column)
        levels = tuple(level for level in one.levels if level != UNKNOWN)
        if len(levels) < 2:
            remarks.append(f"{one.title}: fewer than two known levels, so nothing could be a shortcut or be ruled out.")
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
