"""A model on external datasets beside its own test photos, at the same thresholds; see docs/statistics.md.

Datasets share no patients, so each has resamples of its own, and a gap is that of two independent samples.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.cohort import Cohort, entire_cohort
from eyeground.evaluation.curves import RESAMPLES_OF_BAND, RocCurve, roc_with_band
from eyeground.evaluation.flow import patients_known
from eyeground.evaluation.measures import ranking_measure
from eyeground.evaluation.reporting.wording import counted, joined
from eyeground.evaluation.subgroups.contamination import Contamination, contamination_sentence
from eyeground.evaluation.subgroups.groups import (
    Group,
    Measured,
    group,
    holm_adjusted,
    measure_groups,
)

INTERNAL = "internal"


@dataclass(frozen=True)
class OutputAcrossDatasets:
    """One output on every dataset.

    Attributes:
        external: Those that have labels for it; gaps are external minus internal.
        not_labelled: Datasets without a known truth of it.
        curves: By dataset, the internal one first, as far as it has both classes.
    """

    output: str
    internal: Group
    external: tuple[Group, ...]
    not_labelled: tuple[str, ...]
    curves: dict[str, RocCurve]


@dataclass(frozen=True)
class External:
    """All outputs on every dataset.

    Attributes:
        internal: What the internal dataset is called.
        datasets: Name, photos and patients (None where unknown) of each, the internal one first.
        remarks: Sentences that a reader must know.
        contamination: A sentence for each external dataset.
        resamples, seed: Of each dataset's patient bootstrap.
    """

    internal: str
    datasets: tuple[tuple[str, int, int | None], ...]
    remarks: tuple[str, ...]
    contamination: tuple[str, ...]
    outputs: tuple[OutputAcrossDatasets, ...]
    resamples: int
    seed: int


def external(
    cohort: Cohort,
    datasets: Mapping[str, Predictions],
    contamination: Mapping[str, Contamination] | None = None,
    name: str = INTERNAL,
) -> External:
    """Compare a model's results on external datasets with those on its own test photos.

    Args:
        cohort: The internal photos, with the operating points that are the same for all datasets.
        datasets: External ones by name; every photo counts, whatever its split.
        contamination: By dataset; what it found is reported, and photos are left out by `contamination.without`
            beforehand.
        name: Of the internal dataset.

    Raises:
        UserError: If there is no external dataset, or one has the internal one's name or no output of it.
    """
    _check(cohort.predictions, datasets, name)
    cohorts = {name: cohort}
    for dataset, predictions in datasets.items():
        seed = seed_of(cohort.resampling.seed, dataset)
        cohorts[dataset] = entire_cohort(
            dataset, _every_photo(predictions), cohort.resampling.resamples, seed, cohort.stratified
        )
    measured: dict[tuple[str, str], Measured] = {}
    curves: dict[tuple[str, str], RocCurve] = {}
    for dataset, one in cohorts.items():
        labelled = {
            output: replace(sample, where=dataset)
            for output, sample in one.samples.items()
            if output in cohort.points and (sample.photos or dataset == name)
        }
        found = measure_groups(
            list(labelled.values()),
            [cohort.points[output] for output in labelled],
            one.resampling,
            area=ranking_measure,
        )
        measured |= {(output, dataset): of_output for output, of_output in zip(labelled, found, strict=True)}
        band = one.with_at_most(RESAMPLES_OF_BAND).resampling
        curves |= {
            (output, dataset): roc_with_band(sample, band)
            for output, sample in labelled.items()
            if not sample.missing_class()
        }
    return External(
        internal=name,
        datasets=tuple(
            (dataset, one.photos, one.patients if patients_known(one.predictions) else None)
            for dataset, one in cohorts.items()
        ),
        remarks=cohort.remarks + _remarks(cohort.predictions, datasets),
        contamination=tuple(
            contamination_sentence(dataset, cohorts[dataset].predictions, (contamination or {}).get(dataset))
            for dataset in datasets
        ),
        outputs=tuple(_across(output, name, datasets, measured, curves) for output in cohort.points),
        resamples=cohort.resampling.resamples,
        seed=cohort.resampling.seed,
    )


def seed_of(seed: int, dataset: str) -> int:
    """A dataset's own seed: with equal seeds, datasets of equal size would have the same resamples, as if they were paired."""
    return int(np.random.SeedSequence([seed, zlib.crc32(dataset.encode())]).generate_state(1)[0])


def _check(internal: Predictions, datasets: Mapping[str, Predictions], name: str) -> None:
    if not datasets:
        raise UserError("there is no external dataset; name at least one")
    for dataset, predictions in datasets.items():
        if dataset == name:
            raise UserError(f"an external dataset is called '{name}', as the internal one is; rename one")
        if not set(predictions.outputs) & set(internal.outputs):
            raise UserError(
                f"the predictions of {dataset} have none of the outputs {joined(internal.outputs)}; they have "
                f"{joined(predictions.outputs)}"
            )


def _every_photo(predictions: Predictions) -> Predictions:
    """All rows, in an order that the table's own does not change, and without the folds of a training not done there."""
    return Predictions(predictions.table.sort_values("photo", ignore_index=True).drop(columns="fold", errors="ignore"))


def _remarks(internal: Predictions, datasets: Mapping[str, Predictions]) -> tuple[str, ...]:
    own = set(internal.table["photo"])
    remarks = []
    for dataset, predictions in datasets.items():
        table = predictions.table
        ignored = [f"'{column}'" for column in ("split", "fold") if column in table and table[column].notna().any()]
        if ignored:
            remarks.append(f"{dataset}: the column {joined(ignored)} is not looked at; every photo is external.")
        if same := int(table["photo"].isin(own).sum()):
            remarks.append(
                f"{dataset}: {counted(same, 'photo')} {'has' if same == 1 else 'have'} the same name as an internal one; if "
                "that is the same photo, the dataset is not external."
            )
    return tuple(remarks)


def _across(
    output: str,
    name: str,
    datasets: Mapping[str, Predictions],
    measured: Mapping[tuple[str, str], Measured],
    curves: Mapping[tuple[str, str], RocCurve],
) -> OutputAcrossDatasets:
    internal = measured[output, name]
    labelled = [dataset for dataset in datasets if (output, dataset) in measured]
    return OutputAcrossDatasets(
        output=output,
        internal=group(name, internal),
        external=holm_adjusted(
            [group(dataset, measured[output, dataset], internal, share_patients=False) for dataset in labelled]
        ),
        not_labelled=tuple(dataset for dataset in datasets if dataset not in labelled),
        curves={dataset: curves[output, dataset] for dataset in (name, *labelled) if (output, dataset) in curves},
    )
