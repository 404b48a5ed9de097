"""Compare models on the photos that all of them have, on the same resamples of patients; see docs/statistics.md."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from eyeground.data.predictions import Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.comparing.margin import checked_margin, verdict
from eyeground.evaluation.comparing.multiplicity import holm
from eyeground.evaluation.comparing.paired_difference import (
    DECISION_METRICS,
    RANKING_METRICS,
    Difference,
    ModelResult,
    differences_of,
    model_results,
)
from eyeground.evaluation.comparing.shared_photos import share_photos, shared_outputs
from eyeground.evaluation.comparing.thresholds import Threshold, thresholds_of
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.inversion import ERROR
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.samples import samples_of

ADJUSTED_TOGETHER = ((AUROC,), DECISION_METRICS)


@dataclass(frozen=True)
class ModelEstimates:
    """One model on the shared photos of one output.

    Attributes:
        estimates: AUROC, AUPRC, sensitivity and specificity.
        threshold: None where there is none; the note of the sensitivity says why.
    """

    model: str
    estimates: tuple[Estimate, ...]
    threshold: Threshold | None

    def estimate(self, metric: str) -> Estimate:
        """One metric by name: `auroc`, `auprc`, `sensitivity` or `specificity`."""
        return next(estimate for estimate in self.estimates if estimate.metric == metric)


@dataclass(frozen=True)
class OutputComparison:
    """All models on one output.

    Attributes:
        photos, patients, positives: Shared by all models, with a known truth.
        differences: By pair, and within it AUROC, AUPRC, sensitivity, specificity.
    """

    output: str
    photos: int
    patients: int
    positives: int
    models: tuple[ModelEstimates, ...]
    differences: tuple[Difference, ...]

    def differences_in(self, *metrics: str) -> tuple[Difference, ...]:
        """The differences of these metrics, in order."""
        return tuple(difference for difference in self.differences if difference.metric in metrics)


@dataclass(frozen=True)
class Comparison:
    """Several models on the same photos.

    Attributes:
        scope: `test`, or `all photos`.
        remarks: Sentences that a reader of the results must know.
        reference: The model that each other was compared with; None where each was compared with each.
        left_out: By model: its photos in scope that some other model lacks.
        margin: The largest loss that would not matter.
        resamples, seed: Of the patient bootstrap.
    """

    scope: str
    remarks: tuple[str, ...]
    models: tuple[str, ...]
    reference: str | None
    left_out: dict[str, int]
    outputs: tuple[OutputComparison, ...]
    margin: float | None
    resamples: int
    seed: int

    def differences_in(self, *metrics: str) -> tuple[Difference, ...]:
        """The differences of these metrics on all outputs."""
        return tuple(difference for output in self.outputs for difference in output.differences_in(*metrics))


def compare(
    models: Mapping[str, Predictions],
    outputs: Sequence[str] = (),
    reference: str | None = None,
    margin: float | None = None,
    rule: str = "youden",
    thresholds: Mapping[str, Mapping[str, Threshold]] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Compare models on the photos that all of them have predicted.

    Args:
        models: Two or more, by name. Test photos are compared, or all where no table marks any.
        outputs: Those to compare; by default all that the models share.
        reference: Compare each model with this one (model minus reference); by default each with each, in order
            (earlier minus later).
        margin: The largest loss that would not matter, such as 0.02; with it every tested difference gets a verdict.
        rule: By which a threshold is chosen on each model's validation photos; see `choose_operating_point`.
        thresholds: By model and output: thresholds to use instead.
        resamples: Of patients, the same for all models and outputs; 0 leaves out the intervals that are of resamples.
        seed: Same seed, same results, whatever the order of the rows.

    Raises:
        UserError: If there are fewer than two models, a name is unknown, the models share no output or no photo, or
            they disagree on the patient or the truth of one.
    """
    _check(models, reference, resamples, seed)
    checked_margin(margin)
    names = shared_outputs(models, tuple(outputs))
    shared = share_photos(models, names)
    chosen = thresholds_of(models, shared.scope, names, rule, thresholds or {})
    by_model = {model: samples_of(predictions, shared.scope) for model, predictions in shared.models.items()}
    samples = {output: {model: by_model[model][output] for model in models} for output in names}
    columns = samples[names[0]][next(iter(models))].columns
    resampling = Resampling(one_stratum(columns), resamples, seed)
    comparisons = model_results(samples, chosen, resampling)
    pairs = _pairs(tuple(models), reference)
    return Comparison(
        scope=shared.scope,
        remarks=shared.remarks,
        models=tuple(models),
        reference=reference,
        left_out=shared.left_out,
        outputs=_adjusted(
            [_of_output(output, comparison, pairs) for output, comparison in comparisons.items()], margin
        ),
        margin=margin,
        resamples=resamples,
        seed=seed,
    )


def _check(models: Mapping[str, Predictions], reference: str | None, resamples: int, seed: int) -> None:
    if len(models) < 2:
        raise UserError("a comparison needs the predictions of two models or more")
    if reference is not None and reference not in models:
        raise UserError(
            f"there is no model '{reference}' to compare with{did_you_mean(reference, models)}; "
            f"the models are {', '.join(models)}"
        )
    if resamples < 0 or seed < 0:
        raise UserError(f"resamples ({resamples}) and seed ({seed}) must not be negative")


def _pairs(models: tuple[str, ...], reference: str | None) -> list[tuple[str, str]]:
    if reference is None:
        return list(combinations(models, 2))
    return [(model, reference) for model in models if model != reference]


def _of_output(
    output: str, comparison: Mapping[str, ModelResult], pairs: Sequence[tuple[str, str]]
) -> OutputComparison:
    sample = next(iter(comparison.values())).sample
    return OutputComparison(
        output=output,
        photos=sample.photos,
        patients=sample.patients(),
        positives=sample.positives,
        models=tuple(
            ModelEstimates(
                model,
                tuple(result.values[metric].interval() for metric in RANKING_METRICS + DECISION_METRICS),
                result.threshold if isinstance(result.threshold, Threshold) else None,
            )
            for model, result in comparison.items()
        ),
        differences=tuple(differences_of(comparison, pairs)),
    )


def _adjusted(outputs: Sequence[OutputComparison], margin: float | None) -> tuple[OutputComparison, ...]:
    """The same comparisons with p adjusted over all outputs and pairs at once, and with the verdicts that follow."""
    flat = [difference for output in outputs for difference in output.differences]
    for metrics in ADJUSTED_TOGETHER:
        places = [place for place, difference in enumerate(flat) if difference.metric in metrics]
        adjusted = holm([flat[place].p for place in places])
        tests = sum(p is not None for p in adjusted)
        for place, p in zip(places, adjusted, strict=True):
            words = "" if margin is None else _verdict(flat[place], p, tests, margin)
            flat[place] = replace(flat[place], p_adjusted=p, verdict=words)
    rest = iter(flat)
    return tuple(replace(output, differences=tuple(next(rest) for _ in output.differences)) for output in outputs)


def _verdict(difference: Difference, p_adjusted: float | None, tests: int, margin: float) -> str:
    if difference.estimate.value is None:
        return ""
    if difference.contrast is None or p_adjusted is None:
        return verdict(replace(difference.estimate, low=None, high=None), 1.0, difference.support, margin)
    low, high = difference.contrast.limits(ERROR / tests)
    return verdict(replace(difference.estimate, low=low, high=high), p_adjusted, difference.support, margin)
