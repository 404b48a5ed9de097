"""Several sources, or devices, in one table: AUROC among pairs of one source, which telling them apart cannot raise.

Where sources differ in prevalence, a score that knows no more than the source has an AUROC above 0.5 over all pairs.
"""

from dataclasses import dataclass, replace

import numpy as np

from eyeground.core.columns import text_cells
from eyeground.data.predictions import Predictions
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import WITHIN
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.groups import auroc_measure
from eyeground.evaluation.subgroups.stratified_auroc import within_levels_measure

COLUMNS = ("source", "device")
LEVEL_FROM_SCORE = "auroc_of_level_from_score"


@dataclass(frozen=True)
class Sources:
    """Where photos come from.

    Attributes:
        column: `{"source", "device"}`.
        names: Two or more.
        level: Shape (photos,): the place of each photo's source in `names`; -1 where it is unknown.
    """

    column: str
    names: tuple[str, ...]
    level: np.ndarray

    @property
    def words(self) -> str:
        """How many there are."""
        return f"{len(self.names)} {self.column}s"


def sources_of(predictions: Predictions) -> Sources | None:
    """The sources of a table that has several, or its devices; None where it has neither."""
    table = predictions.table
    for column in COLUMNS:
        if column not in table:
            continue
        text = text_cells(table[column])
        names = sorted(text.dropna().unique().tolist())
        if len(names) > 1:
            place = {name: number for number, name in enumerate(names)}
            return Sources(column, tuple(names), text.map(place).fillna(-1).to_numpy(dtype=np.int64))
    return None


def within_source_measure(sample: Sample, sources: Sources, known: np.ndarray) -> Measure:
    """AUROC among pairs of one source, sources pooled by their number of pairs.

    Args:
        known: Shape (photos of the table,): which photos the sample is of.
    """
    level = sources.level[known]
    unknown = int((level < 0).sum())
    measure = within_levels_measure(sample.only(level >= 0), level[level >= 0], WITHIN + sources.column)
    left_out = f", without {unknown:,} of an unknown {sources.column}" if unknown else ""
    return replace(measure, note=f"pairs within one of {sources.words}{left_out}")


def pooled_note(sources: Sources) -> str:
    """What a reader of an area over all pairs must know."""
    return f"pooled over {sources.words}, so it also counts telling one {sources.column} from another"


def level_from_score_measure(sample: Sample, level: np.ndarray) -> Measure:
    """How well the probability alone tells which level a photo is of: macro AUROC of each against the rest.

    A level of low probabilities is told as well as one of high ones: the direction is that on the photos as they are, and
    stays in the resamples, so 0.5 is chance and an interval may hold it.

    Args:
        level: Shape (photos,): whole numbers from 0.
    """
    numbers = np.unique(level)
    # Of two levels, one against the rest is the same question as the other.
    asked = numbers[:1] if len(numbers) == 2 else numbers
    each = [auroc_measure(replace(sample, truth=(level == number).astype(float))) for number in asked]
    everyone = np.ones((1, sample.columns), dtype=np.int64)
    signs = [-1.0 if float(measure.of(everyone)[0, 0]) < 0.5 else 1.0 for measure in each]

    def of(weights: np.ndarray) -> np.ndarray:
        aurocs = [0.5 + sign * (measure.of(weights)[0] - 0.5) for sign, measure in zip(signs, each, strict=True)]
        return np.asarray(np.mean(aurocs, axis=0))[np.newaxis]

    missing = "" if len(numbers) > 1 else "second level"
    scarcest = min(each, key=lambda measure: measure.supports[0].patients, default=None)
    support = scarcest.supports[0] if scarcest else sample.scarcer_class()
    return Measure(
        (LEVEL_FROM_SCORE,), (missing,), (replace(support, of="patients of a level"),), (False,), of, where=sample.where
    )
