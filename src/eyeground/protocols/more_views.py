"""A finished run whose network averages several views of a photo when it answers: better, and as many times as costly.

Views change no weight, so nothing is trained again; but they change every probability, so calibration and thresholds
are chosen anew, on the same validation photos. What comes out is a finished run like any other.
"""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from eyeground.evaluation.calibrating.calibrate import calibrated_predictions
from eyeground.models import load
from eyeground.models.export import export_bundle
from eyeground.prepared_photos import PreparedPhotos
from eyeground.protocols.build import fit_calibrations, operating_points, predictions_of, training_photos
from eyeground.protocols.finished_run import FinishedRun
from eyeground.recipe import TrainingRecipe
from eyeground.training.fit import predict


def with_views(run: FinishedRun, views: int, photos: PreparedPhotos, folder: Path, console: Console) -> FinishedRun:
    """The run with a bundle of so many views in `folder`; the run itself where its bundle has them already.

    Parameters
    ----------
    run : FinishedRun
    views : int
        1, 2 or 4; see `Architecture.views`.
    photos : PreparedPhotos
        The run's.
    folder : pathlib.Path
        Where the bundle goes.
    console : rich.console.Console
        Where calibration is told.
    """
    described = run.bundle.description
    if described.architecture.views == views:
        return run
    classifier = load(run.bundle.folder)
    classifier.architecture = classifier.architecture.model_copy(update={"views": views})
    rows = photos.rows("validation")
    recipe = TrainingRecipe(targets=described.targets)
    validation = predictions_of(photos, rows, predict(classifier, photos, rows, recipe), described.targets)
    calibrations = fit_calibrations(validation, described.targets, "auto", console)
    points = operating_points(calibrated_predictions(validation, calibrations), console)
    bundle = export_bundle(
        classifier,
        folder,
        name=described.name,
        training=described.training,
        operating_points=points,
        calibrations=calibrations,
        card="",
        licence=described.licence,
        training_photos=training_photos(photos),
    )
    return replace(run, bundle=bundle)
