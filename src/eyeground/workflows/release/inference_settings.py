"""A finished run with other inference settings than in training: another side, more views, or a stacked output.

Nothing is trained again, but every probability changes, so calibration and thresholds are chosen again on the same
validation photos. See docs/howto/release-a-model.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.config.training_recipe import Architecture, Preprocessing, TrainingRecipe
from eyeground.errors import UserError
from eyeground.evaluation.calibrating.calibrate import calibrated_predictions
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.models import load
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.training.fit import predict
from eyeground.workflows.build.validated_build import choose_answers, fit_calibrations, predictions_of, training_photos
from eyeground.workflows.release.finished_run import FinishedRun
from eyeground.workflows.release.stacking import stack, stacked_columns


@dataclass(frozen=True)
class InferenceSettings:
    """Inference settings of a released model; None stands for as it was trained.

    Attributes:
        side: Pixels of a standard photo; see `Preprocessing.side`.
        views: 1, 2 or 4; see `Architecture.views`.
        scales: See `Architecture.scales`.
        stacked: An output, and the one whose logit is added to it in part; see `stacking`.
    """

    side: int | None = None
    views: int | None = None
    scales: tuple[float, ...] | None = None
    stacked: tuple[str, str] | None = None

    def preprocessing(self, described: BundleDescription) -> Preprocessing:
        """The bundle's preprocessing with these settings."""
        return described.preprocessing.model_copy(update={"side": self.side or described.preprocessing.side})

    def architecture(self, described: BundleDescription) -> Architecture:
        """The bundle's architecture with these settings."""
        given = {"views": self.views, "scales": self.scales}
        return described.architecture.model_copy(update={name: value for name, value in given.items() if value})

    def changes(self, described: BundleDescription) -> bool:
        """Whether these settings differ from the bundle's."""
        same = (described.preprocessing, described.architecture)
        return bool(self.stacked) or (self.preprocessing(described), self.architecture(described)) != same


AS_TRAINED = InferenceSettings()


def network_with_settings(run: FinishedRun, inference: InferenceSettings) -> Classifier:
    """The run's network with these settings, not stacked yet.

    Raises:
        UserError: If the settings do not fit the network.
    """
    trained, described = load(run.bundle.folder), run.bundle.description
    if inference.stacked is not None:
        stacked_columns(described.targets, *inference.stacked)
    network = Classifier(inference.architecture(described), inference.preprocessing(described), described.targets)
    try:
        network.load_state_dict(trained.state_dict())
    except RuntimeError as error:
        raise UserError(
            f"backbone '{described.architecture.backbone}' only takes the {described.preprocessing.side} px it was trained at; "
            "leave out --side"
        ) from error
    return network.eval()


def with_inference_settings(
    run: FinishedRun,
    inference: InferenceSettings,
    classifier: Classifier,
    photos: PreparedPhotos,
    folder: Path,
    console: Console,
) -> FinishedRun:
    """The run with a new bundle in `folder` that has these settings.

    Args:
        classifier: From `network_with_settings`; stacked in place.
        photos: The run's, by the new preprocessing.

    Raises:
        UserError: If the stacked share is not above 0.
    """
    described = run.bundle.description
    rows = photos.rows("validation")
    recipe = TrainingRecipe(targets=described.targets)
    predicted = predict(classifier, photos, rows, recipe)
    stacked = described.stacked
    if inference.stacked is not None:
        done, predicted = stack(classifier, *inference.stacked, predicted, photos.truth[rows])
        stacked = (*stacked, done)
        console.print(f"{done.share:.3f} of the logit of '{done.added}' added to '{done.output}'")
    validation = predictions_of(photos, rows, predicted, described.targets)
    calibrations = fit_calibrations(validation, described.targets, "auto", console)
    answers = choose_answers(calibrated_predictions(validation, calibrations), described.targets, console)
    info = ModelInfo(
        name=described.name,
        training=_trained_at(described, classifier.preprocessing.side),
        stacked=stacked,
        answers=replace(answers, calibrations=calibrations),
        card="",
        licence=described.licence,
        training_photos=training_photos(photos),
    )
    return replace(run, bundle=export_bundle(classifier, folder, info))


def _trained_at(described: BundleDescription, side: int) -> TrainingRecord:
    """The training record, with the side in training if the model now takes another."""
    known = described.trained_side
    return described.training.model_copy(update={"side": None if known == side else known})
