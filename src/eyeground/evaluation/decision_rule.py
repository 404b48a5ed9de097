"""Thresholds of several outputs, chosen together for the rule "abnormal if any is reached"; see docs/screening.md.

One number is chosen: how many normal photos `abnormal` may call abnormal. Each disease may call a quarter as many.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from eyeground.config.operating_point import DecisionRule, Expected, Share
from eyeground.config.targets import Target, healthy_outputs
from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions
from eyeground.errors import UserError
from eyeground.evaluation.estimates import FEW_PATIENTS
from eyeground.evaluation.intervals import clustered_wilson_interval
from eyeground.evaluation.offered_points import OFFERED
from eyeground.evaluation.operating_points import basis_of, choose_operating_point

ABNORMAL = "abnormal"
# On ODIR-5K's validation photos a quarter gave the best sensitivity of the entire rule at specificities of 0.8 and 0.9 (docs/log.md).
FALSE_ALARMS_PER_DISEASE = 0.25
QUANTILES = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class _Ranked:
    """How each photo ranks among the normal ones, output by output.

    Attributes:
        truth: `(photos,)`: 1 abnormal, 0 normal, NaN unknown.
        suspicion: `(photos, outputs)`, in 0-1: the probability, or one less it where low is abnormal.
        shares: `(outputs,)`: false alarms that an output may raise for each that is allowed.
    """

    truth: NDArray[np.float64]
    suspicion: NDArray[np.float64]
    shares: NDArray[np.float64]

    def allowance(self) -> NDArray[np.float64]:
        """`(photos,)`: how many false alarms must be allowed until some output calls this photo abnormal."""
        normal = np.sort(self.suspicion[self.truth == 0], axis=0)
        ranks = [
            len(normal) - np.searchsorted(of_output, values, side="left")
            for of_output, values in zip(normal.T, self.suspicion.T, strict=True)
        ]
        return np.asarray(np.ceil(np.stack(ranks, axis=1) / self.shares).min(axis=1))

    def thresholds(self, allowed: int) -> NDArray[np.float64]:
        """`(outputs,)` of suspicion: halfway between the last photo that is called and the first that is not."""
        falling = np.sort(self.suspicion[self.truth == 0], axis=0)[::-1]
        passed = np.floor(allowed * self.shares).astype(int)
        highest_passed = np.array(
            [-1.0 if place >= len(falling) else falling[place, output] for output, place in enumerate(passed)]
        )
        above = np.where(self.suspicion > highest_passed, self.suspicion, 1.0).min(axis=0)
        return np.asarray(np.maximum(0.0, (highest_passed + above) / 2))


def rule_truth(predictions: Predictions, outputs: Sequence[str], targets: Sequence[Target]) -> NDArray[np.float64]:
    """The truth of photos `(photos,)`: 1 abnormal, 0 normal, NaN unknown.

    A photo is abnormal if any target truly says so, even one that is too rare to decide; where nothing does, it is
    normal if the truths of all deciding outputs are known. Where `abnormal` decides, its 0 says that nothing else is there either.

    Args:
        outputs: The deciding ones.
        targets: Of the model; outputs that are no columns of the table are ignored.
    """
    healthy = healthy_outputs(targets)
    truths = {
        output: predictions.table[TRUTH + output].to_numpy(float, na_value=np.nan)
        for target in targets
        for output in target.outputs
        if output in outputs or (target.tells_health and TRUTH + output in predictions.table)
    }
    is_abnormal = np.any([truth == (0 if output in healthy else 1) for output, truth in truths.items()], axis=0)
    unknown = np.isnan([truths[output] for output in outputs]).any(axis=0)
    otherwise = truths[ABNORMAL] if ABNORMAL in outputs else np.where(unknown, np.nan, 0.0)
    return np.where(is_abnormal, 1.0, otherwise)


def deciding_outputs(chosen_on: Predictions, targets: Sequence[Target]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Outputs that may decide, and why the others may not.

    One decides if it says that something is abnormal, and was seen on at least ten patients who have it and ten who have not.
    """
    deciding, why_not = [], {}
    for target in targets:
        for output in target.outputs:
            if not target.tells_health:
                why_not[output] = "no class of it was declared healthy"
                continue
            truth, _, patients = chosen_on.known(output)
            counts = {name: len(set(patients[truth == value])) for name, value in (("positive", 1), ("negative", 0))}
            few = next((name for name, count in counts.items() if count < FEW_PATIENTS), None)
            if few is None:
                deciding.append(output)
            else:
                why_not[output] = f"{counts[few]} {few} patients to choose a threshold on; {FEW_PATIENTS} are needed"
    return tuple(deciding), why_not


def choose_rules(
    chosen_from: Predictions, outputs: Sequence[str], targets: Sequence[Target], rules: Iterable[str] = OFFERED
) -> tuple[DecisionRule, ...]:
    """Choose the thresholds of several outputs together, once by each rule; what cannot be reached is left out.

    Args:
        chosen_from: Of validation photos, or of all photos out of fold.
        outputs: The deciding ones, at least one.
        targets: Of the model.
        rules: As `choose_operating_point` takes them; of the whole rule, not of one output.

    Raises:
        UserError: If there are test photos among them.
    """
    ranked = _ranked(chosen_from, outputs, targets)
    known = np.isfinite(ranked.truth)
    normal = int((ranked.truth == 0).sum())
    if not normal or not (ranked.truth == 1).any():
        return ()
    most = int(np.ceil(normal / ranked.shares.min()))
    as_one = Predictions(
        pd.DataFrame(
            {
                "patient": chosen_from.table["patient"][known],
                TRUTH + ABNORMAL: ranked.truth[known],
                PROBABILITY + ABNORMAL: ((most + 1 - ranked.allowance()) / (most + 2))[known],
            }
        )
    )
    where, healthy = basis_of(chosen_from), healthy_outputs(targets)
    found = []
    for rule in rules:
        try:
            point = choose_operating_point(as_one, ABNORMAL, rule)
        except UserError:
            continue
        allowed = int(np.floor(most + 1 - point.threshold * (most + 2)))
        limits = dict(zip(outputs, ranked.thresholds(allowed).tolist(), strict=True))
        found.append(
            DecisionRule(
                rule=rule,
                thresholds={output: 1 - limit if output in healthy else limit for output, limit in limits.items()},
                chosen_on=where,
                positives=point.positives,
                negatives=point.negatives,
            )
        )
    return tuple(found)


def expected_scores(chosen_from: Predictions, outputs: Sequence[str], targets: Sequence[Target]) -> Expected | None:
    """Quantiles of the first deciding output's probabilities over normal and over abnormal photos; None where either is missing."""
    truth = rule_truth(chosen_from, outputs, targets)
    scores = chosen_from.table[PROBABILITY + outputs[0]].to_numpy(float)
    if not ((truth == 0).any() and (truth == 1).any()):
        return None
    normal, abnormal = (np.quantile(scores[truth == value], QUANTILES).round(6).tolist() for value in (0, 1))
    return Expected(output=outputs[0], normal=tuple(normal), abnormal=tuple(abnormal))


def measured(rule: DecisionRule, test: Predictions, targets: Sequence[Target]) -> DecisionRule:
    """The rule with its sensitivity and specificity on test photos, where there are any."""
    called, truth = called_abnormal(rule, test, targets), rule_truth(test, tuple(rule.thresholds), targets)
    patients = test.table["patient"].to_numpy(dtype=object)
    return rule.model_copy(
        update={
            "sensitivity": share_of(called[truth == 1], patients[truth == 1]),
            "specificity": share_of(~called[truth == 0], patients[truth == 0]),
        }
    )


def called_abnormal(rule: DecisionRule, predictions: Predictions, targets: Sequence[Target]) -> NDArray[np.bool_]:
    """Which photos `(photos,)` a rule calls abnormal."""
    called, healthy = np.zeros(len(predictions.table), bool), healthy_outputs(targets)
    for output, threshold in rule.thresholds.items():
        reached = predictions.table[PROBABILITY + output].to_numpy(float) >= threshold
        called |= ~reached if output in healthy else reached
    return called


def share_of(counted: NDArray[np.bool_], patients: NDArray[np.object_]) -> Share | None:
    """A share of photos with its interval over patients; None of no photos."""
    if not len(counted):
        return None
    numbers = np.unique(patients, return_inverse=True)[1]
    low, high = clustered_wilson_interval(np.bincount(numbers, weights=counted), np.bincount(numbers).astype(float))
    return Share(value=float(counted.mean()), low=low, high=high, photos=len(counted))


def _ranked(predictions: Predictions, outputs: Sequence[str], targets: Sequence[Target]) -> _Ranked:
    healthy = healthy_outputs(targets)
    probabilities = {output: predictions.table[PROBABILITY + output].to_numpy(float) for output in outputs}
    suspicion = [1 - values if output in healthy else values for output, values in probabilities.items()]
    per_disease = FALSE_ALARMS_PER_DISEASE if ABNORMAL in outputs else 1.0
    shares = np.array([1.0 if output == ABNORMAL else per_disease for output in outputs])
    return _Ranked(rule_truth(predictions, outputs, targets), np.stack(suspicion, axis=1), shares)
