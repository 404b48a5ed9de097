"""Reads the inputs of a validation report: run folders, bundles, checks, predictions tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from eyeground.bundle.description import BundleDescription
from eyeground.bundle.open import open_bundle
from eyeground.config.settings import read_recipe
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.predictions import Predictions, read_predictions
from eyeground.errors import UserError
from eyeground.evaluation.flow import read_checked_flow
from eyeground.evaluation.reporting.validation import ReportInputs
from eyeground.evaluation.robustness.corrupted_predictions import CorruptedPredictions, read_corrupted
from eyeground.evaluation.subgroups.contamination import FLOW, read_contamination
from eyeground.evaluation.subgroups.embeddings import read_embeddings
from eyeground.workflows.build.run_folder import BUNDLE, ENVIRONMENT, PREDICTIONS, RECIPE


@dataclass(frozen=True)
class InputPaths:
    """Paths of the inputs, all of them optional.

    Attributes:
        bundle: Folder, or name of a released bundle.
        run: Run folder that trained the model; its bundle is used where `bundle` names none.
        external: Predictions tables of external datasets, by name.
        contamination: Folders that `eyeground check --against` wrote, by external dataset.
        checked: Folder that `eyeground check` wrote for the photos that are evaluated.
        embeddings: Table that `eyeground predict --embeddings` wrote.
        robustness: Folder that `eyeground robustness` wrote.
        outputs: The evaluated outputs; others are left out of external and corrupted predictions.
    """

    bundle: str | None = None
    run: Path | None = None
    external: Mapping[str, Path] = field(default_factory=dict)
    contamination: Mapping[str, Path] = field(default_factory=dict)
    checked: Path | None = None
    embeddings: Path | None = None
    robustness: Path | None = None
    outputs: tuple[str, ...] = ()


def gather(paths: InputPaths) -> ReportInputs:
    """Read the inputs.

    Raises:
        UserError: If an input is missing or of another kind, or contamination is given for a dataset that is not
            external.
    """
    unknown = sorted(set(paths.contamination) - set(paths.external))
    if unknown:
        raise UserError(f"contamination is given for '{unknown[0]}', which is not an external dataset")
    return ReportInputs(
        external={name: _kept(read_predictions(path, needs=()), paths) for name, path in paths.external.items()},
        contamination={name: read_contamination(folder) for name, folder in paths.contamination.items()},
        embeddings=read_embeddings(paths.embeddings) if paths.embeddings else None,
        corrupted=_robustness(paths),
        checked_flow=read_checked_flow(paths.checked / FLOW) if paths.checked else None,
        recipe=_recipe(paths.run / RECIPE) if paths.run else None,
        description=_description(paths),
        software=_software(paths.run / ENVIRONMENT) if paths.run else {},
    )


def _kept(predictions: Predictions, paths: InputPaths) -> Predictions:
    """The predictions of the evaluated outputs; a table with none of them is kept, and the evaluation says so."""
    kept = [output for output in predictions.outputs if output in paths.outputs]
    return predictions.only(kept) if kept else predictions


def _robustness(paths: InputPaths) -> CorruptedPredictions | None:
    if paths.robustness is None:
        return None
    found = read_corrupted(paths.robustness / PREDICTIONS)
    return CorruptedPredictions(
        _kept(found.clean, paths),
        {condition: _kept(corrupted, paths) for condition, corrupted in found.corrupted.items()},
    )


def _description(paths: InputPaths) -> BundleDescription | None:
    source = paths.bundle or (str(paths.run / BUNDLE) if paths.run else None)
    return open_bundle(source).description if source else None


def _recipe(path: Path) -> TrainingRecipe | ProbeRecipe:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read; is its folder a run folder? ({error})") from error
    is_probe = isinstance(content, dict) and {"C", "strengths"} & content.keys()
    return read_recipe(ProbeRecipe, path) if is_probe else read_recipe(TrainingRecipe, path)


def _software(path: Path) -> dict[str, str]:
    try:
        environment = json.loads(path.read_text(encoding="utf-8"))
        packages = environment["packages"]
        return {"eyeground": environment["eyeground"]} | {
            name: version for name, version in packages.items() if version
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}
