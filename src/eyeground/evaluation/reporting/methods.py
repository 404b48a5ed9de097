"""The methods in words, from what is on record and nothing else.

Every sentence is made from a field: of the recipe, the bundle, the table of predictions or the evaluation. What is
on no record is not guessed but listed for the author, with a hint of what to write. So the text can be pasted into
a manuscript, and a checklist can trust that a part which is present states facts. Which facts is told by `parts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from eyeground.bundle.description import BundleDescription
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.data.predictions import Predictions
from eyeground.evaluation.reporting.methods_evaluation import evaluation_parts
from eyeground.evaluation.reporting.methods_model import model_parts
from eyeground.evaluation.reporting.section import Section, TableBlock
from eyeground.evaluation.reporting.wording import joined
from eyeground.evaluation.results import Evaluation

METHODS = "methods"

# Every part of the methods, in reading order: what the text calls it, and what to write where it is not on record.
PARTS = {
    "cohort": ("Photographs", "How many photographs of how many patients were evaluated, and from where."),
    "missing": ("Missing truths", "How photographs without a truth were handled."),
    "partition": ("Separation of splits", "At what level the splits are disjoint, and how that was checked."),
    "data": ("Training data", "On which photographs, of how many patients and from which sources, the model was trained."),
    "preprocessing": ("Preprocessing", "Every step from a photograph's file to the model's input."),
    "model": ("Model", "Network, inputs, outputs and what the outputs mean."),
    "initialisation": ("Initial weights", "The weights that training started from."),
    "training": ("Training", "Augmentation, loss, optimiser, learning rate, epochs, and what was done about rare classes."),
    "selection": ("Choice of the final model", "By what measure, on which split, the final weights were chosen."),
    "calibration": ("Calibration", "Whether probabilities were recalibrated, how, and on which photographs."),
    "operating_points": ("Operating points", "How every threshold was chosen, on which photographs, and before what."),
    "metrics": ("Measures", "The measures of performance."),
    "statistics": ("Intervals", "How intervals were computed, and what was resampled."),
    "software": ("Software", "Programs and libraries, with versions."),
}  # fmt: skip


@dataclass(frozen=True)
class MethodsSection(Section):
    """The section `methods`, with the names of the parts that it states."""

    parts: tuple[str, ...] = ()


def methods_section(
    evaluation: Evaluation,
    predictions: Predictions,
    recipe: TrainingRecipe | ProbeRecipe | None = None,
    description: BundleDescription | None = None,
    software: Mapping[str, str] | None = None,
    interval: str = "BCa",
) -> MethodsSection:
    """Write the methods of an evaluation, in the past tense, from what is known.

    Args:
        predictions: The table that was evaluated, all splits.
        recipe: The resolved recipe of the run that trained the model.
        description: Of the model's bundle.
        software: What trained and predicted, such as `{"torch": "2.6"}`.
        interval: Kind of bootstrap interval.

    Returns:
        With one paragraph for each part that is known, and a table of those that the author must add.
    """
    known = evaluation_parts(evaluation, predictions, interval) | model_parts(recipe, description)
    known["software"] = _software(software or {})
    parts = tuple(part for part in PARTS if known.get(part))
    left = [part for part in PARTS if part not in parts]
    tables: tuple[TableBlock, ...] = ()
    if left:
        rows = [{"Part": PARTS[part][0], "What to write": PARTS[part][1]} for part in left]
        caption = "What is on no record and the author must fill in."
        tables = (TableBlock("methods-to-fill", pd.DataFrame(rows), caption),)
    return MethodsSection(
        key=METHODS,
        title="Methods",
        paragraphs=tuple(f"{PARTS[part][0]}. {known[part]}" for part in parts),
        tables=tables,
        parts=parts,
    )


def _software(versions: Mapping[str, str]) -> str:
    return (
        f"The software was {joined([f'{name} {version}' for name, version in versions.items()])}." if versions else ""
    )
