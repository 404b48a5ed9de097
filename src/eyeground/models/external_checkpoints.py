"""Checkpoints of other groups that can be converted, as data: what their publishers say of them, with the page.

Nothing heavy is imported, so that the command line can list the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from eyeground.config.normalisation import IMAGENET_MEAN, IMAGENET_STD

Colour = tuple[float, float, float]
HALF: Colour = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Format:
    """One publisher's checkpoints.

    Attributes:
        name: The value of `--from`.
        title: What it is, with year.
        page: Where the file and its terms are.
        licence: As the publisher states it, or "not stated by the publisher".
        citation: The paper to cite.
        backbones: timm models it may hold; the first of which every tensor fits is taken.
        side: Side in pixels of the photos it was trained on; a position embedding in the file comes before it.
        mean, std: Normalisation of R, G, B on the 0-1 scale.
        containers: Entries of the checkpoint under which the weights may lie, the first one found counting. A file may
            also hold the weights alone.
        leftovers: What may be left out: a regular expression of the entire name (without prefix), and the reason.
        timm_filter: timm module whose `checkpoint_filter_fn` brings the names to timm's; empty where they are timm's.
    """

    name: str
    title: str
    page: str
    licence: str
    citation: str
    backbones: tuple[str, ...]
    side: int
    mean: Colour = IMAGENET_MEAN
    std: Colour = IMAGENET_STD
    containers: tuple[str, ...] = ("model", "state_dict")
    leftovers: Mapping[str, str] = field(default_factory=dict)
    timm_filter: str = ""


RETFOUND_MAE = Format(
    name="retfound-mae",
    title="RETFound, masked autoencoder on fundus photographs or OCT (2023)",
    page="https://github.com/rmaphoh/RETFound",
    licence="CC BY-NC 4.0",
    citation="Zhou et al., A foundation model for generalizable disease detection from retinal images, Nature 2023",
    backbones=("vit_large_patch16_224",),
    side=224,
    leftovers={
        r"decoder_.+": "decoder of the pre-training",
        r"mask_token": "stands for hidden patches, in the pre-training only",
        r"head\..+": "head of another task",
        r"fc_norm\..+": "normalisation between pooling and the head of another task",
    },
)

RETFOUND_DINOV2 = Format(
    name="retfound-dinov2",
    title="RETFound, DINOv2 on fundus photographs (2025)",
    page="https://github.com/rmaphoh/RETFound",
    licence="CC BY-NC 4.0",
    citation="Zhou et al., Revealing the impact of pre-training data on medical foundation models, 2025",
    backbones=("vit_large_patch14_dinov2",),
    side=518,
    containers=("teacher", "model"),
    leftovers={
        r"(dino|ibot)_head\..+": "projection head of the pre-training",
        r"mask_token": "stands for hidden patches, in the pre-training only",
        r"head\..+": "head of another task",
    },
    timm_filter="timm.models.vision_transformer",
)

RETFOUND_GREEN = Format(
    name="retfound-green",
    title="RETFound-Green, token reconstruction on 75,000 fundus photographs (2024)",
    page="https://github.com/justinengelmann/RETFound_Green",
    licence="Custom Non-Commercial Research Licence (CNCRL)",
    citation="Engelmann and Bernabeu, Training a high-performance retinal foundation model with half-the-data and 400 "
    "times less compute, Nature Communications 2025",
    backbones=("vit_small_patch14_reg4_dinov2",),
    side=392,
    mean=HALF,
    std=HALF,
)

DINOV2 = Format(
    name="dinov2",
    title="DINOv2 of Meta, on natural images (2023), with or without registers",
    page="https://github.com/facebookresearch/dinov2",
    licence="Apache-2.0",
    citation="Oquab et al., DINOv2: learning robust visual features without supervision, TMLR 2024",
    backbones=(
        "vit_small_patch14_dinov2",
        "vit_base_patch14_dinov2",
        "vit_large_patch14_dinov2",
        "vit_small_patch14_reg4_dinov2",
        "vit_base_patch14_reg4_dinov2",
        "vit_large_patch14_reg4_dinov2",
    ),
    side=518,
    containers=("teacher", "model"),
    leftovers={
        r"mask_token": "stands for hidden patches, in the pre-training only",
        r"(dino|ibot)_head\..+": "projection head of the pre-training",
    },
    timm_filter="timm.models.vision_transformer",
)

DINOV3 = Format(
    name="dinov3",
    title="DINOv3 of Meta, on natural images (2025), vision transformers",
    page="https://github.com/facebookresearch/dinov3",
    licence="DINOv3 License",
    citation="Siméoni et al., DINOv3, arXiv 2508.10104",
    # The variants with bias: a bias of zero, which some files hold, loses nothing there; the others would drop any.
    backbones=(
        "vit_small_patch16_dinov3_qkvb",
        "vit_small_plus_patch16_dinov3_qkvb",
        "vit_base_patch16_dinov3_qkvb",
        "vit_large_patch16_dinov3_qkvb",
    ),
    side=256,
    containers=("teacher", "model"),
    leftovers={
        r"mask_token": "stands for hidden patches, in the pre-training only",
        r"rope_embed\.periods": "computed from the architecture",
        r"blocks\.\d+\.attn\.qkv\.bias_mask": "constant; says that keys have no bias",
    },
    timm_filter="timm.models.eva",
)

TORCHVISION = Format(
    name="torchvision",
    title="torchvision's ResNets, on ImageNet or as saved from your own training",
    page="https://github.com/pytorch/vision",
    licence="BSD-3-Clause (the code; none is stated for weights)",
    citation="He et al., Deep residual learning for image recognition, CVPR 2016",
    backbones=(
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet152",
        "resnext50_32x4d",
        "resnext101_32x8d",
        "resnext101_64x4d",
        "wide_resnet50_2",
        "wide_resnet101_2",
    ),
    side=224,
    leftovers={r"fc\.(weight|bias)": "head of another task"},
)

JANG2024 = Format(
    name="jang2024",
    title="Jang et al., supervised on normal and abnormal fundus photographs (2024)",
    page="https://arxiv.org/abs/2408.08790",
    licence="not stated by the publisher",
    citation="Jang et al., A disease-specific foundation model using over 100K fundus images, arXiv 2408.08790",
    backbones=("resnet50",),
    side=512,
    leftovers={r"fc\.[0-9]\.(weight|bias)": "the paper's head 2048-512-n, of another task"},
)

FORMATS = {
    one.name: one for one in (RETFOUND_MAE, RETFOUND_DINOV2, RETFOUND_GREEN, DINOV2, DINOV3, TORCHVISION, JANG2024)
}
