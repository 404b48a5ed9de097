"""Decision curves: the net benefit of acting on a model at each threshold (Vickers and Elkin, 2006).

Counts by threshold add up over patients, so all resamples of a chunk are one sparse matrix product.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from eyeground.core.progress import track
from eyeground.core.proportions import CONFIDENCE
from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.samples import Sample, with_both_classes

THRESHOLDS = np.arange(1, 100) / 100


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit of one output by threshold, in true positives per photo.

    Attributes:
        photos, patients, positives: With a known truth.
        prevalence: Share of positives that the net benefit is given for.
        is_observed: Whether that is the share among the photos; else it was given.
        thresholds: Shape (thresholds,), rising, between 0 and 1.
        model, treat_all: Net benefit at each threshold; that of treating nobody is 0.
        low, high: 95 % interval of `model` at each threshold, over patients; empty where there is none.
        advantage, advantage_low, advantage_high: Of the model over the better of treating all and treating nobody, with
            its interval; intervals as above.
    """

    output: str
    photos: int
    patients: int
    positives: int
    prevalence: float
    is_observed: bool
    thresholds: np.ndarray
    model: np.ndarray
    treat_all: np.ndarray
    low: np.ndarray
    high: np.ndarray
    advantage: np.ndarray
    advantage_low: np.ndarray
    advantage_high: np.ndarray


@dataclass(frozen=True)
class DecisionCurves:
    """Decision curves of every output that has positives and negatives, and why the others have none."""

    scope: str
    outputs: tuple[DecisionCurve, ...]
    not_estimable: dict[str, str]
    resamples: int


def decision_curves(cohort: Cohort, prevalence: float | None = None) -> DecisionCurves:
    """Decision curves of every output.

    Args:
        prevalence: Share of positives, between 0 and 1, where the model is to be used; by default that among the
            photos. It reweighs sensitivity and specificity, and leaves probabilities as they are.

    Raises:
        UserError: If the prevalence is not between 0 and 1.
    """
    samples, not_estimable = with_both_classes(cohort.samples)
    return DecisionCurves(
        scope=cohort.name,
        outputs=tuple(
            decision_curve(output, sample, cohort.resampling, prevalence) for output, sample in samples.items()
        ),
        not_estimable=not_estimable,
        resamples=cohort.resampling.resamples,
    )


def decision_curve(
    output: str,
    sample: Sample,
    resampling: Resampling,
    prevalence: float | None = None,
    thresholds: np.ndarray = THRESHOLDS,
) -> DecisionCurve:
    """The decision curve of one output that has positives and negatives.

    There are no intervals where fewer than two patients carry a class, or without resamples.

    Raises:
        UserError: If the prevalence is not between 0 and 1.
    """
    if prevalence is not None and not 0 < prevalence < 1:
        raise UserError(f"prevalence {prevalence:g} is no share between 0 and 1; give 0.05 for 5 %")
    levels = _levels(sample, thresholds)
    model, treat_all = (
        curve[0] for curve in _net_benefit(np.ones((1, sample.columns)), levels, thresholds, prevalence)
    )
    intervals = [np.empty(0)] * 4
    if resampling.resamples and min(sample.patients(0), sample.patients(1)) > 1:
        intervals = _intervals(resampling, levels, thresholds, prevalence)
    return DecisionCurve(
        output=output,
        photos=sample.photos,
        patients=sample.patients(),
        positives=sample.positives,
        prevalence=float(sample.truth.mean()) if prevalence is None else prevalence,
        is_observed=prevalence is None,
        thresholds=thresholds,
        model=model,
        treat_all=treat_all,
        low=intervals[0],
        high=intervals[1],
        advantage=model - np.maximum(treat_all, 0),
        advantage_low=intervals[2],
        advantage_high=intervals[3],
    )


def _levels(sample: Sample, thresholds: np.ndarray) -> tuple[csr_array, csr_array]:
    """Positive and negative photos of each patient by how many thresholds they reach: each (patients, thresholds + 1)."""
    level = np.searchsorted(thresholds, sample.probability, side="right")
    shape = (sample.columns, len(thresholds) + 1)
    positive, negative = (
        csr_array((counted.astype(float), (sample.column, level)), shape=shape)
        for counted in (sample.truth == 1, sample.truth == 0)
    )
    return positive, negative


def _net_benefit(
    weights: np.ndarray, levels: tuple[csr_array, csr_array], thresholds: np.ndarray, prevalence: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Net benefit of the model and of treating all, each (resamples, thresholds); NaN where a class has no weight."""
    # Photos that reach a threshold reach all lower ones; the first column is then everybody.
    reached = [np.cumsum((weights @ level)[:, ::-1], axis=1)[:, ::-1] for level in levels]
    total = [counts[:, :1] for counts in reached]
    sensitivity, false_positive_rate = (
        np.divide(counts[:, 1:], every, out=np.full((len(counts), len(thresholds)), np.nan), where=every > 0)
        for counts, every in zip(reached, total, strict=True)
    )
    share = total[0] / np.maximum(total[0] + total[1], 1) if prevalence is None else np.full(total[0].shape, prevalence)
    exchange = thresholds / (1 - thresholds)
    model = share * sensitivity - (1 - share) * false_positive_rate * exchange
    return model, share - (1 - share) * exchange


def _intervals(
    resampling: Resampling, levels: tuple[csr_array, csr_array], thresholds: np.ndarray, prevalence: float | None
) -> list[np.ndarray]:
    models, advantages = [], []
    for weights in track(
        resampling.weights(),
        "resampling the decision curve",
        total=len(resampling.chunks()),
        unit="chunks of resamples",
    ):
        model, treat_all = _net_benefit(weights, levels, thresholds, prevalence)
        models.append(model)
        advantages.append(model - np.maximum(treat_all, 0))
    tail = (1 - CONFIDENCE) / 2
    bands = [np.nanquantile(np.concatenate(curves), [tail, 1 - tail], axis=0) for curves in (models, advantages)]
    return [bound for band in bands for bound in band]
