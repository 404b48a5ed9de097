"""Thresholds and the rule that decides, each with what it was chosen on and measured as; see docs/screening.md."""

from typing import Annotated, Literal

from pydantic import Field

from eyeground.config.settings import Settings


class OperatingPoint(Settings):
    """A threshold on one output, and where it came from."""

    output: str = Field(description="Output it applies to.")
    threshold: float = Field(ge=0, le=1, description="A photo counts as positive from this probability on.")
    rule: str = Field(description="How it was chosen, for example 'youden' or 'sensitivity=0.95'.")
    chosen_on: Literal["validation", "train", "test", "cross-validation", "site", "given"] = Field(
        description="Split whose truths were looked at to choose it; 'cross-validation' where those of all photos were, each "
        "predicted out of its fold; 'site' where those of the place of use were; 'given' where none were; never test in a bundle."
    )
    positives: int = Field(ge=0, description="Positive photos it was chosen on.")
    negatives: int = Field(ge=0, description="Negative photos it was chosen on.")
    sensitivity: float | None = Field(
        None, ge=0, le=1, description="Share of the positive test photos that it finds; empty where not measured."
    )
    specificity: float | None = Field(
        None, ge=0, le=1, description="Share of the negative test photos that it passes; empty where not measured."
    )


class Share(Settings):
    """A share of photos, with its 95 % interval over patients."""

    value: float = Field(ge=0, le=1, description="The share.")
    low: float = Field(ge=0, le=1, description="Lower end of the interval.")
    high: float = Field(ge=0, le=1, description="Upper end of the interval.")
    photos: int = Field(ge=1, description="Photos it is a share of.")


class DecisionRule(Settings):
    """When a photo is abnormal: as soon as any of these outputs reaches its threshold, all chosen together."""

    rule: str = Field(description="What all thresholds together keep, for example 'youden' or 'specificity=0.9'.")
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=1,
        description="Threshold of each deciding output; of one that is the probability of health, lower is abnormal.",
    )
    chosen_on: Literal["validation", "train", "cross-validation", "site", "given"] = Field(
        description="Photos whose truths were looked at: a split, all out of fold, or those of the site where it is used; "
        "'given' where none were."
    )
    positives: int = Field(ge=0, description="Abnormal photos it was chosen on.")
    negatives: int = Field(ge=0, description="Normal photos it was chosen on.")
    sensitivity: Share | None = Field(None, description="Of the abnormal test photos, those called abnormal.")
    specificity: Share | None = Field(None, description="Of the normal test photos, those called normal.")


class Expected(Settings):
    """Scores of the photos that thresholds were chosen on, by which screening notices that others are unlike them."""

    output: str = Field(description="The output whose probabilities these are.")
    normal: tuple[float, ...] = Field(min_length=2, description="Evenly spaced quantiles (0 to 1) over normal photos.")
    abnormal: tuple[float, ...] = Field(
        min_length=2, description="Evenly spaced quantiles (0 to 1) over abnormal photos."
    )
