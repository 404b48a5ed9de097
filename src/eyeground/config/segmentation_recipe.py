"""The recipe of a segmenter: its structures, its network, and how it is fitted; see docs/segmentation.md.

Structures are independent, as masks overlap (a vessel crosses the optic disc) and datasets annotate different ones.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from eyeground.config.settings import Seed, Settings
from eyeground.config.several_sources import SeveralSources
from eyeground.config.training_recipe import (
    Architecture,
    Augmentation,
    Initialisation,
    Machine,
    Optimisation,
    Preprocessing,
)

DEEPEST = 32  # input pixels per pixel of the deepest feature map: what sides and patches must be a multiple of
Channels = Annotated[int, Field(ge=4, le=1024)]


class Structure(Settings):
    """One structure or kind of lesion, annotated in the manifest's column `mask_<name>`."""

    name: str = Field(description="What is segmented: the part of the mask column's name after `mask_`.", min_length=1)
    missing: Literal["unknown", "absent"] = Field(
        "unknown",
        description="What an empty mask cell says. unknown: nothing, and the photo is left out for this structure. absent: "
        "that the photo shows none, as in IDRiD, whose publishers left out the files of lesions that are not there.",
    )
    weight: float = Field(1.0, gt=0, description="Weight in the loss and in the choice of the best epoch.")


class Decoder(Settings):
    """The half of a U-Net (Ronneberger et al. 2015, arXiv 1505.04597) that climbs back to the photo's resolution."""

    channels: tuple[Channels, Channels, Channels, Channels, Channels] = Field(
        (256, 128, 64, 32, 16), description="Feature maps of its five levels, the deepest first."
    )


class SegmentationRecipe(SeveralSources):
    """All settings of `eyeground adapt --structure`."""

    structures: tuple[Structure, ...] = Field(min_length=1, description="What to segment.")
    initialisation: Initialisation = Field(
        "imagenet",
        description="Where the encoder's weights start: scratch, imagenet, a bundle or a .safetensors file.",
    )
    architecture: Architecture = Field(
        Architecture(),
        description="The encoder; its `head` and `output_stride` have no part in a segmenter.",
    )
    decoder: Decoder = Field(Decoder(), description="The decoder.")
    preprocessing: Preprocessing = Field(Preprocessing(side=512), description="Photograph to tensor.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes; masks are turned and warped along.")
    patch: int = Field(
        0,
        ge=0,
        multiple_of=DEEPEST,
        description="Side of the random square that a step sees of a standard photo, in pixels; 0: the entire photo.",
    )
    draws: int = Field(1, ge=1, description="Times that an epoch uses each training photo.")
    overlap: Literal["dice", "tversky"] = Field(
        "dice",
        description="Loss of overlap beside the loss of pixels. dice: both kinds of error alike. tversky: a missed pixel "
        "weighs 0.7, a false one 0.3 (Salehi et al. 2017, arXiv 1706.05721), for small lesions.",
    )
    rivals: tuple[tuple[str, str], ...] = Field(
        (),
        description="Pairs of structures that are easily taken for each other, such as artery and vein: a loss between the two is "
        "added, at pixels that are one and not the other.",
    )
    optimisation: Optimisation = Field(Optimisation(epochs=40, batch_size=4), description="Fitting.")
    machine: Machine = Field(Machine(), description="Hardware.")
    seed: Seed = Field(0, description="Seed of everything random; same seed and machine, same results.")

    @model_validator(mode="after")
    def _is_consistent(self) -> "SegmentationRecipe":
        names = [one.name for one in self.structures]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"two structures are called '{repeated}'")
        strange = next((name for pair in self.rivals for name in pair if name not in names), None)
        if strange is not None:
            raise ValueError(f"rivals name '{strange}', which is no structure of this recipe ({', '.join(names)})")
        if self.preprocessing.side % DEEPEST:
            raise ValueError(
                f"preprocessing.side is {self.preprocessing.side}; a segmenter needs a multiple of {DEEPEST}"
            )
        if self.patch > self.preprocessing.side:
            raise ValueError(f"patch is {self.patch}, larger than preprocessing.side ({self.preprocessing.side})")
        return self

    @model_validator(mode="after")
    def _no_setting_is_ignored(self) -> "SegmentationRecipe":
        for name in ("imbalance", "label_smoothing", "freeze", "layer_decay", "patience"):
            default = Optimisation.model_fields[name].default
            if getattr(self.optimisation, name) != default:
                raise ValueError(f"optimisation.{name} has no part in segmentation; leave it out")
        return self
