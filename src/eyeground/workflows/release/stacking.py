"""Stacking (Wolpert 1992): a share of one output's logit is added to another's, such as a rare disease to 'abnormal'.

Logistic regression on validation photos sets the share. With heads that are linear in their last layer the sum is again
an output of such a head, so evidence maps stay exact. See docs/howto/release-a-model.md.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from eyeground.bundle.description import Stacked
from eyeground.config.targets import Target, later_steps
from eyeground.errors import UserError, did_you_mean
from eyeground.models.classifier import Classifier

SMALLEST_PROBABILITY = 1e-7  # of 32-bit numbers below 1, some round to 1
FEWEST_PHOTOS = 20  # of each class: ten for each of the two coefficients (Peduzzi et al. 1996)


def stacked_columns(targets: Sequence[Target], output: str, added: str) -> tuple[int, int]:
    """The columns of the two outputs among a network's.

    Raises:
        UserError: If an output does not exist, the first is a grade or an exclusive class, or the second an exclusive
            class or a later step of a grade.
    """
    names = [name for target in targets for name in target.outputs]
    for name in (output, added):
        if name not in names:
            raise UserError(
                f"--stack: the model has no output '{name}'{did_you_mean(name, names)}; it has {', '.join(names)}"
            )
    if output == added:
        raise UserError(f"--stack {output}={added}: an output cannot be added to itself")
    kinds = {name: target.kind for target in targets for name in target.outputs}
    if kinds[output] != "binary":  # steps of a grade would no longer be in order
        raise UserError(f"--stack: '{output}' is one of several outputs of a target; only a binary one can be added to")
    if kinds[added] == "multiclass":
        raise UserError(f"--stack: '{added}' is one of several exclusive classes, which have no logit of their own")
    if names.index(added) in later_steps(targets):
        raise UserError(
            f"--stack: '{added}' may have the logit of a lower step; only the first step of a grade can be added"
        )
    return names.index(output), names.index(added)


def stack(
    classifier: Classifier, output: str, added: str, predicted: np.ndarray, truth: np.ndarray
) -> tuple[Stacked, np.ndarray]:
    """Add a share of one output's logit to another's, in place.

    Args:
        classifier: Its head is changed.
        output, added: The output to change, and the one whose logit is added in part.
        predicted, truth: Shape (photos, outputs) each: uncalibrated probabilities and truths (0, 1 or NaN) of
            validation photos.

    Returns:
        The record of the stacking, and the classifier's new probabilities (photos, outputs).

    Raises:
        UserError: As `stacked_columns`; also with fewer than 20 positive or negative photos, or a share not above 0.
    """
    columns = list(stacked_columns(classifier.targets, output, added))
    known = np.isfinite(truth[:, columns[0]])
    positive = truth[known, columns[0]] > 0.5
    if min(positive.sum(), (~positive).sum()) < FEWEST_PHOTOS:
        raise UserError(
            f"--stack {output}={added}: {positive.sum()} validation photos are positive and {(~positive).sum()} negative; "
            f"{FEWEST_PHOTOS} of each are needed"
        )
    share = _share(predicted[known][:, columns], positive)
    if not share > 0:
        raise UserError(
            f"--stack {output}={added}: the share of '{added}' that fits validation photos best is {share:.3f}, not above 0"
        )
    last = classifier.head.output
    with torch.no_grad():
        for numbers in (last.weight, last.bias):
            numbers[columns[0]] += share * numbers[columns[1]]
    again = predicted.copy()
    own, other = _logits(predicted[:, columns]).T
    again[:, columns[0]] = expit(own + share * other)
    return Stacked(output=output, added=added, share=share, photos=int(known.sum())), again


def _share(predicted: np.ndarray, positive: np.ndarray) -> float:
    """Weight of the second column's logit relative to the first's; 0 where the first one has none."""
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(_logits(predicted), positive)
    own, other = fitted.coef_[0]
    return float(other / own) if own > 0 else 0.0


def _logits(predicted: np.ndarray) -> np.ndarray:
    return np.asarray(logit(predicted.astype(float).clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))
