"""Cross-validation: every photograph is predicted by a probe that was fitted without any photograph of its patient.

Scores of different folds have no common scale, so the folds stay with the predictions, and `evaluation` ranks within folds. Folds
are not drawn repeatedly: averaged predictions would belong to no fold.
"""

import numpy as np
from numpy.typing import NDArray

from eyeground.config.training_recipe import ProbeRecipe
from eyeground.core.progress import track
from eyeground.errors import UserError
from eyeground.probing.regression import fit_probe, probabilities


def out_of_fold(
    embedded: NDArray[np.float32], truth: np.ndarray, patients: np.ndarray, folds: np.ndarray, recipe: ProbeRecipe
) -> np.ndarray:
    """Probabilities (n, outputs) of every photo by a probe of the other folds.

    Args:
        embedded, truth, patients, recipe: As `regression.fit_probe` takes them.
        folds: Shape (n,): the fold of each photo; photos of a patient are in one fold.

    Raises:
        UserError: If the other folds of some fold have no positives or no negatives of an output.
    """
    outputs = [output for target in recipe.targets for output in target.outputs]
    _refuse_one_sided(truth, patients, folds, outputs)
    predicted = np.empty(truth.shape)
    for fold in track(np.unique(folds), "cross-validating", unit="folds"):
        held_out = folds == fold
        head = fit_probe(embedded[~held_out], truth[~held_out], patients[~held_out], recipe)
        predicted[held_out] = probabilities(head.logits(embedded[held_out]), recipe.targets)
    return predicted


def _refuse_one_sided(truth: np.ndarray, patients: np.ndarray, folds: np.ndarray, outputs: list[str]) -> None:
    for output, answers in zip(outputs, truth.T, strict=True):
        for value, name in ((1, "positives"), (0, "negatives")):
            having = answers == value
            if len(np.unique(folds[having])) < 2:
                count = len(np.unique(patients[having]))
                raise UserError(
                    f"'{output}' has {name} of {count} patients only, and none outside one fold: a probe without "
                    "them cannot learn it. Label more photos, or leave the target out"
                )
