"""The methods that a recipe and a bundle record: preprocessing, network, training and choice of the weights."""

from pathlib import Path

from eyeground.bundle.calibration import describe_calibration
from eyeground.bundle.description import BundleDescription, describe_views
from eyeground.config.supervision import SoftLabels
from eyeground.config.targets import Target, describe_output
from eyeground.config.training_recipe import (
    Architecture,
    Augmentation,
    Optimisation,
    Preprocessing,
    ProbeRecipe,
    TrainingRecipe,
)
from eyeground.evaluation.reporting.wording import counted, joined, photos_of_patients

MOST_OUTPUTS_NAMED = 12


def model_parts(recipe: TrainingRecipe | ProbeRecipe | None, description: BundleDescription | None) -> dict[str, str]:
    """A text for each part of the methods that the recipe or the bundle records."""
    parts = {}
    trained = recipe if isinstance(recipe, TrainingRecipe) else None
    # The bundle describes the model that is shipped; without one, the recipe does.
    source = description or trained
    if source is not None:
        parts["preprocessing"] = _preprocessing(source.preprocessing)
        parts["model"] = _model(source.architecture, source.preprocessing, source.targets)
    if description is not None:
        parts["data"] = _data(description)
        parts["initialisation"] = _initialisation(description.training.initialisation)
        parts["calibration"] = _calibration(description)
    elif trained is not None:
        parts["initialisation"] = _initialisation(trained.initialisation)
    if trained is not None:
        parts["training"] = _training(trained, description.training.epochs if description else None)
        parts["selection"] = _selection(trained.optimisation)
    elif isinstance(recipe, ProbeRecipe):
        parts["training"] = (
            "The network's weights were not changed; logistic regression was fitted to its embedding, without weights for rare classes."
        )
        parts["selection"] = (
            f"The inverse regularisation strength was chosen among {joined([f'{c:g}' for c in recipe.C])} by "
            f"{recipe.folds}-fold cross-validation within the training photos, with all photos of a patient in one fold "
            f"(seed {recipe.seed})."
        )
    return parts


def _preprocessing(settings: Preprocessing) -> str:
    return (
        "Every photograph was cropped to a square around its field of view, black outside it, and resized once to "
        f"{settings.side} × {settings.side} pixels by averaging over area. R, G and B on a scale from 0 to 1 were "
        f"standardised with means {_triple(settings.mean)} and standard deviations {_triple(settings.std)}."
    )


def _triple(values: tuple[float, float, float]) -> str:
    return joined([f"{value:g}" for value in values])


def _model(architecture: Architecture, preprocessing: Preprocessing, targets: tuple[Target, ...]) -> str:
    head = {
        "linear": "one linear layer on its average-pooled features",
        "jang2024": "a hidden layer of 512 units with ReLU and a linear layer on its average-pooled features",
    }[architecture.head]
    views = describe_views(architecture, preprocessing.side)
    averaged = f" Its output was the mean over {views}." if views else ""
    return (
        f"One network was used, without ensembling: {architecture.backbone}, with {head} "
        f"(output stride {architecture.output_stride}). Its only input was the photograph.{averaged} {_outputs(targets)}"
    )


def _outputs(targets: tuple[Target, ...]) -> str:
    names = [describe_output(output) for target in targets for output in target.outputs]
    shown = f": {joined(names)}" if len(names) <= MOST_OUTPUTS_NAMED else ""
    kinds = {target.kind for target in targets}
    meaning = {
        "binary": "of the finding",
        "multiclass": "of each of several exclusive classes",
        "ordinal": "of at least each grade",
    }
    gave = "one probability" if len(names) == 1 else f"{len(names)} probabilities"
    return f"It gave {gave}{shown} ({joined([meaning[kind] for kind in meaning if kind in kinds])})."


def _data(description: BundleDescription) -> str:
    record = description.training
    sources = f" from {joined(record.sources)}" if record.sources else ""
    return (
        f"The model ({description.name}) was fitted to {photos_of_patients(record.photos, record.patients)}"
        f"{sources} (SHA-256 of the manifest {record.manifest_fingerprint[:12]}…)."
        + (f" It was fitted at {record.side} px." if record.side else "")
        + "".join(
            f" After training, {one.share:.3f} of the logit for {describe_output(one.added)} was added to the one for "
            f"{describe_output(one.output)}, a share fitted on {counted(one.photos, 'validation photo')}."
            for one in description.stacked
        )
    )


def _calibration(description: BundleDescription) -> str:
    described = [
        f"{joined([describe_output(output) for output in one.outputs])}: {describe_calibration(one)}"
        for one in description.calibrations
    ]
    return f"Calibration of the probabilities, for {'; for '.join(described)}." if described else ""


def _initialisation(name: str) -> str:
    if name == "scratch":
        return "Weights were initialised at random."
    if name == "imagenet":
        return "Weights were initialised from a network trained on ImageNet."
    return f"Weights were initialised from {Path(name).name}."


def _training(recipe: TrainingRecipe, epochs: int | None) -> str:
    settings = recipe.optimisation
    run = f", of which {epochs} were run" if epochs and epochs < settings.epochs else ""
    loss = "cross-entropy" if settings.loss == "cross-entropy" else "focal loss with gamma 2"
    smoothing = f", with label smoothing of {settings.label_smoothing:g}" if settings.label_smoothing else ""
    optimiser = {"adamw": "AdamW", "adam": "Adam", "sgd": "stochastic gradient descent"}[settings.optimiser]
    decay = f" and a layer-wise decay of {settings.layer_decay:g}" if settings.layer_decay < 1 else ""
    imbalance = {
        "none": "Class imbalance was not corrected for.",
        "weighted-loss": "The loss of rare classes was weighted up.",
        "balanced-sampler": "Photos of rare classes were sampled more often.",
    }[settings.imbalance]
    rose = f"rose linearly over the first {settings.warmup:.0%} of the steps and " if settings.warmup else ""
    clipped = f" Gradients were clipped to a norm of {settings.clip:g}." if settings.clip else ""
    return (
        f"The weights were fitted by {loss}{smoothing}, with {optimiser} (peak learning rate {settings.learning_rate:g}{decay}, "
        f"weight decay {settings.weight_decay:g}, batches of {settings.batch_size}) for at most {counted(settings.epochs, 'epoch')}{run}. "
        f"The learning rate {rose}fell along a cosine that reaches zero with the last of them.{clipped} "
        f"{_augmentation(recipe.augmentation)} {imbalance}{_soft_labels(recipe.soft_labels)} The seed was {recipe.seed}."
    )


def _soft_labels(settings: SoftLabels) -> str:
    if not settings.predictions:
        return ""
    return (
        f" Training labels were blended with predictions from {counted(len(settings.predictions), 'table')}, with a share of "
        f"{settings.share:.0%}, or 100% where a label was unknown."
    )


def _augmentation(settings: Augmentation) -> str:
    changes = ["left-right flips"] if settings.flip else []
    changes += ["rotation by right angles"] if settings.rotation >= 90 else []
    changes += [f"{joined(_warps(settings))} in {settings.warp:.0%} of photos"] if _warps(settings) else []
    relative = {"brightness": settings.brightness, "contrast": settings.contrast}
    relative |= {"colour channels": settings.colour, "gamma": settings.gamma}
    changes += [f"{name} by up to {share:.0%}" for name, share in relative.items() if share]
    changes += [f"illumination across the photo by up to {settings.illumination:.0%}"] if settings.illumination else []
    changes += [f"blur in {settings.blur:.0%} of photos"] if settings.blur else []
    changes += [f"sharpening in {settings.sharpen:.0%} of photos"] if settings.sharpen else []
    changes += [f"JPEG compression in {settings.jpeg:.0%} of photos"] if settings.jpeg else []
    return f"Photos were augmented by random {joined(changes)}." if changes else "Photos were not augmented."


def _warps(settings: Augmentation) -> list[str]:
    if not settings.warp:
        return []
    warps = [f"rotation by up to {settings.rotation:g}°"] if settings.rotation else []
    warps += [f"zoom by up to {settings.zoom:.0%}"] if settings.zoom else []
    return warps + ([f"shift by up to {settings.shift:.0%} of the side"] if settings.shift else [])


def _selection(settings: Optimisation) -> str:
    averaged = (
        f" The weights were an exponential moving average (decay {settings.average_decay:g} per step)."
        if settings.average_decay
        else ""
    )
    stopped = (
        f" Training stopped after {counted(settings.patience, 'epoch')} without improvement."
        if settings.patience
        else ""
    )
    return f"The weights of the epoch with the best AUROC on validation photos were kept.{averaged}{stopped}"
