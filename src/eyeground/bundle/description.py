"""The content of `bundle.json` as typed settings, checked for consistency; see docs/bundle.md.

What an older format lacks is empty.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

import eyeground
from eyeground.bundle.calibration import Calibration, refuse_misfits
from eyeground.bundle.measured import Familiarity, MeasuredMetric, Quantisation, Rounding
from eyeground.config.operating_point import DecisionRule, Expected, OperatingPoint, Share
from eyeground.config.segmentation_recipe import Decoder
from eyeground.config.settings import Settings
from eyeground.config.targets import Target, healthy_outputs, refuse_equal_names
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError

FORMATS = (1, 2, 3)
HALF, SINGLE = "F16", "F32"  # as safetensors names them


class Site(Settings):
    """Your own photos by which `eyeground calibrate` set thresholds and calibration."""

    source: str = Field(description="Identity of the bundle that was calibrated.")
    manifest_fingerprint: str = Field(description="SHA-256 of the site's manifest.")
    photos: int = Field(ge=1, description="Judged photos that thresholds were chosen on.")
    patients: int = Field(ge=1, description="Their patients.")
    expected_abnormal: float | None = Field(
        None, ge=0, le=1, description="Share of abnormal photos that was stated, where they have no labels."
    )
    sensitivity_before: Share | None = Field(None, description="Of the source's rule on these photos.")
    specificity_before: Share | None = Field(None, description="Of the source's rule on these photos.")
    threshold_intervals: dict[str, tuple[float, float]] = Field(
        {}, description="95 % intervals of the first rule's thresholds over resampled patients."
    )


@dataclass(frozen=True)
class AnswerRules:
    """How probabilities become answers; the fields are those of `BundleDescription`."""

    calibrations: tuple[Calibration, ...] = ()
    operating_points: tuple[OperatingPoint, ...] = ()
    decisions: tuple[DecisionRule, ...] = ()
    without_threshold: Mapping[str, str] = field(default_factory=dict)
    expected: Expected | None = None


NO_ANSWERS = AnswerRules()


class TrainingRecord(Settings):
    """What the weights were fitted to."""

    manifest_fingerprint: str = Field(description="SHA-256 of the training manifest's content.")
    photos: int = Field(ge=0, description="Photos trained on.")
    patients: int = Field(ge=0, description="Patients trained on.")
    sources: tuple[str, ...] = Field((), description="Datasets trained on, by the manifest's `source`.")
    terms: dict[str, str] = Field({}, description="Licence and citation of each of these, where they are known.")
    initialisation: str = Field(description="Where the weights started.")
    side: int | None = Field(
        None, description="Pixels of the photos trained on, where the model answers at another side; else empty."
    )
    method: Literal["pretrain", "finetune", "probe", "segmentation"] = Field(description="How they were fitted.")
    epochs: int = Field(ge=0, description="Epochs trained; 0 for a probe.")
    seed: int = Field(ge=0, description="Seed.")


class Stacked(Settings):
    """An output whose logit has a share of another output's added (`eyeground.workflows.release.stacking`)."""

    output: str = Field(description="The output that was changed.")
    added: str = Field(description="The output whose logit was added.")
    share: float = Field(gt=0, description="How much of it.")
    photos: int = Field(ge=1, description="Validation photos that it was fitted on.")


class BundleDescription(Settings):
    """The content of `bundle.json`."""

    format: Literal[1, 2, 3] = Field(3, description="Version of this layout.")
    name: str = Field(min_length=1, description="Name of the model.")
    created: str = Field(description="When it was made (UTC, ISO 8601).")
    made_by: str = Field(description="Version of eyeground that made it.")
    architecture: Architecture = Field(description="The network.")
    decoder: Decoder | None = Field(
        None,
        description="The decoder of a segmenter, whose outputs are structures with a probability for each pixel; a classifier has "
        "none.",
    )
    preprocessing: Preprocessing = Field(description="All steps from photograph to tensor.")
    targets: tuple[Target, ...] = Field(min_length=1, description="Label map: what the outputs mean, in order.")
    embedding_size: int = Field(ge=1, description="Length of the embedding.")
    tensors: dict[str, tuple[int, ...]] = Field(description="Name and shape of every tensor in model.safetensors.")
    storage: dict[str, str] = Field(
        {}, description="Type in which model.safetensors stores each tensor (F16, F32, I64); loading gives float32."
    )
    stacked: tuple[Stacked, ...] = Field((), description="Outputs to which a share of another's logit was added.")
    calibrations: tuple[Calibration, ...] = Field((), description="What calibrates the network's probabilities.")
    operating_points: tuple[OperatingPoint, ...] = Field((), description="Thresholds chosen on validation data.")
    decisions: tuple[DecisionRule, ...] = Field(
        (), description="Rules by which screening calls a photo abnormal; the first unless another is asked for."
    )
    without_threshold: dict[str, str] = Field(
        {}, description="Outputs that have no threshold and decide nothing, and why."
    )
    expected: Expected | None = Field(None, description="What scores to expect; empty where not recorded.")
    site: Site | None = Field(None, description="Your own photos that it was calibrated on; empty for others.")
    training: TrainingRecord = Field(description="What it was trained on.")
    metrics: tuple[MeasuredMetric, ...] = Field((), description="What was measured of it, the headline first.")
    familiarity: Familiarity | None = Field(
        None, description="How unfamiliar photos are recognised; empty where the bundle does not record it."
    )
    rounding: Rounding | None = Field(None, description="What 16-bit storage changed.")
    quantisations: tuple[Quantisation, ...] = Field((), description="8-bit graphs that were tried, in order.")
    licence: str = Field(description="Licence of the weights.")
    files: dict[str, str] = Field({}, description="SHA-256 of every other file of the bundle.")

    @model_validator(mode="before")
    @classmethod
    def _without_further_points(cls, content: Any) -> Any:
        # Bundles of formats 2 and 3 made by 0.1.0 hold them, the released ones among these; nothing reads them since rules decide.
        if isinstance(content, dict):
            return {name: value for name, value in content.items() if name != "further_points"}
        return content

    @model_validator(mode="after")
    def _outputs_are_consistent(self) -> "BundleDescription":
        refuse_equal_names(self.targets)
        for target in self.targets:
            if not target.outputs:
                raise ValueError(f"target '{target.name}' is {target.kind} and lists no classes")
        for point in self.operating_points:
            if point.output not in self.outputs:
                raise ValueError(f"an operating point is for '{point.output}', which is no output")
            if point.chosen_on == "test":
                raise ValueError(
                    f"the operating point of '{point.output}' was chosen on test photos; choose on validation"
                )
        for decision in self.decisions:
            if not decision.thresholds.keys() <= set(self.outputs):
                raise ValueError(
                    f"a decision rests on '{min(decision.thresholds.keys() - set(self.outputs))}', which is no output"
                )
        refuse_misfits(self.calibrations, {one.outputs: one.kind == "multiclass" for one in self.targets})
        return self

    @model_validator(mode="after")
    def _measurements_fit(self) -> "BundleDescription":
        if self.storage and self.storage.keys() != self.tensors.keys():
            stray = min(self.storage.keys() ^ self.tensors.keys())
            raise ValueError(f"'storage' and 'tensors' do not name the same tensors: '{stray}' is in one of them")
        for metric in self.metrics:
            if metric.output not in self.outputs:
                raise ValueError(f"a metric is of '{metric.output}', which is no output")
        for one in self.stacked:
            if not {one.output, one.added} <= set(self.outputs):
                raise ValueError(f"'{one.added}' was added to '{one.output}', one of which is no output")
        if sum(one.released for one in self.quantisations) > 1:
            raise ValueError("more than one 8-bit graph is called released; a bundle holds at most one")
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs, in order."""
        return tuple(output for target in self.targets for output in target.outputs)

    @property
    def healthy_outputs(self) -> frozenset[str]:
        """Outputs that are the probability of health, of which low is abnormal."""
        return healthy_outputs(self.targets)

    @property
    def trained_side(self) -> int:
        """Pixels of the standard photos that the weights know."""
        return self.training.side or self.preprocessing.side

    @property
    def headline(self) -> MeasuredMetric | None:
        """The first AUROC of a classifier, or Dice of a segmenter, on the run's own test photos; None where none is recorded."""
        metric = "auroc" if self.decoder is None else "dice"
        return next((one for one in self.metrics if (one.metric, one.scope) == (metric, "test")), None)

    def threshold(self, output: str) -> float | None:
        """The first operating point of an output, or None where none was chosen."""
        return next((point.threshold for point in self.operating_points if point.output == output), None)


def describe_views(architecture: Architecture, side: int) -> str:
    """Copies of a standard photo of `side` px that a network averages over; empty where there is only the photo.

    >>> describe_views(Architecture(views=2, scales=(1, 0.75)), 512)
    '4 copies of the photo: at 512 and 384 px, each upright and upside down'
    """
    flipped = {1: "", 2: "upright and upside down", 4: "upright, upside down and mirrored both ways"}[
        architecture.views
    ]
    sides = [str(one) for one in architecture.sides(side)]
    sized = f"at {', '.join(sides[:-1])} and {sides[-1]} px" if len(sides) > 1 else ""
    how = ", each ".join(part for part in (sized, flipped) if part)
    return f"{len(sides) * architecture.views} copies of the photo: {how}" if how else ""


def read_description(path: Path) -> BundleDescription:
    """Read a `bundle.json` and check that it is consistent; other files are not read.

    Raises:
        UserError: If it cannot be read, is of another format, or contradicts itself.
    """
    try:
        return parse_description(path.read_bytes(), path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def parse_description(text: bytes, path: Path) -> BundleDescription:
    """As `read_description`, of the content of the file at `path`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, dict) or "format" not in content:
        raise UserError(f"{path}: not the description of an eyeground bundle; it has no 'format'")
    if content["format"] not in FORMATS:
        raise UserError(
            f"{path}: format {content['format']!r} is not known to eyeground {eyeground.__version__}; update eyeground"
        )
    try:
        return BundleDescription.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise UserError(f"{path}: '{place}': {message}" if place else f"{path}: {message}") from error
