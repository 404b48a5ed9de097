"""From probabilities to a status: a photo is abnormal as soon as one of the deciding outputs reaches its threshold.

Which outputs decide, and their thresholds, chosen together on validation photos, are stored in the bundle (docs/screening.md).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eyeground.bundle.description import BundleDescription
from eyeground.config.operating_point import DecisionRule
from eyeground.config.targets import Target
from eyeground.errors import UserError
from eyeground.screening.suspicion import describe_disease, suspected

Status = Literal["normal", "abnormal", "ungradable", "unfamiliar", "unreadable", "undecided"]
STATUSES: tuple[Status, ...] = ("abnormal", "ungradable", "unfamiliar", "unreadable", "normal")

ABNORMAL = "abnormal"
NO_RULE = (
    "no output of the model has a threshold that rests on enough patients, so nothing can be called normal or abnormal; "
    "`eyeground calibrate` sets thresholds by labelled photos of yours, --operating-point threshold=0.5 by hand"
)
FEWEST_PHOTOS = 10  # positive photos behind a threshold of a bundle that does not say which outputs decide


@dataclass(frozen=True)
class Rule:
    """How a bundle's probabilities become a status.

    Attributes:
        outputs: All outputs, in the model's order.
        decision: The outputs that decide, their thresholds, where these come from, and the results of the rule on test
            photos; None where no threshold rests on enough patients, so that photos are `undecided`.
        healthy: Outputs that are the probability of health: low is abnormal.
        targets: What the outputs mean, for words.
        without_threshold: Why the other outputs decide nothing.
    """

    outputs: tuple[str, ...]
    decision: DecisionRule | None
    healthy: frozenset[str] = frozenset()
    targets: tuple[Target, ...] = ()
    without_threshold: Mapping[str, str] = field(default_factory=dict)

    @property
    def deciding(self) -> tuple[str, ...]:
        """The outputs that the status rests on."""
        return tuple(self.thresholds)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Threshold (0-1) of each output that decides."""
        return {} if self.decision is None else self.decision.thresholds


@dataclass(frozen=True)
class Decision:
    """A status, its reason, what is suspected in words, the outputs that reached their threshold, and the one to show evidence of."""

    status: Literal["normal", "abnormal", "undecided"]
    reason: str
    suspected: tuple[str, ...]
    reached: tuple[str, ...]
    output: str


def rule_of(description: BundleDescription, operating_point: str | None = None) -> Rule:
    """Read the rule off a bundle.

    Args:
        operating_point: What the entire rule keeps, such as `sensitivity=0.95`; or `threshold=0.3`, for the output
            `abnormal` where there is one and else for all that decide. By default the bundle's first rule.

    Raises:
        UserError: If the bundle has no such rule.
    """
    offered = description.decisions or _of_single_thresholds(description)
    if operating_point is not None:
        decision: DecisionRule | None = _asked_for(description, offered, operating_point)
    else:
        decision = offered[0] if offered else None
    return Rule(
        description.outputs,
        decision,
        description.healthy_outputs,
        description.targets,
        {
            output: description.without_threshold.get(output, "no part of the rule that decides")
            for output in description.outputs
            if decision is None or output not in decision.thresholds
        },
    )


def _of_single_thresholds(description: BundleDescription) -> tuple[DecisionRule, ...]:
    """The rule of a bundle that stores no rules: `abnormal` alone, or every output whose threshold rests on enough photos."""
    points = [point for point in reversed(description.operating_points) if point.positives >= FEWEST_PHOTOS]
    if any(point.output == ABNORMAL for point in points):
        points = [point for point in points if point.output == ABNORMAL]
    undeclared = [
        target.name
        for target in description.targets
        if target.kind == "multiclass" and "healthy" not in target.model_fields_set
    ]
    if undeclared and points and points[0].output != ABNORMAL:
        raise UserError(
            f"{description.name}: it does not declare which class of '{undeclared[0]}' means health; adapt it again with this version, and "
            "with --healthy CLASS"
        )
    if not points:
        return ()
    last = points[-1]
    return (
        DecisionRule(
            rule=last.rule,
            thresholds={point.output: point.threshold for point in points},
            chosen_on="given" if last.chosen_on == "test" else last.chosen_on,
            positives=last.positives,
            negatives=last.negatives,
        ),
    )


def _asked_for(description: BundleDescription, offered: tuple[DecisionRule, ...], wanted: str) -> DecisionRule:
    kind, number = _parsed(wanted)
    if kind == "threshold" and number is not None and 0 <= number <= 1:
        first = dict(offered[0].thresholds) if offered else dict.fromkeys(description.outputs, number)
        changed = [ABNORMAL] if ABNORMAL in first else list(first)
        return DecisionRule(
            rule=f"threshold={number:g}",
            thresholds=first | dict.fromkeys(changed, number),
            chosen_on="given",
            positives=0,
            negatives=0,
        )
    for decision in offered:
        if _parsed(decision.rule) == (kind, number):
            return decision
    rules = ", ".join(decision.rule for decision in offered)
    raise UserError(
        f"operating point '{wanted}': {description.name} offers none by that rule; it offers "
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
    """What to expect of 1,000 photographs, if the rule performs as on test photos."""

    referred: float
    found: float
    missed: float


def expected_referrals(decision: DecisionRule, prevalence: float) -> Expected | None:
    """Referrals among 1,000 photographs of which a share (0-1) is abnormal; None if the rule was never measured.

    >>> from eyeground.config.operating_point import Share
    >>> rule = DecisionRule(rule="youden", thresholds={"abnormal": 0.4}, chosen_on="validation", positives=50, negatives=50,
    ...                     sensitivity=Share(value=0.9, low=0.8, high=0.95, photos=50),
    ...                     specificity=Share(value=0.8, low=0.7, high=0.9, photos=50))
    >>> expected_referrals(rule, prevalence=0.1)
    Expected(referred=270.0, found=90.0, missed=10.0)
    """
    if decision.sensitivity is None or decision.specificity is None:
        return None
    found = 1000 * prevalence * decision.sensitivity.value
    false = 1000 * (1 - prevalence) * (1 - decision.specificity.value)
    return Expected(round(found + false, 1), round(found, 1), round(1000 * prevalence - found, 1))


def decide(rule: Rule, probabilities: Mapping[str, float]) -> Decision:
    """Apply the rule to probabilities (0-1, one per output).

    >>> decision = DecisionRule(rule="youden", thresholds={"abnormal": 0.4, "glaucoma": 0.5}, chosen_on="validation",
    ...                         positives=50, negatives=50)
    >>> rule = Rule(("abnormal", "glaucoma"), decision, targets=(Target(name="abnormal"), Target(name="glaucoma")))
    >>> found = decide(rule, {"abnormal": 0.2, "glaucoma": 0.9})
    >>> found.status, found.suspected, found.reason
    ('abnormal', ('glaucoma',), 'glaucoma: probability 0.90 reaches its threshold of 0.50')
    """
    if rule.decision is None:
        return Decision("undecided", NO_RULE, (), (), rule.outputs[0])
    reached = tuple(output for output in rule.thresholds if _is_reached(rule, output, probabilities[output]))
    diseases = [output for output in rule.thresholds if output not in rule.healthy] or list(rule.thresholds)
    shown = max(diseases, key=lambda output: margin(probabilities[output], rule.thresholds[output]))
    if not reached:
        return Decision("normal", _sentence(rule, shown, probabilities[shown]), (), (), shown)
    named = [output for output in reached if output not in rule.healthy] or reached
    reason = "; ".join(_sentence(rule, output, probabilities[output]) for output in named)
    return Decision("abnormal", reason, suspected(rule.targets, reached, probabilities), reached, shown)


def _is_reached(rule: Rule, output: str, probability: float) -> bool:
    return (probability >= rule.thresholds[output]) != (output in rule.healthy)


def margin(probability: float, threshold: float) -> float:
    """How far a probability lies above its threshold, in logits; comparable between outputs."""
    return _logit(probability) - _logit(threshold)


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(bounded / (1 - bounded))


def _sentence(rule: Rule, output: str, probability: float) -> str:
    threshold = rule.thresholds[output]
    verb = "reaches" if probability >= threshold else "stays below"
    shown, limit = _distinct(probability, threshold)
    return f"{describe_disease(rule.targets, output)}: probability {shown} {verb} its threshold of {limit}"


def _distinct(probability: float, threshold: float) -> tuple[str, str]:
    """Both numbers with the fewest decimals (two to six) that show them in their true order."""
    for decimals in range(2, 7):
        shown, limit = f"{probability:.{decimals}f}", f"{threshold:.{decimals}f}"
        if (float(shown) >= float(limit)) == (probability >= threshold):
            break
    return shown, limit
