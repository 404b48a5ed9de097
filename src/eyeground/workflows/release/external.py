"""A release's evaluation on external datasets, and the plan that names them; see docs/howto/release-a-model.md.

The released graph predicts a manifest; a predictions table is taken on trust, and the card says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.open import Bundle
from eyeground.bundle.training_photos import hashes_of_standard
from eyeground.core.tables import read_table
from eyeground.data.manifest import read_manifest
from eyeground.data.predictions import PROBABILITY, Predictions, read_predictions
from eyeground.errors import UserError
from eyeground.evaluation import Evaluation, evaluate
from eyeground.imaging.cache import prepare
from eyeground.screening.runtime import load
from eyeground.workflows.predict import predict_manifest
from eyeground.workflows.release.inference_settings import AS_TRAINED, InferenceSettings


@dataclass(frozen=True)
class ReleasePlan:
    """What to release, and how.

    Attributes:
        run, folder: Run folder, and the folder of the new bundle.
        name: Of the model.
        cache: Folder of standard photos.
        jobs: Processes that read photos.
        external: Datasets that the model was not trained on, by name: manifests, or predictions tables of the run's
            model.
        report: Folder that `eyeground evaluate` wrote; its report goes into the bundle.
        licence: Of the weights; the run's if None.
        inference: Inference settings of the released model.
        int8: Try 8-bit graphs.
        resamples: Of patients, for each interval.
    """

    run: Path
    folder: Path
    name: str
    cache: Path
    jobs: int = 1
    external: Mapping[str, Path] = field(default_factory=dict)
    report: Path | None = None
    licence: str | None = None
    inference: InferenceSettings = AS_TRAINED
    int8: bool = True
    resamples: int = 2000


def evaluate_external(name: str, table: Path, bundle: Bundle, plan: ReleasePlan) -> Evaluation:
    """Evaluate all photos of a dataset, whatever their split, for the outputs that it has truths of.

    Args:
        name: Of the dataset, for errors.
        table: Manifest or predictions table.
        bundle: Its graph predicts a manifest, and its thresholds are used.

    Raises:
        UserError: If the table cannot be read, or holds no truth of any output of the model.
    """
    predictions, remark = _predictions(table, bundle, plan)
    return evaluate_elsewhere(name, predictions, bundle.description, remark, plan.resamples)


def evaluate_elsewhere(
    name: str, predictions: Predictions, description: BundleDescription, remark: str, resamples: int
) -> Evaluation:
    """Evaluate predictions of an external dataset at a bundle's thresholds.

    Raises:
        UserError: If they hold no truth of any output of the model.
    """
    outputs = description.outputs
    known = [one for one in predictions.outputs if one in outputs and len(predictions.known(one)[0])]
    if not known:
        raise UserError(f"--external {name}: no truth of any output of the model; it has {', '.join(outputs)}")
    kept = Predictions(predictions.table.drop(columns=["split", "fold"], errors="ignore")).only(known)
    points = [point for point in description.operating_points if point.output in known]
    return replace(evaluate(kept, points, resamples=resamples), remarks=(remark,))


def _predictions(table: Path, bundle: Bundle, plan: ReleasePlan) -> tuple[Predictions, str]:
    """Predictions of a dataset, and a remark on where they come from."""
    if any(str(column).startswith(PROBABILITY) for column in read_table(table).columns):
        if plan.inference != AS_TRAINED:
            raise UserError(
                f"{table}: holds predictions of the run's model, but the released one has other inference settings; give the "
                "manifest instead, so that the released model predicts it"
            )
        return read_predictions(table), (
            "From a predictions table that was given; that it is of this model, and that the model has not seen these "
            "photographs, is taken on trust."
        )
    manifest = read_manifest(table)
    predicted = predict_manifest(manifest, load(bundle.folder), plan.cache, plan.jobs)
    prepared = prepare(manifest.photo_paths(), bundle.description.preprocessing, plan.cache, plan.jobs)
    hashes = hashes_of_standard(path for path in prepared.paths if path is not None)
    seen = bundle.trained_on(hashes) or frozenset()
    return predicted.predictions, (
        f"Predicted by the released graph; left out as unreadable: {len(predicted.unreadable)}. Of its photographs, "
        f"{len(seen)} are among those that the model was trained on, by their hashes."
    )
