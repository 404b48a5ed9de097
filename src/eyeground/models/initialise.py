"""Where the weights start, with an account of every tensor.

Loading with holes is how a "pretrained" model silently starts from noise. Here every tensor of the source is
either loaded, left out for a stated reason (the classifier of another task), or the cause of an error, and
every tensor of the backbone must be given. Only safetensors files are read; nothing is unpickled.
"""

from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from eyeground.bundle import DESCRIPTION, RELEASED, Bundle, open_bundle
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier

KNOWN_PREFIXES = ("", "module.", "model.", "backbone.", "encoder.")
MOST_NAMES_SHOWN = 5


@dataclass(frozen=True)
class Account:
    """What happened to each tensor of a source.

    Attributes
    ----------
    source : str
        Name or path of the source.
    loaded : tuple of str
        Backbone tensors that were set.
    left_out : dict of str to str
        Tensors of the source that were not used, and why.
    prefix : str
        Prefix that was removed from the source's names.
    """

    source: str
    loaded: tuple[str, ...] = ()
    left_out: dict[str, str] | None = None
    prefix: str = ""

    def print(self, console: Console) -> None:
        """Say in a few lines what was loaded and what was not."""
        if not self.loaded:
            console.print(f"initialisation [bold]{self.source}[/]: random weights, nothing loaded")
            return
        renamed = f", prefix '{self.prefix}' removed" if self.prefix else ""
        console.print(f"initialisation [bold]{self.source}[/]: {len(self.loaded)} tensors loaded, 0 missing{renamed}")
        for name, reason in (self.left_out or {}).items():
            console.print(f"  left out: {name} ({reason})")


def initialise(classifier: Classifier, source: str) -> Account:
    """Set the backbone's weights from `scratch`, `imagenet`, a bundle, or a safetensors file in timm's names.

    Raises
    ------
    UserError
        If the source is unknown, any backbone tensor is missing or has another shape, any tensor of the source
        is unexplained, or a bundle's normalisation differs from the recipe's.
    """
    if source == "scratch":
        return Account("scratch")
    if source == "imagenet":
        return _load(classifier, _imagenet(classifier), source)
    path = Path(source)
    if path.suffix == ".safetensors":
        return _load(classifier, _tensors(path), source)
    if (path / DESCRIPTION).is_file() or (RELEASED / source / DESCRIPTION).is_file():
        return _load_bundle(classifier, open_bundle(source), source)
    raise UserError(
        f"initialisation '{source}' is neither scratch, imagenet, a bundle nor a .safetensors file"
        + ("" if path.exists() else "; there is no such file or folder")
    )


def from_bundle(name_or_path: str | Path) -> Classifier:
    """The whole classifier of a bundle, backbone and head, in evaluation mode."""
    bundle = open_bundle(name_or_path)
    description = bundle.description
    classifier = Classifier(description.architecture, description.preprocessing, description.targets)
    try:
        classifier.load_state_dict(_tensors(bundle.weights_path))
    except RuntimeError as error:
        raise UserError(f"{bundle.weights_path}: does not fit the architecture in bundle.json: {error}") from error
    return classifier.eval()


def _imagenet(classifier: Classifier) -> dict[str, Tensor]:
    architecture = classifier.architecture
    try:
        donor = timm.create_model(architecture.backbone, pretrained=True, **architecture.backbone_options)
    except Exception as error:  # the hub client raises a dozen kinds, from sockets to missing weights
        raise UserError(
            f"ImageNet weights of '{architecture.backbone}' cannot be had from the hub ({type(error).__name__}). Without a "
            "network, give a local file: --set initialisation=/path/to/weights.safetensors"
        ) from error
    config = donor.pretrained_cfg
    preprocessing = classifier.preprocessing
    if tuple(config["mean"]) != preprocessing.mean or tuple(config["std"]) != preprocessing.std:
        raise UserError(
            f"the ImageNet weights of '{architecture.backbone}' expect mean {config['mean']} and std {config['std']}; set "
            f"preprocessing.mean and preprocessing.std to these (they are {preprocessing.mean} and {preprocessing.std})"
        )
    state: dict[str, Tensor] = donor.state_dict()
    return state


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such weights file") from error
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file: {error}") from error


def _load_bundle(classifier: Classifier, bundle: Bundle, source: str) -> Account:
    theirs, ours = bundle.description.preprocessing, classifier.preprocessing
    if (theirs.mean, theirs.std) != (ours.mean, ours.std):
        raise UserError(
            f"bundle '{source}' was trained with mean {theirs.mean} and std {theirs.std}, the recipe says {ours.mean} and "
            f"{ours.std}; set preprocessing.mean and preprocessing.std to the bundle's"
        )
    if bundle.description.architecture.backbone != classifier.architecture.backbone:
        raise UserError(
            f"bundle '{source}' is a {bundle.description.architecture.backbone}, the recipe asks for a "
            f"{classifier.architecture.backbone}; set architecture.backbone to the bundle's"
        )
    return _load(classifier, _tensors(bundle.weights_path), source)


def _load(classifier: Classifier, tensors: dict[str, Tensor], source: str) -> Account:
    wanted = classifier.backbone.state_dict()
    prefix = max(KNOWN_PREFIXES, key=lambda prefix: sum(prefix + name in tensors for name in wanted))
    given = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    # A counter of batches seen steers nothing at a fixed momentum, and some exporters drop it.
    for name, tensor in wanted.items():
        if name.endswith("num_batches_tracked"):
            given.setdefault(name, torch.zeros_like(tensor))
    problems = [f"missing: {name}" for name in wanted if name not in given]
    problems += [
        f"shape of {name}: {tuple(given[name].shape)} in the file, {tuple(tensor.shape)} in the network"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    left_out, unexplained = _leftovers(classifier, tensors, prefix, set(wanted))
    problems += [f"unexpected: {name}" for name in unexplained]
    if problems:
        shown = "\n  ".join(problems[:MOST_NAMES_SHOWN])
        more = f"\n  … and {len(problems) - MOST_NAMES_SHOWN} more" if len(problems) > MOST_NAMES_SHOWN else ""
        raise UserError(
            f"{source}: does not fit backbone '{classifier.architecture.backbone}' "
            f"(backbone_options {classifier.architecture.backbone_options}):\n  {shown}{more}"
        )
    classifier.backbone.load_state_dict({name: given[name] for name in wanted})
    return Account(source, tuple(wanted), left_out, prefix)


def _leftovers(
    classifier: Classifier, tensors: dict[str, Tensor], prefix: str, wanted: set[str]
) -> tuple[dict[str, str], list[str]]:
    """Split the source's unused tensors into those explained as the head of another task, and the rest."""
    head = classifier.backbone.default_cfg["classifier"]
    heads = tuple(f"{name}." for name in ((head,) if isinstance(head, str) else head))
    left_out, unexplained = {}, []
    for name, tensor in tensors.items():
        bare = name.removeprefix(prefix)
        if name.startswith(prefix) and bare in wanted:
            continue
        if bare.startswith(heads) or name.startswith("head."):
            left_out[name] = f"head of another task, {tensor.shape[0]} outputs"
        else:
            unexplained.append(name)
    return left_out, unexplained
