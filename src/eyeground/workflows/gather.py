"""Gather what stands beside a predictions table from where commands have put it: run folders, bundles, checks, tables."""

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
    """Where it lies; all of it optional.

    Attributes:
        bundle: Folder, or name of a released bundle.
        run: Run folder that trained the model; its bundle is used where `bundle` names none.
        external: Predictions tables of external datasets, by name.
        contamination: Folders that `eyeground check --against` wrote, by external dataset.
        checked: Folder that `eyeground check` wrote for the photos that are evaluated.
        embeddings: Table that `eyeground predict --embeddings` wrote.
        robustness: Folder that `eyeground robustness` wrote.
        outputs: Those that are evaluated; others are left out of external and corrupted predictions.
    """

    bundle: str | None = None
    run: Path | None = None
    external: Mapping[str, Path] = field(default_factory=dict)
    contamination: Mapping[str, Path] = field(default_factory=dict)
    checked: Path | None = None
    embeddings: Path | None = None
    robustness: Path | None = None
    outputs: tuple[str, ...] = ()


def gather(sources: InputPaths) -> ReportInputs:
    """Read everything.

    Raises:
        UserError: If something named is not there, not what it should be, or contamination is given for a dataset that
            is not.
    """
    unknown = sorted(set(sources.contamination) - set(sources.external))
    if unknown:
        raise UserError(f"contamination is given for '{unknown[0]}', which is no external dataset")
    return ReportInputs(
        external={name: _kept(read_predictions(path, needs=()), sources) for name, path in sources.external.items()},
        contamination={name: read_contamination(folder) for name, folder in sources.contamination.items()},
        embeddings=read_embeddings(sources.embeddings) if sources.embeddings else None,
        corrupted=_robustness(sources),
        checked_flow=read_checked_flow(sources.checked / FLOW) if sources.checked else None,
        recipe=_recipe(sources.run / RECIPE) if sources.run else None,
        description=_description(sources),
        software=_software(sources.run / ENVIRONMENT) if sources.run else {},
    )


def _kept(predictions: Predictions, sources: InputPaths) -> Predictions:
    """The predictions with the outputs that are evaluated; a table with none of them is left to say so itself."""
    kept = [output for output in predictions.outputs if output in sources.outputs]
    return predictions.only(kept) if kept else predictions


def _robustness(sources: InputPaths) -> CorruptedPredictions | None:
    if sources.robustness is None:
        return None
    found = read_corrupted(sources.robustness / PREDICTIONS)
    return CorruptedPredictions(
        _kept(found.clean, sources),
        {condition: _kept(corrupted, sources) for condition, corrupted in found.corrupted.items()},
    )


def _description(sources: InputPaths) -> BundleDescription | None:
    source = sources.bundle or (str(sources.run / BUNDLE) if sources.run else None)
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
