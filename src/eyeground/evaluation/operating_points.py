"""Choose thresholds on validation truths; one chosen on the test photos themselves is called optimistic.

This is of one output. The thresholds by which screening decides are chosen together in `decision_rule.py`, at a site in `site_rule.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.cohort import Cohort
from eyeground.evaluation.samples import is_cross_validated

RULES = ("youden", "sensitivity=0.95", "specificity=0.95", "cost=10", "cost=10@0.05", "threshold=0.5")
OPTIMISTIC = "optimistic: the threshold was chosen on the photos it is measured on"


@dataclass(frozen=True)
class _Rule:
    """A rule taken apart: `number` is a share, a cost or a threshold; `prevalence` is None for the observed one."""

    kind: str
    number: float = 0.0
    prevalence: float | None = None


@dataclass(frozen=True)
class _Candidates:
    """Thresholds, shape (candidates,), falling, and what each finds: true and false positives as counts."""

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    positives: int
    negatives: int


def choose_operating_point(predictions: Predictions, output: str, rule: str = "youden") -> OperatingPoint:
    """Choose a threshold on the truths of validation photos.

    Args:
        predictions: Of the validation split alone (or of train alone, or out of fold, which the result then says). A
            table without `split` and `fold` is taken for validation.
        output: The output it applies to.
        rule: `youden`: largest sensitivity + specificity; among equals, the higher sensitivity. `sensitivity=0.95`: the
            highest threshold that reaches it, so the best specificity. `specificity=0.95`: the lowest threshold that
            reaches it. Any share above 0 and up to 1 may replace 0.95. `cost=10`: least expected cost where a missed
            positive costs as much as 10 false alarms, at the observed prevalence, or at another one (`cost=10@0.05`);
            among equals, the higher sensitivity. `threshold=0.5`: this one, from 0 to 1, whatever the truths; the table
            may then hold any split.

    Raises:
        UserError: If the rule is not known, a specificity cannot be reached, the table holds no positives or no
            negatives, or it holds test photos or a mixture of splits.

    >>> import pandas as pd
    >>> from eyeground.data.predictions import validated_predictions
    >>> table = pd.DataFrame({"photo": list("abcd"), "patient": list("abcd"), "truth_dr": [0, 0, 1, 1],
    ...                       "probability_dr": [0.1, 0.2, 0.6, 0.9]})
    >>> choose_operating_point(validated_predictions(table, "table"), "dr").threshold
    0.4
    """
    if output not in predictions.outputs:
        raise UserError(
            f"the predictions have no output '{output}'{did_you_mean(output, predictions.outputs)}; "
            f"they have {', '.join(predictions.outputs)}"
        )
    parsed = _parsed(rule)
    if parsed.kind == "threshold":
        return OperatingPoint(
            output=output, threshold=parsed.number, rule=rule, chosen_on="given", positives=0, negatives=0
        )
    split = basis_of(predictions)
    return _chosen_point(predictions, output, rule, split, split)


def optimistic_operating_point(predictions: Predictions, output: str, rule: str, scope: str) -> OperatingPoint:
    """Choose a threshold on the very photos it will be measured on; its `chosen_on` is then `test`.

    For tables that hold nothing but test photos, when a rule is requested nevertheless. Parameters and errors are
    those of `choose_operating_point`; `scope` is what errors call the photos, and `threshold=` still looks at none.
    """
    if _parsed(rule).kind == "threshold":
        return choose_operating_point(predictions, output, rule)
    return _chosen_point(predictions, output, rule, "test", scope)


def choose_points(
    predictions: Predictions, cohort: Cohort, rules: Sequence[str]
) -> tuple[dict[str, tuple[OperatingPoint, ...]], dict[str, str]]:
    """The operating points of every output, and for every output why it has none or lacks a rule (often empty).

    Given points come first (one that was chosen on photos predicted out of fold, as those in scope are, was chosen on these
    very photos and counts as optimistic), then those of `rules`: chosen on the table's validation photos, or optimistically on the
    photos in scope where the table has no validation photos apart from them. Without rules, an output without a given
    point gets Youden's, on validation photos only.

    Raises:
        UserError: If a rule is not known.
    """
    for rule in rules:
        _parsed(rule)
    points: dict[str, tuple[OperatingPoint, ...]] = {}
    why_not: dict[str, str] = {}
    for output in predictions.outputs:
        points[output] = tuple(_as_measured(point, cohort) for point in cohort.points[output])
        reasons = []
        for rule in rules or (() if points[output] else ("youden",)):
            try:
                points[output] += (_point_for(predictions, cohort, output, rule, bool(rules)),)
            except UserError as error:
                reasons.append(str(error))
        why_not[output] = "; ".join(dict.fromkeys(reasons))
    return points, why_not


def _as_measured(point: OperatingPoint, cohort: Cohort) -> OperatingPoint:
    """A threshold of a cross-validated model is not optimistic, except on the photos it was cross-validated on."""
    if point.chosen_on == "cross-validation" and is_cross_validated(cohort.predictions):
        return point.model_copy(update={"chosen_on": "test"})
    return point


def _point_for(predictions: Predictions, cohort: Cohort, output: str, rule: str, is_asked_for: bool) -> OperatingPoint:
    validation = predictions.in_split("validation")
    if cohort.name == "test" and len(validation.table):
        return choose_operating_point(validation, output, rule)
    if not is_asked_for:
        raise UserError("no operating point was given, and no validation photos to choose one on")
    return optimistic_operating_point(cohort.predictions, output, rule, cohort.name)


def _chosen_point(
    predictions: Predictions,
    output: str,
    rule: str,
    chosen_on: Literal["validation", "train", "test", "cross-validation"],
    where: str,
) -> OperatingPoint:
    truth, probability, _ = predictions.known(output)
    for name, value in (("positives", 1), ("negatives", 0)):
        if not (truth == value).any():
            raise UserError(f"no operating point for '{output}': there are no {name} in {where}")
    candidates = _candidates(truth, probability)
    return OperatingPoint(
        output=output,
        threshold=_chosen(candidates, _parsed(rule), output),
        rule=rule,
        chosen_on=chosen_on,
        positives=candidates.positives,
        negatives=candidates.negatives,
    )


def _parsed(rule: str) -> _Rule:
    if rule == "youden":
        return _Rule("youden")
    kind, _, numbers = rule.partition("=")
    number, at, prevalence = numbers.partition("@")
    value, share = _as_number(number), _as_number(prevalence) if at else None
    fits = {
        "sensitivity": 0 < value <= 1,
        "specificity": 0 < value <= 1,
        "cost": 0 < value < math.inf,
        "threshold": 0 <= value <= 1,
    }
    if not fits.get(kind, False) or (at and kind != "cost") or not (share is None or 0 < share < 1):
        raise UserError(f"'{rule}' is not a rule for an operating point; use one like {', '.join(RULES)}")
    return _Rule(kind, value, share)


def _as_number(text: str) -> float:
    """The number, NaN where it is none, so that every comparison is false."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def basis_of(
    predictions: Predictions, what: str = "an operating point is chosen"
) -> Literal["validation", "train", "cross-validation"]:
    """What the photos of a table are, on which something is chosen or fitted.

    Args:
        what: The start of a message that refuses them.

    Raises:
        UserError: If there are test photos among them, or those of several splits.
    """
    if is_cross_validated(predictions):
        return "cross-validation"
    splits = set(predictions.table["split"].dropna()) if "split" in predictions.table else {"validation"}
    if "test" in splits:
        raise UserError(f"{what} on validation photos, never on test photos; pass `predictions.in_split('validation')`")
    if len(splits) > 1:
        raise UserError(f"{what} on one split, not on {' and '.join(sorted(splits))} together")
    return "train" if splits == {"train"} else "validation"


def _candidates(truth: np.ndarray, probability: np.ndarray) -> _Candidates:
    rising, inverse = np.unique(probability, return_inverse=True)
    positives = np.bincount(inverse, weights=truth, minlength=len(rising)).astype(np.int64)
    negatives = np.bincount(inverse, minlength=len(rising)) - positives
    # The highest candidate calls nothing positive; at probability 1 there is no room for it.
    upper = np.append(rising, 1.0)
    lower = np.concatenate([[0.0], rising])
    middle = (upper + lower) / 2
    thresholds = np.where(middle > lower, middle, upper)
    if rising[-1] == 1.0:
        thresholds = thresholds[:-1]
    found = np.append(np.cumsum(positives[::-1])[::-1], 0)[: len(thresholds)]
    wrong = np.append(np.cumsum(negatives[::-1])[::-1], 0)[: len(thresholds)]
    return _Candidates(thresholds[::-1], found[::-1], wrong[::-1], int(positives.sum()), int(negatives.sum()))


def _chosen(candidates: _Candidates, rule: _Rule, output: str) -> float:
    if rule.kind == "youden":
        # Integers, so that equals are equal; the last of them has the lowest threshold.
        index = candidates.true_positives * candidates.negatives - candidates.false_positives * candidates.positives
        return float(candidates.thresholds[np.flatnonzero(index == index.max())[-1]])
    if rule.kind == "cost":
        cost = _expected_cost(candidates, rule)
        return float(candidates.thresholds[np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=0))[-1]])
    if rule.kind == "sensitivity":
        reached = np.flatnonzero(candidates.true_positives / candidates.positives >= rule.number)
        return float(candidates.thresholds[reached[0]])
    specificity = (candidates.negatives - candidates.false_positives) / candidates.negatives
    reached = np.flatnonzero(specificity >= rule.number)
    if not len(reached):
        raise UserError(
            f"no threshold gives '{output}' a specificity of {rule.number:g}: "
            f"negatives with probability 1 leave at most {specificity.max():.3f}"
        )
    return float(candidates.thresholds[reached[-1]])


def _expected_cost(candidates: _Candidates, rule: _Rule) -> np.ndarray:
    """Cost per photo in units of a false alarm, for each candidate."""
    prevalence = rule.prevalence
    if prevalence is None:
        prevalence = candidates.positives / (candidates.positives + candidates.negatives)
    missed = 1 - candidates.true_positives / candidates.positives
    alarmed = candidates.false_positives / candidates.negatives
    return np.asarray(rule.number * prevalence * missed + (1 - prevalence) * alarmed)
