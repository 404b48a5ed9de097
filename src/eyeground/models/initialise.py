"""Setting a network's first weights: every tensor of the source is loaded, left out for a stated reason, or an error.

A source that states its backbone and normalisation must have the recipe's. See docs/initialisations.md.
"""

from dataclasses import replace
from pathlib import Path

import timm
from torch import Tensor
from torch.nn.functional import pad

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.installed import DESCRIPTION, converted_file, folder_of, pulled, released
from eyeground.bundle.open import open_classifier
from eyeground.config.training_recipe import describe_switch
from eyeground.errors import UserError, did_you_mean
from eyeground.models.checkpoints import Origin, read_origin, read_tensors
from eyeground.models.classifier import Classifier
from eyeground.models.external_checkpoints import FORMATS
from eyeground.models.load_report import LoadReport
from eyeground.models.matching import match, refuse_misfit

HEAD, FINE = "head.", "fine."
OTHER_NAMES = (
    "Set architecture.backbone to the network that was trained, or convert a file of another group first: "
    "eyeground convert --help"
)


def initialise(classifier: Classifier, source: str) -> LoadReport:
    """Set the weights from `scratch`, `imagenet`, a converted format, a bundle, or a safetensors file in timm's names.

    A bundle with the recipe's outputs and kind of head gives its head as well; otherwise the head starts fresh.

    Raises:
        UserError: If the source is unknown, any backbone tensor is missing or has another shape, any tensor of the
            source is unexplained, or the backbone or normalisation that the source states differs from the recipe's.
    """
    if source == "scratch":
        return LoadReport("scratch")
    if source == "imagenet":
        return _load(classifier, _imagenet(classifier), source)
    if source in FORMATS and converted_file(source).is_file():
        return _load_file(classifier, converted_file(source), source)
    path = Path(str(source))  # a caller in Python may give True
    if path.suffix == ".safetensors":
        return _load_file(classifier, path, source)
    if (path / DESCRIPTION).is_file() or folder_of(str(source)) is not None:
        return _load_bundle(classifier, source)
    raise UserError(_unknown(source))


def from_bundle(name_or_path: str | Path) -> Classifier:
    """The classifier of a bundle, backbone and head, in evaluation mode."""
    bundle = open_classifier(name_or_path)
    description = bundle.description
    classifier = Classifier(description.architecture, description.preprocessing, description.targets)
    try:
        classifier.load_state_dict(read_tensors(bundle.weights_path))
    except RuntimeError as error:
        raise UserError(f"{bundle.weights_path}: does not fit the architecture in bundle.json: {error}") from error
    return classifier.eval()


def _unknown(source: str) -> str:
    """What is wrong with an unknown source, and how to fix it."""
    if message := describe_switch(source):
        return f"initialisation {message}"
    path = Path(source)
    if source in FORMATS:
        return (
            f"initialisation '{source}': no file was converted to it yet. Get the file at {FORMATS[source].page}, and convert "
            f"it once with `eyeground convert FILE --from {source}`"
        )
    if path.is_file():
        return (
            f"initialisation '{source}' is not a .safetensors file. Convert it once, without running code in it: "
            f"`eyeground convert {source} --from FORMAT -o {path.stem}.safetensors`; formats: {', '.join(FORMATS)}"
        )
    names = ("scratch", "imagenet", *released(), *pulled(), *FORMATS)
    return (
        f"initialisation '{source}' is neither scratch, imagenet, a bundle nor a .safetensors file"
        f"{did_you_mean(source.lower(), names)}" + ("" if path.exists() else "; there is no such file or folder")
    )


def _imagenet(classifier: Classifier) -> dict[str, Tensor]:
    architecture = classifier.architecture
    try:
        donor = timm.create_model(architecture.backbone, pretrained=True, **architecture.backbone_options)
    except Exception as error:  # the hub client raises many kinds, from sockets to missing weights
        raise UserError(
            f"ImageNet weights of '{architecture.backbone}' cannot be downloaded from the hub ({type(error).__name__}). Without a "
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


def _load_file(classifier: Classifier, path: Path, source: str) -> LoadReport:
    origin = read_origin(path)
    if origin is None:
        return _load(classifier, read_tensors(path), source)
    stated = f"'{source}' (converted from {origin.converted_from})"
    _refuse_other_network(classifier, stated, origin)
    notes = (f"converted from {origin.converted_from}, SHA-256 {origin.sha256[:12]}…; licence: {origin.licence}",)
    return _load(classifier, read_tensors(path), source, side=origin.side, notes=notes)


def _load_bundle(classifier: Classifier, source: str) -> LoadReport:
    bundle = open_classifier(source)
    description = bundle.description
    _refuse_other_network(classifier, f"bundle '{source}'", description)
    tensors = read_tensors(bundle.weights_path)
    side, kind = description.trained_side, description.architecture.head
    left_out = _load_fine_maps(classifier, description, tensors)
    if not _same_outputs(classifier, description):
        load_report = _load(classifier, tensors, source, side=side)
        return replace(load_report, left_out={**load_report.left_out, **left_out})
    head = {name.removeprefix(HEAD): tensors.pop(name) for name in list(tensors) if name.startswith(HEAD)}
    if kind != classifier.architecture.head:
        load_report = _load(classifier, tensors, source, side=side)
        return replace(load_report, left_out=left_out | {HEAD + name: f"head of another kind: {kind}" for name in head})
    note = f"head loaded as well: {kind}, with the recipe's outputs ({', '.join(description.outputs)})"
    load_report = _load(classifier, tensors, source, side=side, notes=(note,))
    try:
        classifier.head.load_state_dict(
            {name: _refitted(tensor, classifier, description) for name, tensor in head.items()}
        )
    except RuntimeError as error:
        raise UserError(f"{bundle.weights_path}: its head does not fit bundle.json: {error}") from error
    return replace(load_report, left_out={**load_report.left_out, **left_out})


def _load_fine_maps(classifier: Classifier, theirs: BundleDescription, tensors: dict[str, Tensor]) -> dict[str, str]:
    """Take the layers of fine feature maps out of a bundle's tensors and load them, or say why they are left out."""
    layers = {name: tensors.pop(name) for name in list(tensors) if name.startswith(FINE)}
    if layers and classifier.fine is not None and _same_fine_maps(classifier, theirs):
        classifier.fine.load_state_dict({name.removeprefix(FINE): tensor for name, tensor in layers.items()})
        return {}
    return dict.fromkeys(layers, f"of other fine feature maps: {list(theirs.architecture.fine_strides)}")


def _refitted(tensor: Tensor, classifier: Classifier, theirs: BundleDescription) -> Tensor:
    """A head's weights for other fine maps than the source's: what these add to the embedding has no say at first."""
    if tensor.ndim != 2 or tensor.shape[1] != theirs.embedding_size or _same_fine_maps(classifier, theirs):
        return tensor
    coarse = tensor[:, : classifier.backbone.num_features]
    return pad(coarse, (0, classifier.embedding_size - coarse.shape[1]))


def _same_fine_maps(classifier: Classifier, theirs: BundleDescription) -> bool:
    return classifier.architecture.fine_strides == theirs.architecture.fine_strides


def _refuse_other_network(classifier: Classifier, source: str, stated: Origin | BundleDescription) -> None:
    """Raise unless a source has the recipe's backbone, options and normalisation."""
    architecture = classifier.architecture
    theirs = stated.architecture if isinstance(stated, BundleDescription) else stated
    if theirs.backbone != architecture.backbone:
        raise UserError(
            f"{source} is a {theirs.backbone}, the recipe asks for a {architecture.backbone}; "
            f"set architecture.backbone to '{theirs.backbone}'"
        )
    if isinstance(stated, Origin):
        for name, value in stated.backbone_options.items():
            if architecture.backbone_options.get(name) != value:
                raise UserError(f"{source} needs architecture.backbone_options.{name}={value}")
    normalisation = stated.preprocessing if isinstance(stated, BundleDescription) else stated
    ours = classifier.preprocessing
    if (normalisation.mean, normalisation.std) != (ours.mean, ours.std):
        raise UserError(
            f"{source} was trained with mean {normalisation.mean} and std {normalisation.std}, the recipe says {ours.mean} "
            f"and {ours.std}; set preprocessing.mean and preprocessing.std to the source's"
        )


def _same_outputs(classifier: Classifier, description: BundleDescription) -> bool:
    ours = [(target.kind, target.outputs) for target in classifier.targets]
    theirs = [(target.kind, target.outputs) for target in description.targets]
    return ours == theirs


def _load(
    classifier: Classifier,
    tensors: dict[str, Tensor],
    source: str,
    side: int | None = None,
    notes: tuple[str, ...] = (),
) -> LoadReport:
    backbone = classifier.backbone
    known = backbone.default_cfg["classifier"]
    heads = (HEAD, *(f"{name}." for name in ((known,) if isinstance(known, str) else known)))

    def explain(name: str, tensor: Tensor) -> str | None:
        return f"head of another task, {tensor.shape[0]} outputs" if name.startswith(heads) else None

    found = match(backbone, tensors, explain)
    architecture = classifier.architecture
    network = f"backbone '{architecture.backbone}' (backbone_options {architecture.backbone_options})"
    refuse_misfit(found, backbone, tensors, f"{source}: does not fit {network}", OTHER_NAMES)
    backbone.load_state_dict(found.state)
    warnings = _other_side(side, classifier.preprocessing.side)
    return LoadReport(source, tuple(found.state), found.left_out, found.prefix, (*notes, *found.notes), warnings)


def _other_side(theirs: int | None, ours: int) -> tuple[str, ...]:
    # Every standard photo holds the entire field of view, so the ratio of the sides is the ratio of scales.
    if theirs is None or theirs == ours:
        return ()
    return (
        f"trained at {theirs} px, used at {ours} px: vessels and lesions are {ours / theirs:.2f} times as large as in the "
        f"training of these weights. Right for further training at another side; else set preprocessing.side={theirs}",
    )
