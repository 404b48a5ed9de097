"""What a threshold means for a screening programme: of 1,000 photos, how many are referred, found and missed.

Those at another prevalence assume that sensitivity and specificity stay the same. Resamples are those of the evaluation.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.count_metrics import share_limits, share_part
from eyeground.evaluation.estimates import Estimate, Limits, Support, noted
from eyeground.evaluation.measures import Measure, compute, intervals
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, decisions, per_patient
from eyeground.evaluation.mover import function_interval
from eyeground.evaluation.operating_points import OPTIMISTIC
from eyeground.evaluation.results import Evaluation
from eyeground.evaluation.samples import Sample

REFERRED, FOUND, MISSED = "referred_per_1000", "found_per_1000", "missed_per_1000"
METRICS = (REFERRED, FOUND, MISSED)
SCREENED = 1000


@dataclass(frozen=True)
class Referrals:
    """What happens to 1,000 photos at one threshold and prevalence.

    Attributes:
        prevalence: Share of positives, 0 to 1.
        is_observed: Whether the prevalence is that of the evaluated photos.
        estimates: Photos per 1,000 that are called positive, the true positives among them, and the false negatives.
    """

    output: str
    point: OperatingPoint
    prevalence: float
    is_observed: bool
    estimates: tuple[Estimate, ...]


def referrals(evaluation: Evaluation, predictions: Predictions) -> tuple[Referrals, ...]:
    """Count referrals at every operating point, at the observed prevalence and at those of the evaluation.

    `predictions` is the table that was evaluated.
    """
    cohort = cohort_of(predictions, (), evaluation.resamples, evaluation.seed, evaluation.stratified)
    asked = [
        (output, at.point, prevalence)
        for output in evaluation.outputs
        if output.photos
        for at in output.at
        for prevalence in (None, *output.prevalences)
    ]
    measures = {
        place: _measure(cohort.samples[output.output], point.threshold, prevalence)
        for place, (output, point, prevalence) in enumerate(asked)
    }
    computed = compute(measures, cohort.resampling) if measures else {}
    return tuple(
        Referrals(
            output=output.output,
            point=point,
            prevalence=output.positives / output.photos if prevalence is None else prevalence,
            is_observed=prevalence is None,
            estimates=tuple(
                noted(
                    _per_1000(estimate, 1.0 if prevalence is None or estimate.metric == REFERRED else prevalence),
                    OPTIMISTIC if point.chosen_on == "test" else "",
                )
                for estimate in intervals(computed[place])
            ),
        )
        for place, (output, point, prevalence) in enumerate(asked)
    )


def _measure(sample: Sample, threshold: float, prevalence: float | None) -> Measure:
    """Shares of referred, found and missed.

    At the observed prevalence they are shares of all photos. At another one, found and missed are shares of the positives:
    a proportion has an interval even where all photos agree.
    """
    counts = per_patient(decisions(sample.truth, sample.probability, threshold), sample.column, sample.columns)

    def of(weights: np.ndarray) -> np.ndarray:
        found, wrong, passed, missed = (weights @ counts).T
        if prevalence is None:
            everyone = found + wrong + passed + missed
            return np.stack([ratio(part, everyone) for part in (found + wrong, found, missed)])
        sensitivity, specificity = ratio(found, found + missed), ratio(passed, passed + wrong)
        referred = prevalence * sensitivity + (1 - prevalence) * (1 - specificity)
        return np.stack([referred, sensitivity, 1 - sensitivity])

    found, wrong, _, missed = counts.T
    if prevalence is None:
        everyone = Support(sample.patients(), "patients")
        limits = tuple(
            partial(share_limits, part, counts.sum(axis=1), everyone) for part in (found + wrong, found, missed)
        )
        return Measure(METRICS, ("",) * 3, (everyone,) * 3, (False,) * 3, of, limits=limits)
    of_positives = Support(sample.patients(1), f"patients with {POSITIVES}")
    of_negatives = Support(sample.patients(0), f"patients with {NEGATIVES}")
    scarcer = min((of_positives, of_negatives), key=lambda support: support.patients)
    lacking = "" if (sample.truth == 1).any() else POSITIVES
    return Measure(
        METRICS,
        (sample.missing_class(), lacking, lacking),
        (scarcer, of_positives, of_positives),
        (False,) * 3,
        of,
        where=sample.where,
        limits=(
            partial(_referred_limits, counts, prevalence),
            partial(share_limits, found, found + missed, of_positives),
            partial(share_limits, missed, found + missed, of_positives),
        ),
    )


def _referred_limits(counts: np.ndarray, prevalence: float) -> Limits | None:
    """MOVER of the share referred, from sensitivity and the share of negatives that are referred."""
    found, wrong, passed, missed = counts.T
    of_positives, of_negatives = share_part(found, found + missed), share_part(wrong, passed + wrong)
    if of_positives is None or of_negatives is None:
        return None
    parts = [of_positives, of_negatives]
    return Limits(*function_interval(lambda ill, well: prevalence * ill + (1 - prevalence) * well, parts))


def _per_1000(estimate: Estimate, prevalence: float) -> Estimate:
    """A share as photos per 1,000; `prevalence` turns a share of the positives into one of all photos."""
    low, value, high = (
        None if share is None else SCREENED * prevalence * share
        for share in (estimate.low, estimate.value, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)
