"""Stacking (Wolpert 1992): an output takes in what another output of the same network knows.

A network that learns 'abnormal' beside single diseases answers for 'abnormal' mostly by what is common in its training
photos, and may pass a rarer disease that its own output for it would find. A logistic regression of the truth on both
logits, on validation photos, says how much of the other one is worth adding. With heads that are linear in their last
layer the sum is itself an output of such a head, so the network stays one network, and its evidence maps stay exact.
"""

import numpy as np
import torch
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from eyeground.description import Stacked
from eyeground.errors import UserError, did_you_mean
from eyeground.models.classifier import Classifier

SMALLEST_PROBABILITY = 1e-7  # of 32-bit numbers below 1, some round to 1
FEWEST_PHOTOS = 20  # positive and negative ones, ten for each of the two numbers that count (Peduzzi et al. 1996)


def stack(classifier: Classifier, output: str, added: str, predicted: np.ndarray, truth: np.ndarray) -> Stacked:
    """Add a share of one output's logit to another's, in place.

    Parameters
    ----------
    classifier : Classifier
        Its head is changed.
    output, added : str
        The output to change, and the one of which a share is added.
    predicted, truth : numpy.ndarray
        Shape (photos, outputs) each: uncalibrated probabilities and truths (0, 1 or NaN) of validation photos.

    Returns
    -------
    Stacked
        What was done.

    Raises
    ------
    UserError
        If there is no such output, either is one of several exclusive classes, there are fewer than 20 positive or negative
        photos, or the other output adds nothing.
    """
    columns = [_column(classifier, name) for name in (output, added)]
    if output == added:
        raise UserError(f"--stack {output}={added}: an output has nothing to add to itself")
    known = np.isfinite(truth[:, columns[0]])
    positive = truth[known, columns[0]] > 0.5
    if min(positive.sum(), (~positive).sum()) < FEWEST_PHOTOS:
        raise UserError(
            f"--stack {output}={added}: {positive.sum()} validation photos are positive and {(~positive).sum()} negative; "
            f"{FEWEST_PHOTOS} of each are needed"
        )
    share = _share(predicted[known][:, columns], positive)
    if not share > 0:
        raise UserError(f"--stack {output}={added}: on validation photos, '{added}' adds nothing to '{output}'")
    last = classifier.head.output
    with torch.no_grad():
        for numbers in (last.weight, last.bias):
            numbers[columns[0]] += share * numbers[columns[1]]
    return Stacked(output=output, added=added, share=share, photos=int(known.sum()))


def _column(classifier: Classifier, output: str) -> int:
    names = [name for target in classifier.targets for name in target.outputs]
    if output not in names:
        raise UserError(
            f"--stack: the model has no output '{output}'{did_you_mean(output, names)}; it has {', '.join(names)}"
        )
    if any(output in target.outputs for target in classifier.targets if target.kind == "multiclass"):
        raise UserError(f"--stack: '{output}' is one of several exclusive classes, which have no logit of their own")
    return names.index(output)


def _share(predicted: np.ndarray, positive: np.ndarray) -> float:
    """Weight of the second column's logit relative to the first's; below or at 0 where there is nothing to add."""
    logits = logit(predicted.astype(float).clip(SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY))
    fitted = LogisticRegression(C=np.inf, max_iter=1000).fit(logits, positive)
    own, other = fitted.coef_[0]
    return float(other / own) if own > 0 else 0.0
