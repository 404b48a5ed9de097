"""Cross-validated predictions: the AUROC of each fold, and how much they differ; see docs/statistics.md."""

from collections.abc import Mapping, Sequence

import numpy as np

from eyeground.data.predictions import Predictions
from eyeground.evaluation.estimates import Estimate, not_estimable
from eyeground.evaluation.reporting.wording import counted
from eyeground.evaluation.results import FoldEvaluation
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample, folds_of


def evaluate_folds(sample: Sample, rankings: Mapping[int, Sequence[Sampled]]) -> tuple[FoldEvaluation, ...]:
    """Each fold's AUROC with its interval over patients; `rankings` are those of `sample.by_fold()`."""
    return tuple(
        FoldEvaluation(
            fold=number,
            photos=part.photos,
            patients=part.patients(),
            positives=part.positives,
            auroc=rankings[number][0].interval(),
        )
        for number, part in sample.by_fold().items()
    )


def between_folds(folds: tuple[FoldEvaluation, ...]) -> tuple[Estimate, ...]:
    """Mean and standard deviation (n - 1) of the folds' AUROCs, without intervals; nothing where there are no folds."""
    if not folds:
        return ()
    aurocs = [fold.auroc.value for fold in folds if fold.auroc.value is not None]
    names = "mean_auroc_of_folds", "sd_auroc_of_folds"
    if len(aurocs) < 2:
        return tuple(not_estimable(name, "fewer than two folds with both classes") for name in names)
    note = f"a description of {len(aurocs)} of {len(folds)} folds, not an interval"
    values = float(np.mean(aurocs)), float(np.std(aurocs, ddof=1))
    return tuple(Estimate(name, value, note=note) for name, value in zip(names, values, strict=True))


def fold_remarks(predictions: Predictions) -> tuple[str, ...]:
    """What a reader must know of the column `fold`, if there is one with content."""
    table = predictions.table
    if folds_of(predictions) is None:
        unknown = int(table["fold"].isna().sum()) if "fold" in table else 0
        if not unknown or unknown == len(table):
            return ()
        return (f"The column 'fold' is empty for {counted(unknown, 'photo')}, so folds are not evaluated.",)
    remarks = [
        f"AUROC and AUPRC are means within the {table['fold'].nunique()} folds of the column 'fold', and patients are "
        "resampled within folds: scores of models trained on different folds are not ranked against each other. "
        "If one model predicted all photos, remove the column."
    ]
    straying = int((table.groupby("patient")["fold"].nunique() > 1).sum())
    if straying:
        remarks.append(f"Patients in more than one fold: {straying}. The results are optimistic; split by patient.")
    return tuple(remarks)
