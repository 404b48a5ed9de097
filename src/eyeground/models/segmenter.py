"""A segmenter: a U-Net of segmentation-models-pytorch over a classifier's backbone, so that any bundle can start its encoder.

See docs/segmentation.md.
"""

from dataclasses import replace
from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from eyeground.bundle.open import is_segmenter, open_segmenter
from eyeground.config.segmentation_recipe import Decoder
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.checkpoints import read_tensors
from eyeground.models.classifier import FLIPS, Classifier
from eyeground.models.initialise import initialise
from eyeground.models.load_report import LoadReport

OUTPUT = "head.output."  # tensors with a row per structure
ENCODER = "model."  # what segmentation-models-pytorch puts before the names of timm's tensors


class SegmentationNetwork(nn.Module):
    """From standard photos to logits of each structure at each pixel.

    Args:
        architecture: The encoder. Its `views` are averaged in `probabilities`.
        preprocessing: Its side must be a multiple of 32.
        structures: Names of the outputs, in order.

    Raises:
        UserError: If the backbone has no feature maps at strides 2 to 32, or there are several scales.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, architecture: Architecture, decoder: Decoder, preprocessing: Preprocessing, structures: tuple[str, ...]
    ) -> None:
        super().__init__()
        if architecture.scales != (1.0,):
            raise UserError(
                f"a segmenter works at one size; architecture.scales is {list(architecture.scales)}, leave it out"
            )
        self.architecture = architecture
        self.decoder = decoder
        self.preprocessing = preprocessing
        self.structures = structures
        network = _network(architecture, decoder, len(structures))
        self.backbone: Any = network.encoder
        self.head = nn.ModuleDict({"decoder": network.decoder, "output": network.segmentation_head})
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std).view(1, 3, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    @property
    def embedding_size(self) -> int:
        """Feature maps at the deepest level."""
        return int(self.backbone.out_channels[-1])

    def forward(self, photos: Tensor) -> Tensor:
        """Logits (n, structures, h, w) of photos or patches (n, h, w, 3), uint8 RGB; h and w multiples of 32."""
        normalised = (photos.permute(0, 3, 1, 2).float() - self.mean) / self.std
        logits: Tensor = self.head["output"](self.head["decoder"](self.backbone(normalised)))
        return logits

    def probabilities(self, photos: Tensor) -> Tensor:
        """Probabilities (n, structures, h, w), each a mean over the architecture's views."""
        total: Tensor = self(photos).sigmoid()
        for axes in FLIPS[: self.architecture.views - 1]:
            flipped = photos.flip([axis - 1 for axis in axes])  # the same axes of (n, h, w, 3)
            total = total + self(flipped).sigmoid().flip(axes)
        return total / self.architecture.views


def start(segmenter: SegmentationNetwork, source: str) -> LoadReport:
    """Set the first weights: the encoder's from any source that `initialise` takes, or all of them from a segmenter's bundle.

    Of a segmenter, structures are matched by name, and those that it does not know start fresh.

    Raises:
        UserError: As `initialise`, if the classifier's backbone lacks a tensor of the encoder, or if a segmenter has
            another network or normalisation.
    """
    if source == "scratch":
        return LoadReport("scratch")
    if is_segmenter(source):
        return _start_entire(segmenter, source)
    target = Target(name="none")  # of the donor's head, which is not used
    donor = Classifier(segmenter.architecture, segmenter.preprocessing, [target])
    load_report = initialise(donor, source)
    # timm joins the names of nested layers by underscores in the pyramids of some families.
    given = {name.replace(".", "_"): tensor for name, tensor in donor.backbone.state_dict().items()}
    wanted = segmenter.backbone.state_dict()
    state = {name: given.get(name.removeprefix(ENCODER).replace(".", "_")) for name in wanted}
    missing = [name for name, tensor in state.items() if tensor is None or tensor.shape != wanted[name].shape]
    if missing:
        raise UserError(
            f"{source}: the backbone '{segmenter.architecture.backbone}' gives no '{missing[0]}' to a segmenter's encoder "
            f"({len(missing)} such tensors)"
        )
    segmenter.backbone.load_state_dict(state)
    used = {name.removeprefix(ENCODER).replace(".", "_") for name in wanted}
    above = {
        name: "above the encoder's deepest feature map"
        for name in load_report.loaded
        if name.replace(".", "_") not in used
    }
    return replace(
        load_report,
        loaded=tuple(name for name in load_report.loaded if name not in above),
        left_out={**load_report.left_out, **above},
    )


def _start_entire(segmenter: SegmentationNetwork, source: str) -> LoadReport:
    """Encoder, decoder and the output rows of known structures from a segmenter's bundle."""
    bundle = open_segmenter(source)
    description = bundle.description
    given, ours = description.preprocessing, segmenter.preprocessing
    if (given.mean, given.std) != (ours.mean, ours.std):
        raise UserError(
            f"bundle '{source}' was trained with mean {given.mean} and std {given.std}; set preprocessing.mean and "
            "preprocessing.std to these"
        )
    tensors, state = read_tensors(bundle.weights_path), segmenter.state_dict()
    known = {name: place for place, name in enumerate(description.outputs)}
    for name, tensor in state.items():
        rows = int(name.startswith(OUTPUT))  # which may differ in number
        if name not in tensors or tensors[name].shape[rows:] != tensor.shape[rows:]:
            raise UserError(
                f"bundle '{source}' gives no '{name}' of this network; leave out architecture.backbone and decoder.channels, "
                "and the bundle's own are taken"
            )
        if rows:
            for place, structure in enumerate(segmenter.structures):
                if structure in known:
                    tensor[place] = tensors[name][known[structure]]
        else:
            tensor.copy_(tensors[name])
    fresh = [name for name in segmenter.structures if name not in known]
    notes = (f"structures that start fresh: {', '.join(fresh)}",) if fresh else ()
    left_out = {OUTPUT + name: "not to be segmented" for name in known if name not in segmenter.structures}
    return LoadReport(source, tuple(state), left_out, notes=notes)


def _network(architecture: Architecture, decoder: Decoder, outputs: int) -> Any:
    name = architecture.backbone
    try:
        network = smp.Unet(
            f"tu-{name}",
            encoder_weights=None,
            decoder_channels=list(decoder.channels),
            classes=outputs,
            **architecture.backbone_options,
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"backbone '{name}' cannot be the encoder of a U-Net: {error}") from error
    return network
