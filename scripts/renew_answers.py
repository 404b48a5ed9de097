"""Chooses the thresholds of a released classifier again, evaluates it again and rewrites its card, without its run.

.venv/bin/python scripts/renew_answers.py BUNDLE MANIFEST PREDICTIONS [--external idrid=TABLE …]
"""

import re
from dataclasses import replace
from pathlib import Path

import typer
from rich.console import Console

from eyeground.bundle.description import AnswerRules
from eyeground.bundle.files import CARD, WEIGHTS
from eyeground.bundle.open import Bundle, open_classifier
from eyeground.bundle.training_photos import TRAINING_PHOTOS
from eyeground.bundle.write import extend_bundle
from eyeground.data.manifest import Manifest, read_manifest
from eyeground.data.predictions import Predictions, read_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.subgroups.subgroups import subgroups
from eyeground.screening.decision import ABNORMAL
from eyeground.workflows.build.model_card import count_parameters
from eyeground.workflows.build.validated_build import choose_answers
from eyeground.workflows.release.external import evaluate_elsewhere
from eyeground.workflows.release.finished_run import Compute
from eyeground.workflows.release.release_card import TEST, Facts, SplitFlow, metrics_of, release_card

RESAMPLES = 2000
EXTERNAL = typer.Option([], help="Predictions of another dataset by the same graph, as name=TABLE.")


def main(bundle: Path, manifest: Path, predictions: Path, external: list[str] = EXTERNAL) -> None:
    """Renew a bundle in its place; weights, graph and calibration stay.

    MANIFEST is the one that it was trained on, PREDICTIONS are of the bundle's own graph on its validation and test photos.
    """
    opened, photos, table = open_classifier(bundle), read_manifest(manifest), read_predictions(predictions)
    described = opened.description
    if photos.fingerprint() != described.training.manifest_fingerprint:
        typer.echo(f"note: {manifest} is not byte for byte the manifest that the model was trained on")
    table = Predictions(table.table[[*_kept(table, described.outputs)]])
    chosen = choose_answers(table, described.targets, Console(soft_wrap=True))
    answers: AnswerRules = replace(chosen, calibrations=described.calibrations)
    renewed = described.model_copy(update=vars(answers))
    evaluations = {TEST: evaluate(table.in_split("test"), answers.operating_points, resamples=RESAMPLES)}
    for text in external:
        name, _, path = text.partition("=")
        evaluations[name] = evaluate_elsewhere(
            name, read_predictions(Path(path)), renewed, "Predicted by the released graph.", RESAMPLES
        )
    metrics = tuple(one for scope, of in evaluations.items() for one in metrics_of(of, scope))
    description = renewed.model_copy(update={"metrics": metrics})
    points = [point for point in answers.operating_points if point.output == ABNORMAL]
    groups = subgroups(cohort_of(table.in_split("test").only([ABNORMAL]), points, RESAMPLES))
    facts = Facts(
        description=description,
        parameters=count_parameters(description.tensors),
        sizes={name: (opened.folder / name).stat().st_size for name in described.files if name != CARD},
        weights_hash=described.files[WEIGHTS],
        flow=_flow(photos),
        internal=evaluations[TEST],
        external={name: one for name, one in evaluations.items() if name != TEST},
        subgroups=groups,
        compute=_compute(opened),
        hashes=len((opened.folder / TRAINING_PHOTOS).read_text(encoding="utf-8").split()),
    )
    card = release_card(facts)
    made = extend_bundle(opened, description, {CARD: lambda path: path.write_text(card, encoding="utf-8")})
    typer.echo(f"{made.identity}: renewed")


def _kept(table: Predictions, outputs: tuple[str, ...]) -> list[str]:
    """Columns that a run's own predictions have; those of screening are no part of a card."""
    of_outputs = {f"{part}_{output}" for output in outputs for part in ("truth", "probability")}
    known = {"photo", "patient", "split", "eye", "age", "sex", "device", "source"}
    return [column for column in table.table.columns if column in of_outputs | known]


def _flow(photos: Manifest) -> tuple[SplitFlow, ...]:
    parts = {split: photos.in_split(split) for split in ("train", "validation", "test")}
    return tuple(SplitFlow(split, len(part), 0, part.patients) for split, part in parts.items())


def _compute(bundle: Bundle) -> Compute:
    """As the bundle's present card has it."""
    card = (bundle.folder / CARD).read_text(encoding="utf-8")
    timed = re.search(r"Compute: (.+?) of passes .*? on (.+)\.\n", card)
    untimed = re.search(r"it ran on (.+)\.\n", card)
    software = re.search(r"Software: (.+)\.\n", card)
    assert software is not None, "the card names no software"
    versions = dict(part.split(" ", 1) for part in software[1].split(", "))
    epochs = bundle.description.training.epochs
    if timed:
        number, unit = timed[1].split(" ")
        return Compute(epochs, float(number) * (60 if unit == "minutes" else 1), timed[2], versions)
    assert untimed is not None, "the card names no machine"
    return Compute(epochs, None, untimed[1], versions)


if __name__ == "__main__":
    typer.run(main)
