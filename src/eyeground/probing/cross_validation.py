"""Every photograph predicted by a probe that has seen no photograph of its patient.

Each fold of patients is predicted by a probe of all the others, whose strength is chosen within those. With some hundred
photos this uses each of them to learn from and to measure on, where a split would measure on a fifth. The price: the
figures are those of five probes of four fifths of the photos, and the one that is shipped, of all of them, is like them
but none of them; it should be a little better.

Scores of different folds have no common scale. Ranked against each other in one pool they bias the AUROC, downwards as a
rule, so the folds stay with the predictions, and `evaluation` ranks within folds and averages (`measures.ranking_measure`).
Folds are not drawn again and again: averaged predictions would be of no fold, and could be ranked in one pool only.
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
                    f"'{output}' has {name} of {count} patients only, and none outside one fold: a probe that has not seen "
                    "them cannot learn it. Label more photos, or leave the target out"
                )
