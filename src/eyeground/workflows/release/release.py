"""`release`: a finished run becomes a small bundle that anyone can load, evaluated again and open about its data.

Weights are rounded to 16 bits, so nothing is copied from the run's own evaluation: the released graph predicts
validation and test photos again. See docs/bundle.md and docs/howto/release-a-model.md.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from eyeground.bundle.description import AnswerRules, BundleDescription
from eyeground.bundle.familiarity import REFERENCE
from eyeground.bundle.files import CARD, INT8, ONNX, REPORT, WEIGHTS
from eyeground.bundle.installed import is_plain_name
from eyeground.bundle.measured import Quantisation, Rounding
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.training_photos import TRAINING_PHOTOS
from eyeground.bundle.write import copier, write_bundle
from eyeground.core.files import sha256_of
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation import Evaluation, evaluate
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.subgroups.subgroups import subgroups
from eyeground.imaging.prepared_photos import PreparedPhotos, prepare_photos
from eyeground.models import load
from eyeground.models.export import export_bundle
from eyeground.screening.decision import ABNORMAL
from eyeground.workflows.build.familiarity import with_familiarity
from eyeground.workflows.build.model_card import count_parameters
from eyeground.workflows.build.validated_build import choose_answers, predictions_of, training_photos
from eyeground.workflows.release.external import ReleasePlan, evaluate_external
from eyeground.workflows.release.finished_run import FinishedRun, read_finished_run
from eyeground.workflows.release.graphs import probabilities_of
from eyeground.workflows.release.inference_settings import network_with_settings, with_inference_settings
from eyeground.workflows.release.int8 import Judges, try_ways
from eyeground.workflows.release.release_card import (
    LARGEST_DIFFERENCE,
    TEST,
    Facts,
    SplitFlow,
    metrics_of,
    release_card,
)


def release(plan: ReleasePlan, console: Console) -> Bundle:
    """Make a release bundle.

    Raises:
        UserError: If the run is not finished, its photos cannot be read, the name cannot be a folder's, or an external
            table has none of its outputs.
    """
    if not is_plain_name(plan.name):
        raise UserError(
            f"--name '{plan.name}': use letters, digits, '.', '_', '+' and '-', and no more than 100 of them"
        )
    if TEST in plan.external:
        raise UserError(f"--external {TEST}=…: this is the name of the run's own metrics; choose another")
    if plan.report is not None and not (plan.report / REPORT).is_file():
        raise UserError(f"{plan.report}: no {REPORT} here; --report takes a folder that `eyeground evaluate` wrote")
    run = read_finished_run(plan.run)
    if "split" not in run.manifest.table:
        raise UserError(
            f"{plan.run}: was cross-validated, but a release is measured on test photos; `eyeground split` the manifest first, "
            "and train again"
        )
    described = run.bundle.description
    changed = plan.inference.changes(described)
    if changed and plan.report is not None:
        raise UserError(
            f"{plan.report}: is of the run's model, but the released one has other inference settings; leave out --report"
        )
    network = network_with_settings(run, plan.inference) if changed else None
    preprocessing = plan.inference.preprocessing(described)
    photos = prepare_photos(run.manifest, described.targets, preprocessing, plan.cache, plan.jobs)
    with tempfile.TemporaryDirectory() as folder:
        if network is not None:
            run = with_inference_settings(run, plan.inference, network, photos, Path(folder) / "inference", console)
        described = run.bundle.description
        work = Path(folder) / "bundle"
        rounded, predictions, rounding = _stored(run, photos, plan, work, console)
        rounded = with_familiarity(rounded, photos, plan.cache, described.training.seed)
        answers = replace(choose_answers(predictions, described.targets, console), calibrations=described.calibrations)
        extra: dict[str, object] = {"rounding": rounding, **vars(answers)}
        int8 = Path(folder) / INT8
        if plan.int8:
            deciding = replace(rounded, description=rounded.description.model_copy(update=vars(answers)))
            extra |= {"quantisations": _quantised(deciding, int8, photos, predictions, console)}
        evaluations = {TEST: evaluate(predictions.in_split("test"), answers.operating_points, resamples=plan.resamples)}
        evaluations |= {name: evaluate_external(name, table, rounded, plan) for name, table in plan.external.items()}
        extra |= {"metrics": tuple(one for scope, of in evaluations.items() for one in metrics_of(of, scope))}
        description = rounded.description.model_copy(update=extra)
        files = _files(rounded, int8, plan.report)
        card = release_card(_facts(run, description, photos, predictions, evaluations, files, plan.resamples))
        (rounded.folder / CARD).write_text(card, encoding="utf-8")
        write_bundle(plan.folder, description, {name: copier(path) for name, path in files.items()})
    return open_bundle(plan.folder)


def _stored(
    run: FinishedRun, photos: PreparedPhotos, plan: ReleasePlan, folder: Path, console: Console
) -> tuple[Bundle, Predictions, Rounding | None]:
    """The run's network in 16 bits, or in 32 if rounding changes any probability by 0.005; without a card yet.

    Also its predictions of validation and test photos, and the effect of rounding.
    """
    rows = np.concatenate([photos.rows("validation"), photos.rows("test")])
    standard = [photos.standard[row] for row in rows]
    trained = probabilities_of(run.bundle.onnx_path, run.bundle.description, standard, "as trained")
    rounded = _exported(run, photos, plan, folder, half=True)
    found = probabilities_of(rounded.onnx_path, rounded.description, standard, "in 16 bits")
    difference = float(np.abs(found - trained).max())
    console.print(f"16 bits: no probability of {len(rows)} photos differs by more than {difference:.2g}")
    targets = rounded.description.targets
    if difference < LARGEST_DIFFERENCE:
        rounding = Rounding(photos=len(rows), largest_difference=difference)
        return rounded, predictions_of(photos, rows, found, targets), rounding
    console.print(f"that is more than {LARGEST_DIFFERENCE}, so the weights stay in 32 bits")
    exact = _exported(run, photos, plan, folder, half=False)
    return exact, predictions_of(photos, rows, trained, targets), None


def _exported(run: FinishedRun, photos: PreparedPhotos, plan: ReleasePlan, folder: Path, half: bool) -> Bundle:
    described = run.bundle.description
    info = ModelInfo(
        name=plan.name,
        training=described.training,
        answers=AnswerRules(calibrations=described.calibrations),
        stacked=described.stacked,
        card="",
        licence=plan.licence or described.licence,
        training_photos=training_photos(photos),
    )
    return export_bundle(load(run.bundle.folder), folder, info, half=half)


def _quantised(
    rounded: Bundle, target: Path, photos: PreparedPhotos, predictions: Predictions, console: Console
) -> tuple[Quantisation, ...]:
    columns = [f"probability_{output}" for output in rounded.description.outputs]

    def judges(split: str) -> Judges:
        rows = photos.rows(split)
        table = predictions.in_split(split).table
        return Judges([photos.standard[row] for row in rows], photos.truth[rows], table[columns].to_numpy(float))

    training = [photos.standard[row] for row in photos.rows("train")]

    report = partial(console.print, markup=False, highlight=False)
    return try_ways(
        rounded.onnx_path, target, rounded.description, training, judges("validation"), judges("test"), report
    )


def _files(rounded: Bundle, int8: Path, report: Path | None) -> dict[str, Path]:
    """The files of the release by name, where they are now."""
    files = {name: rounded.folder / name for name in (WEIGHTS, ONNX)}
    if int8.is_file():
        files[INT8] = int8
    familiar = (REFERENCE,) if rounded.description.familiarity is not None else ()
    files |= {name: rounded.folder / name for name in (*familiar, TRAINING_PHOTOS, CARD)}
    return files | ({REPORT: report / REPORT} if report else {})


def _facts(
    run: FinishedRun,
    description: BundleDescription,
    photos: PreparedPhotos,
    predictions: Predictions,
    evaluations: Mapping[str, Evaluation],
    files: Mapping[str, Path],
    resamples: int,
) -> Facts:
    named = (ABNORMAL,) if ABNORMAL in description.outputs else description.outputs
    points = [point for point in description.operating_points if point.output in named]
    groups = subgroups(cohort_of(predictions.in_split("test").only(named), points, resamples))
    return Facts(
        description=description,
        parameters=count_parameters(description.tensors),
        sizes={name: path.stat().st_size for name, path in files.items() if name != CARD},
        weights_hash=sha256_of(files[WEIGHTS]),
        flow=_flow(run, photos),
        internal=evaluations[TEST],
        external={name: one for name, one in evaluations.items() if name != TEST},
        subgroups=groups,
        compute=run.compute,
        hashes=len(training_photos(photos)),
    )


def _flow(run: FinishedRun, photos: PreparedPhotos) -> tuple[SplitFlow, ...]:
    flow = []
    for split in ("train", "validation", "test"):
        readable = photos.manifest.in_split(split)
        flow.append(
            SplitFlow(split, len(readable), len(run.manifest.in_split(split)) - len(readable), readable.patients)
        )
    return tuple(flow)
