"""Every setting of a training, with its default, meaning and range; see docs/recipe.md.

A recipe holds all that a result depends on: the resolved recipe saved beside a model is enough to train it again.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from eyeground.config.normalisation import IMAGENET_MEAN, IMAGENET_STD
from eyeground.config.settings import Seed, Settings
from eyeground.config.several_sources import SeveralSources
from eyeground.config.supervision import EvidenceGuidance, SoftLabels
from eyeground.config.targets import Target, Targets

UnitValue = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
CalibrationMethod = Literal["auto", "none", "temperature", "platt", "isotonic"]
CALIBRATION = (
    "How probabilities are calibrated on validation photos. auto: by temperature or Platt scaling where held-out "
    "validation patients are the better for it, else not at all. isotonic: needs many photos, and ties some."
)


def describe_switch(initialisation: object) -> str:
    """What to answer to an initialisation that is given as yes or no, which names no weights; else an empty string.

    >>> describe_switch("imagenet"), describe_switch(False)
    ('', "False does not say where the weights start; did you mean 'scratch'?")
    """
    word = str(initialisation).strip().lower()
    if word in ("true", "yes", "on", "1"):
        meant = "'imagenet', or the path of a bundle or .safetensors file"
    elif word in ("false", "no", "off", "none", "null", "0"):
        meant = "'scratch'"
    else:
        return ""
    return f"{initialisation!r} does not say where the weights start; did you mean {meant}?"


def _refuse_switch(value: Any) -> Any:
    # A quoted 0 or 1 may be a folder's name; whether it is one is seen when the weights are loaded.
    if (message := describe_switch(value)) and value not in ("0", "1"):
        raise ValueError(message)
    return value


Initialisation = Annotated[str, BeforeValidator(_refuse_switch)]


class Preprocessing(Settings):
    """Everything between a photograph's file and the tensor that the network sees; it travels in every bundle."""

    version: Literal[1] = Field(
        1, description="Version of the standard-photo algorithm; another version is another input."
    )
    side: int = Field(224, ge=32, le=4096, description="Side of the square standard photo, in pixels.")
    mean: tuple[UnitValue, UnitValue, UnitValue] = Field(
        IMAGENET_MEAN, description="Mean of R, G, B to subtract, on the 0-1 scale."
    )
    std: tuple[Positive, Positive, Positive] = Field(
        IMAGENET_STD, description="Standard deviation of R, G, B to divide by, on the 0-1 scale."
    )


class Architecture(Settings):
    """The network: a timm backbone, global average pooling, and a head."""

    backbone: str = Field("resnet50", description="Any timm model name that yields a spatial feature map.")
    backbone_options: dict[str, Any] = Field(
        {},
        description="Further arguments of `timm.create_model`, for example {pad_type: same} or {drop_path_rate: 0.1}.",
    )
    head: Literal["linear", "jang2024"] = Field(
        "linear",
        description="linear: one layer on the pooled embedding. jang2024: the paper's hidden layer of 512 units with ReLU.",
    )
    output_stride: Literal[8, 16, 32] = Field(
        32,
        description="Input pixels per evidence-map pixel; 16 doubles the map's resolution where the backbone allows it.",
    )
    fine_strides: tuple[Literal[16, 8, 4], ...] = Field(
        (),
        description="Finer feature maps of a convolutional backbone that the head sums beside its last one, by their input pixels per "
        "cell, the coarsest first: [16, 8] gives the evidence map cells of 8 pixels at hardly any cost. None: the last map alone.",
    )
    views: Literal[1, 2, 4] = Field(
        1,
        description="Copies of a photo whose feature maps are averaged at inference, each turned back first: 1, the photo alone; "
        "2, also upside down; 4, also both of them mirrored. Inference costs as many times as much.",
    )
    scales: tuple[Annotated[float, Field(ge=0.5, le=2)], ...] = Field(
        (1.0,),
        min_length=1,
        description="Sizes of the photo at inference, relative to the side; the first is 1. [1, 0.75] averages the feature maps of the "
        "photo and of the photo reduced to three quarters. Other sides than the first are rounded to a multiple of 32 px. The "
        "cost of each is in proportion to its pixels. For networks that take any size.",
    )

    @field_validator("scales")
    @classmethod
    def _full_photo_first(cls, scales: tuple[float, ...]) -> tuple[float, ...]:
        if scales[0] != 1 or len(set(scales)) < len(scales):
            raise ValueError("the first scale is 1, the photo as it is, and no scale occurs twice")
        return scales

    @field_validator("fine_strides")
    @classmethod
    def _coarsest_first(cls, strides: tuple[int, ...]) -> tuple[int, ...]:
        if list(strides) != sorted(set(strides), reverse=True):
            raise ValueError("give each stride once, the coarsest first, such as [16, 8]")
        return strides

    @model_validator(mode="after")
    def _finer_than_the_last(self) -> "Architecture":
        if any(stride >= self.output_stride for stride in self.fine_strides):
            raise ValueError(f"fine_strides must be smaller than output_stride, which is {self.output_stride}")
        return self

    def sides(self, side: int) -> tuple[int, ...]:
        """Sides, in pixels, at which a standard photo of `side` px is seen."""
        return tuple(side if scale == 1 else max(32, 32 * round(side * scale / 32)) for scale in self.scales)


class Augmentation(Settings):
    """Random changes of a training photo that leave its diagnosis as it is."""

    flip: bool = Field(True, description="Flip left-right with probability 0.5, as if it were the other eye.")
    rotation: float = Field(
        180.0, ge=0, le=180, description="Largest rotation either way, in degrees; the field of view is a disc."
    )
    zoom: float = Field(0.1, ge=0, lt=1, description="Largest relative change of scale.")
    shift: float = Field(0.03, ge=0, le=0.5, description="Largest shift, as a share of the side.")
    warp: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Share of photos that are rotated by any angle, zoomed and shifted, which makes them less sharp; "
        "where the rotation allows it, all are turned by right angles.",
    )
    brightness: float = Field(0.2, ge=0, lt=1, description="Largest relative change of brightness.")
    contrast: float = Field(0.2, ge=0, lt=1, description="Largest relative change of contrast.")
    colour: float = Field(
        0.1, ge=0, lt=1, description="Largest relative change of each colour channel by itself (camera and lens)."
    )
    gamma: float = Field(0.2, ge=0, lt=1, description="Largest relative change of gamma.")
    illumination: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Largest relative change of brightness across the photo, from centre to rim and from side to side.",
    )
    blur: float = Field(0.1, ge=0, le=1, description="Share of photos that are blurred (defocus).")
    sharpen: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of photos that are sharpened, as by a better lens or a camera's own processing.",
    )
    jpeg: float = Field(
        0.1, ge=0, le=1, description="Share of photos that are compressed again as JPEG, quality 40-95."
    )


class Optimisation(Settings):
    """How the weights are fitted."""

    epochs: int = Field(10, ge=1, description="Passes over the training photos.")
    batch_size: int = Field(32, ge=1, description="Photos per step, of all devices and passes together.")
    optimiser: Literal["adamw", "adam", "sgd"] = Field("adamw", description="Update rule.")
    learning_rate: float = Field(
        3e-4, gt=0, description="Peak learning rate of the head and, without layer decay, of all layers."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Factor on the learning rate from each layer to the one below it."
    )
    weight_decay: float = Field(
        0.02, ge=0, description="Decoupled weight decay; biases and normalisation layers have none."
    )
    freeze: int = Field(
        0,
        ge=0,
        description="Groups of backbone layers, counted from the photo (timm's own grouping: the stem, then stages), that stay "
        "as they start. The lowest are general and cost the most: freezing them trains about 1.6 times the photos per second.",
    )
    warmup: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="Share of the steps over which the learning rate rises from zero; then cosine to zero.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="Share of the truth given to the other answer.")
    loss: Literal["cross-entropy", "focal"] = Field(
        "cross-entropy", description="Cross-entropy, or focal loss with gamma 2."
    )
    imbalance: Literal["none", "weighted-loss", "balanced-sampler"] = Field(
        "none",
        description="What is done about rare classes: nothing, weigh their loss, or sample their photos more often.",
    )
    average_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Decay per step of the exponential moving average of the weights that is kept; 0 keeps the last weights.",
    )
    clip: float = Field(1.0, ge=0, description="Largest norm of the gradient; 0 means no limit.")
    patience: int = Field(
        0, ge=0, description="Epochs without a better validation AUROC before stopping; 0 never stops early."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        description="auto: bf16 where the hardware multiplies it natively (GPUs, CPUs with AMX or AVX-512 BF16), else fp32.",
    )


class Machine(Settings):
    """What the work runs on; changes speed, and results only in the last digits."""

    accelerator: Literal["auto", "cpu", "gpu"] = Field("auto", description="auto takes a GPU where there is one.")
    devices: int = Field(
        1, ge=1, description="GPUs or CPU processes that train together (DDP). Under torchrun or srun, theirs count."
    )
    accumulate: int = Field(
        1,
        ge=1,
        description="Passes per step of each device, where its share of the batch does not fit into its memory at once.",
    )
    sync_batchnorm: bool = Field(
        False,
        description="Batch normalisation over the photos of all devices instead of each one's own; GPUs only.",
    )
    workers: int | None = Field(
        None,
        ge=0,
        description="Processes that read and augment photos. Unset: as many as cores, at most 8, beside a GPU or on "
        "more than 4 cores; else none: reading photos between the steps then costs less than competing with the network for a core.",
    )


class TrainingRecipe(SeveralSources):
    """All settings of `eyeground pretrain` and `eyeground adapt --finetune`."""

    targets: Targets = Field((Target(name="abnormal"),), description="Label columns to learn.")
    initialisation: Initialisation = Field(
        "imagenet",
        description="Where the weights start: scratch, imagenet (timm's weights from the hub), a bundle, or a .safetensors file, "
        "converted by `eyeground convert` or in timm's key names.",
    )
    architecture: Architecture = Field(Architecture(), description="The network.")
    preprocessing: Preprocessing = Field(Preprocessing(), description="Photograph to tensor.")
    augmentation: Augmentation = Field(Augmentation(), description="Random changes of training photos.")
    soft_labels: SoftLabels = Field(SoftLabels(), description="Learning from other models beside the labels.")
    evidence: EvidenceGuidance = Field(EvidenceGuidance(), description="Where evidence is to lie.")
    optimisation: Optimisation = Field(Optimisation(), description="Fitting.")
    calibration: CalibrationMethod = Field("auto", description=CALIBRATION)
    machine: Machine = Field(Machine(), description="Hardware.")
    seed: Seed = Field(0, description="Seed of everything random; same seed and machine, same results.")

    @model_validator(mode="after")
    def _guidance_is_complete(self) -> "TrainingRecipe":
        if bool(self.evidence.masks) != bool(self.evidence.outputs):
            raise ValueError(
                "evidence needs both masks and outputs: which lesions, and whose evidence is to lie on them"
            )
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs, target by target."""
        return tuple(output for target in self.targets for output in target.outputs)


class ProbeRecipe(Settings):
    """All settings of `eyeground adapt --probe`: logistic regression on the frozen embedding."""

    targets: Targets = Field(description="Label columns to learn.")
    C: tuple[Positive, ...] = Field(
        (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0),
        min_length=1,
        description="Inverse regularisation strengths (C) to choose from, tried from the strongest until the loss rises.",
    )
    folds: int = Field(
        5,
        ge=2,
        description="Patient-grouped folds within the training photos by which the strength is chosen; and as many around these, "
        "by which the probe is validated where a small manifest has no splits.",
    )
    calibration: CalibrationMethod = Field("auto", description=CALIBRATION)
    seed: Seed = Field(0, description="Seed of the folds.")
