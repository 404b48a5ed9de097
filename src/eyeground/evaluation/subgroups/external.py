"""Other people's photos: the same figures on every dataset, side by side, and what a model loses when it leaves home.

Thresholds travel with the model and are never chosen again: a sensitivity at a threshold fitted to the external photos
would be that of another model. Datasets share no patients, so each is resampled by itself with numbers of its own,
and a gap is the difference of two independent samples. A gap is not all the model's doing: which patients were
photographed, how ill they are and who labelled them differ too. AUPRC, Brier score and mean calibration move with the
prevalence by themselves.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.curves import RESAMPLES_OF_BAND, RocCurve, roc_with_band
from eyeground.evaluation.evaluating import resampling_of
from eyeground.evaluation.flow import evaluated_scope
from eyeground.evaluation.measures import ranking_measure
from eyeground.evaluation.reporting.wording import counted, joined
from eyeground.evaluation.samples import samples_of
from eyeground.evaluation.subgroups.contamination import Contamination, contamination_sentence
from eyeground.evaluation.subgroups.groups import (
    Group,
    Measured,
    group,
    holm_adjusted,
    measure_groups,
    points_by_output,
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
        datasets: Name, photos and patients of each, the internal one first.
        remarks: Sentences that a reader must know.
        contamination: A sentence for each external dataset.
        resamples, seed: Of each dataset's patient bootstrap.
    """

    internal: str
    datasets: tuple[tuple[str, int, int], ...]
    remarks: tuple[str, ...]
    contamination: tuple[str, ...]
    outputs: tuple[OutputAcrossDatasets, ...]
    resamples: int
    seed: int


def external(
    internal: Predictions,
    datasets: Mapping[str, Predictions],
    operating_points: Sequence[OperatingPoint] = (),
    contamination: Mapping[str, Contamination] | None = None,
    name: str = INTERNAL,
    resamples: int = 2000,
    seed: int = 0,
    stratified: bool = False,
) -> External:
    """Hold a model's figures on external datasets against those on its own test photos.

    Args:
        internal: Its test photos count, or all where none is marked as test.
        datasets: External ones by name; every photo counts, whatever its split.
        operating_points: The model's; the same for all datasets.
        contamination: By dataset; what it found is reported, and photos are left out by `contamination.without`
            beforehand.
        name: Of the internal dataset.
        resamples, seed, stratified: As in `evaluate`; the internal figures are those of `evaluate`.

    Raises:
        UserError: If there is no external dataset, one has the internal one's name or no output of it, or an operating
            point is for an output that the internal table does not have.
    """
    points = points_by_output(internal, operating_points)
    _check(internal, datasets, name)
    scope = evaluated_scope(internal)
    tables = {name: scope.predictions} | {one: _every_photo(table) for one, table in datasets.items()}
    measured: dict[tuple[str, str], Measured] = {}
    curves: dict[tuple[str, str], RocCurve] = {}
    for dataset, predictions in tables.items():
        samples = {output: sample for output, sample in samples_of(predictions).items() if output in points}
        labelled = {output: sample for output, sample in samples.items() if len(sample.truth) or dataset == name}
        own_seed = seed if dataset == name else seed_of(seed, dataset)
        found = measure_groups(
            list(labelled.values()),
            [points[output] for output in labelled],
            resampling_of(predictions, resamples, own_seed, stratified),
            [dataset] * len(labelled),
            area=ranking_measure,
        )
        measured |= {(output, dataset): one for output, one in zip(labelled, found, strict=True)}
        band = resampling_of(predictions, min(resamples, RESAMPLES_OF_BAND), own_seed, stratified)
        curves |= {
            (output, dataset): roc_with_band(sample, band)
            for output, sample in labelled.items()
            if not sample.missing_class()
        }
    return External(
        internal=name,
        datasets=tuple((one, len(of.table), int(of.table["patient"].nunique())) for one, of in tables.items()),
        remarks=scope.remarks + _remarks(scope.predictions, datasets),
        contamination=tuple(
            contamination_sentence(one, tables[one], (contamination or {}).get(one)) for one in datasets
        ),
        outputs=tuple(_across(output, name, datasets, measured, curves) for output in points),
        resamples=resamples,
        seed=seed,
    )


def seed_of(seed: int, dataset: str) -> int:
    """A dataset's own seed: equal ones would draw datasets of equal size alike, and pair what is independent."""
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
        external=holm_adjusted([group(dataset, measured[output, dataset], internal) for dataset in labelled]),
        not_labelled=tuple(dataset for dataset in datasets if dataset not in labelled),
        curves={dataset: curves[output, dataset] for dataset in (name, *labelled) if (output, dataset) in curves},
    )
