"""From probabilities to a status: which thresholds count, and what the answer rests on.

The output `abnormal` decides alone where a bundle has one. Otherwise a photograph is abnormal as soon as any
output reaches its operating point. A class that means health ("grade=0", "disease=normal") counts the other
way round: falling below its threshold is what makes a photograph abnormal. An output for which no operating
point was chosen is held against 0.5, and every sentence that rests on such a threshold says so.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from eyeground.bundle import BundleDescription
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
    """

    thresholds: dict[str, float]
    assumed: frozenset[str]
    healthy: frozenset[str]

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


def rule_of(description: BundleDescription) -> Rule:
    """Read the rule off a bundle's outputs and operating points."""
    chosen = {output: description.threshold(output) for output in description.outputs}
    return Rule(
        thresholds={
            output: THRESHOLD_WITHOUT_OPERATING_POINT if threshold is None else threshold
            for output, threshold in chosen.items()
        },
        assumed=frozenset(output for output, threshold in chosen.items() if threshold is None),
        healthy=frozenset(
            output
            for target in description.targets
            if target.kind == "multiclass"
            for output, value in zip(target.outputs, target.classes, strict=True)
            if value.lower() in HEALTHY_CLASSES
        ),
    )


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
