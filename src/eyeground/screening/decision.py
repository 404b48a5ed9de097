"""From probabilities to a status: which thresholds count, and what the answer rests on.

The output `abnormal` decides alone where a bundle has one. Otherwise a photograph is abnormal as soon as any
output reaches its operating point. A class that means health ("grade=0", "disease=normal") counts the other
way round: falling below its threshold is what makes a photograph abnormal. An output for which no operating
point was chosen is held against 0.5, and every sentence that rests on such a threshold says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eyeground.bundle import BundleDescription, OperatingPoint
from eyeground.errors import UserError
from eyeground.recipe import in_words

Status = Literal["normal", "abnormal", "ungradable", "unfamiliar", "unreadable"]
STATUSES: tuple[Status, ...] = ("abnormal", "ungradable", "unfamiliar", "unreadable", "normal")

DECIDING_OUTPUT = "abnormal"
THRESHOLD_WITHOUT_OPERATING_POINT = 0.5
# Class names, lower case, by which datasets mark the photographs without the disease.
HEALTHY_CLASSES = frozenset({"0", "normal", "healthy", "none", "no disease", "no dr", "no_dr", "nodr", "negative"})


@dataclass(frozen=True)
class Rule:
    """How a bundle's probabilities become a status.

    Attributes
    ----------
    thresholds : dict of str to float
        One threshold (0-1) per output, in the model's order.
    assumed : frozenset of str
        Outputs without an operating point, held against 0.5.
    healthy : frozenset of str
        Outputs that are the probability of health: low is abnormal.
    points : dict of str to OperatingPoint
        Where the thresholds come from, for outputs that have one.
    """

    thresholds: dict[str, float]
    assumed: frozenset[str]
    healthy: frozenset[str]
    points: Mapping[str, OperatingPoint] = field(default_factory=dict)

    @property
    def deciding(self) -> tuple[str, ...]:
        """The outputs that the status rests on."""
        return (DECIDING_OUTPUT,) if DECIDING_OUTPUT in self.thresholds else tuple(self.thresholds)


@dataclass(frozen=True)
class Decision:
    """A status, why, and the output to show evidence of."""

    status: Literal["normal", "abnormal"]
    reason: str
    output: str


def rule_of(description: BundleDescription, operating_point: str | None = None) -> Rule:
    """Read the rule off a bundle's outputs and operating points.

    Parameters
    ----------
    description : BundleDescription
    operating_point : str, optional
        By which rule the thresholds of the outputs that decide were chosen, such as `sensitivity=0.95`, or
        `threshold=0.3` for one given beforehand; by default each output's first operating point.

    Raises
    ------
    UserError
        If the bundle has no such operating point.
    """
    points = {point.output: point for point in reversed(description.operating_points)}
    if operating_point is not None:
        deciding = (DECIDING_OUTPUT,) if DECIDING_OUTPUT in description.outputs else description.outputs
        points |= {output: _asked_for(description, output, operating_point) for output in deciding}
    return Rule(
        thresholds={
            output: points[output].threshold if output in points else THRESHOLD_WITHOUT_OPERATING_POINT
            for output in description.outputs
        },
        assumed=frozenset(description.outputs) - points.keys(),
        points=points,
        healthy=frozenset(
            output
            for target in description.targets
            if target.kind == "multiclass"
            for output, value in zip(target.outputs, target.classes, strict=True)
            if value.lower() in HEALTHY_CLASSES
        ),
    )


def _asked_for(description: BundleDescription, output: str, wanted: str) -> OperatingPoint:
    kind, number = _parsed(wanted)
    if kind == "threshold" and number is not None and 0 <= number <= 1:
        return OperatingPoint(
            output=output, threshold=number, rule=f"threshold={number:g}", chosen_on="given", positives=0, negatives=0
        )
    offered = [
        point for point in (*description.operating_points, *description.further_points) if point.output == output
    ]
    for point in offered:
        if _parsed(point.rule) == (kind, number):
            return point
    rules = ", ".join(dict.fromkeys(point.rule for point in offered))
    raise UserError(
        f"operating point '{wanted}': {description.name} offers none by that rule for '{output}'; it offers "
        f"{f'{rules}, or ' if rules else ''}threshold=0.5 or any other threshold from 0 to 1"
    )


def _parsed(rule: str) -> tuple[str, float | None]:
    """A rule's name, and its number if it has one, so that `sensitivity=.9` is `sensitivity=0.90`."""
    name, _, number = rule.partition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        return rule.strip(), None


@dataclass(frozen=True)
class Expected:
    """What to expect of 1,000 photographs at a threshold, if it does there what it did on test photos."""

    referred: float
    found: float
    missed: float


def expected_referrals(point: OperatingPoint, prevalence: float) -> Expected | None:
    """Referrals among 1,000 photographs of which a share (0-1) is positive; None if the point was never measured.

    Examples
    --------
    >>> point = OperatingPoint(output="abnormal", threshold=0.4, rule="youden", chosen_on="validation", positives=50,
    ...                        negatives=50, sensitivity=0.9, specificity=0.8)
    >>> expected_referrals(point, prevalence=0.1)
    Expected(referred=270.0, found=90.0, missed=10.0)
    """
    if point.sensitivity is None or point.specificity is None:
        return None
    found = 1000 * prevalence * point.sensitivity
    false = 1000 * (1 - prevalence) * (1 - point.specificity)
    return Expected(round(found + false, 1), round(found, 1), round(1000 * prevalence - found, 1))


def decide(rule: Rule, probabilities: Mapping[str, float]) -> Decision:
    """Hold probabilities (0-1, one per output) against the rule.

    Examples
    --------
    >>> rule = Rule({"abnormal": 0.4, "glaucoma": 0.5}, assumed=frozenset({"glaucoma"}), healthy=frozenset())
    >>> decide(rule, {"abnormal": 0.7, "glaucoma": 0.1}).reason
    'abnormal 0.70 reaches its threshold of 0.40'
    >>> decide(rule, {"abnormal": 0.2, "glaucoma": 0.9}).status
    'normal'
    """
    reached = {
        output: (probabilities[output] >= rule.thresholds[output]) != (output in rule.healthy)
        for output in rule.deciding
    }
    diseases = [output for output in rule.deciding if output not in rule.healthy] or list(rule.deciding)
    shown = max(diseases, key=lambda output: _margin(probabilities[output], rule.thresholds[output]))
    if any(reached.values()):
        positive = [output for output, is_reached in reached.items() if is_reached]
        named = [output for output in positive if output not in rule.healthy] or positive
        return Decision(
            "abnormal", "; ".join(_sentence(rule, output, probabilities[output]) for output in named), shown
        )
    return Decision("normal", _sentence(rule, shown, probabilities[shown]), shown)


def _margin(probability: float, threshold: float) -> float:
    """How far a probability lies above its threshold, in logits; comparable between outputs."""
    return _logit(probability) - _logit(threshold)


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(bounded / (1 - bounded))


def _sentence(rule: Rule, output: str, probability: float) -> str:
    threshold = rule.thresholds[output]
    verb = "reaches" if probability >= threshold else "stays below"
    shown, limit = _told_apart(probability, threshold)
    whose = "0.5, for want of an operating point" if output in rule.assumed else f"its threshold of {limit}"
    return f"{in_words(output)} {shown} {verb} {whose}"


def _told_apart(probability: float, threshold: float) -> tuple[str, str]:
    """Both numbers with as few decimals (two to six) as keep them in their true order when read."""
    for decimals in range(2, 7):
        shown, limit = f"{probability:.{decimals}f}", f"{threshold:.{decimals}f}"
        if (float(shown) >= float(limit)) == (probability >= threshold):
            break
    return shown, limit
