"""The methods as text that can be pasted into a manuscript, from recorded settings and results alone.

What is not recorded is listed for the author with a hint of what to write; `parts` names the parts that are stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

import eyeground
from eyeground.bundle.description import BundleDescription
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.predictions import Predictions
from eyeground.evaluation.reporting.methods_evaluation import evaluation_parts
from eyeground.evaluation.reporting.methods_model import model_parts
from eyeground.evaluation.reporting.section import Section, TableBlock
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.results import Evaluation

METHODS = "methods"

# Every part of the methods, in reading order: its heading, and what to write where it is not recorded.
PARTS = {
    "cohort": ("Photographs", "How many photographs of how many patients were evaluated, and from where."),
    "missing": ("Missing truths", "How photographs without a truth were handled."),
    "partition": ("Separation of splits", "At what level the splits are disjoint, and how that was checked."),
    "data": ("Training data", "On which photographs, of how many patients and from which sources, the model was trained."),
    "preprocessing": ("Preprocessing", "Every step from a photograph's file to the model's input."),
    "model": ("Model", "Network, inputs, outputs and what the outputs mean."),
    "initialisation": ("Initial weights", "The weights that training started from."),
    "training": ("Training", "Augmentation, loss, optimiser, learning rate, epochs, and what was done about rare classes."),
    "selection": ("Choice of the final model", "By which metric, on which split, the final weights were chosen."),
    "calibration": ("Calibration", "Whether probabilities were recalibrated, how, and on which photographs."),
    "operating_points": ("Operating points", "How and on which photographs every threshold was chosen, and whether before testing."),
    "metrics": ("Metrics", "The metrics of performance."),
    "statistics": ("Intervals", "How intervals were computed, and what was resampled."),
    "software": ("Software of the model", "Programs and libraries that trained it and predicted, with versions."),
    "analysis": ("Software of the evaluation", "Its name and version."),
}  # fmt: skip


@dataclass(frozen=True)
class MethodsSection(Section):
    """The section `methods` and the names of the parts that it states."""

    parts: tuple[str, ...] = ()


def methods_section(
    evaluation: Evaluation,
    predictions: Predictions,
    recipe: TrainingRecipe | ProbeRecipe | None = None,
    description: BundleDescription | None = None,
    software: Mapping[str, str] | None = None,
    interval: str = "BCa",
) -> MethodsSection:
    """Write the methods of an evaluation: a paragraph for each part that is known, and a table of the others.

    Args:
        predictions: The table that was evaluated, all splits.
        recipe: The resolved recipe of the run that trained the model.
        description: Of the model's bundle.
        software: What trained and predicted, such as `{"torch": "2.6"}`.
        interval: Kind of bootstrap interval.
    """
    known = evaluation_parts(evaluation, predictions, interval) | model_parts(recipe, description)
    versions = [f"{name} {version}" for name, version in (software or {}).items()]
    known["software"] = f"The software was {joined(versions)}." if versions else ""
    known["analysis"] = f"The evaluation was made with eyeground {eyeground.__version__}."
    parts = tuple(part for part in PARTS if known.get(part))
    left = [part for part in PARTS if part not in parts]
    tables: tuple[TableBlock, ...] = ()
    if left:
        rows = [{"Part": PARTS[part][0], "What to write": PARTS[part][1]} for part in left]
        caption = "What is not recorded and the author must fill in."
        tables = (TableBlock("methods-to-fill", pd.DataFrame(rows), caption),)
    return MethodsSection(
        key=METHODS,
        title="Methods",
        paragraphs=tuple(f"{PARTS[part][0]}. {known[part]}" for part in parts),
        tables=tables,
        parts=parts,
    )
