"""The result of one photograph as documents of any kind need it: outputs in words, the model's identity, and the fixed sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import eyeground
from eyeground.bundle.files import WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.config.label_words import disease_name
from eyeground.config.targets import Target
from eyeground.screening.decision import Rule
from eyeground.screening.finding import Finding
from eyeground.screening.segmenter import SegmentedPhoto
from eyeground.screening.suspicion import describe_disease
from eyeground.screening.words import describe_origin, headline

PRODUCT, MAKER = "eyeground", "eyeground (open source)"
RESEARCH_USE = "Research use only. Not a medical device."
PRELIMINARY = "Preliminary: made by an algorithm, not verified by a person."
DECIMALS = 4  # of probabilities and thresholds, wherever they are written

Normality = Literal["normal", "abnormal", "normality undetermined"]


@dataclass(frozen=True)
class Output:
    """One output of the model.

    Attributes:
        name: As in tables.
        words: What it is the probability of.
        disease: The disease, without a grade.
        probability, threshold: 0-1, rounded; no threshold where it decides nothing.
        normality: Whether it reached its threshold; undetermined where it has none, or where nothing is decided.
    """

    name: str
    words: str
    disease: str
    probability: float
    threshold: float | None
    normality: Normality


@dataclass(frozen=True, eq=False)
class Result:
    """A finding with all that documents say beside it.

    Attributes:
        finding: Of the photograph.
        bundle: The model that it is of.
        made: When it was made, with a time zone.
        picture: uint8 RGB (side, side, 3): the standard photo's square for people; empty if unreadable.
        segmented: By the identity of their bundles, what segmenters that were asked for found.
    """

    finding: Finding
    bundle: Bundle
    made: datetime
    picture: NDArray[np.uint8] = field(repr=False)
    segmented: Mapping[str, SegmentedPhoto] = field(default_factory=dict, repr=False)

    @property
    def is_judged(self) -> bool:
        """Whether the photograph was called normal or abnormal."""
        return self.finding.status in ("normal", "abnormal")

    @property
    def version(self) -> str:
        """Of eyeground."""
        return eyeground.__version__

    @property
    def weights_sha256(self) -> str:
        """Of the model's weights, 64 hexadecimal digits."""
        return self.bundle.description.files[WEIGHTS]

    @property
    def headline(self) -> str:
        """The result in one line, as in the report of a screening."""
        return headline(self.finding.status, "; ".join(self.finding.suspected), self.finding.reason)

    @property
    def operating_point(self) -> str:
        """The rule that decides, and where its thresholds come from, in sentences."""
        decision = self.finding.rule.decision
        return f"Operating point {decision.rule}. {describe_origin(decision)}" if decision else describe_origin(None)

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All outputs of the model, in its order; none if the photograph is unreadable."""
        rule, finding = self.finding.rule, self.finding
        found = []
        for name in rule.outputs if finding.probabilities else ():
            threshold = rule.thresholds.get(name)
            normality: Normality = "abnormal" if name in finding.reached else "normal"
            if threshold is None or not self.is_judged:
                normality = "normality undetermined"
            found.append(
                Output(
                    name,
                    describe_disease(rule.targets, name),
                    _disease(rule.targets, name),
                    round(finding.probabilities[name], DECIMALS),
                    None if threshold is None else round(threshold, DECIMALS),
                    normality,
                )
            )
        return tuple(found)

    def without_day(self) -> "Result":
        """The same with nothing of the day but its year, as who was screened when may say who it was."""
        return replace(self, made=self.made.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0))

    @property
    def identity(self) -> str:
        """See `identity_of`."""
        return identity_of(self.bundle, self.finding.rule, self.segmented)


def identity_of(bundle: Bundle, rule: Rule, segmenters: Iterable[str] = ()) -> str:
    """What two results of one photograph share when they are the same: model, thresholds, version, and segmenters."""
    thresholds = sorted(rule.thresholds.items())
    return f"{bundle.digest} {eyeground.__version__} {thresholds} {sorted(segmenters)}"


def _disease(targets: Sequence[Target], output: str) -> str:
    """The disease that an output is about; of a grade's steps the same for all."""
    graded = next((target for target in targets if target.kind == "ordinal" and output in target.outputs), None)
    return describe_disease(targets, output) if graded is None else disease_name(graded.name)
