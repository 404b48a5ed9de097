"""Logistic regression on the frozen embedding, folded into a linear head that explains and screens like a fine-tuned one.

The regularisation strength is chosen by cross-validation with all photographs of a patient in one fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from eyeground.config.targets import Target, columns_of, later_steps
from eyeground.config.training_recipe import ProbeRecipe
from eyeground.errors import UserError

MOST_ITERATIONS = 2000


@dataclass(frozen=True)
class Head:
    """A linear head on the embedding: weight (outputs, width), bias (outputs,), and the chosen C per target or step."""

    weight: np.ndarray
    bias: np.ndarray
    C: dict[str, float]

    def logits(self, embedded: np.ndarray) -> np.ndarray:
        """Logits (n, outputs) of embeddings (n, width), before `in_order`."""
        return np.asarray(embedded @ self.weight.T + self.bias)


def fit_probe(embedded: np.ndarray, truth: np.ndarray, patients: np.ndarray, recipe: ProbeRecipe) -> Head:
    """Fit one logistic regression per binary target and ordinal step, one softmax regression per multiclass target.

    Args:
        embedded: Shape (n, width), training photos alone.
        truth: Shape (n, outputs): 0, 1 or NaN; rows with unknown truth are left out target by target.
        patients: Shape (n,): all photos of a patient are in one fold.
        recipe: With the classes of all targets filled in.

    Raises:
        UserError: If an output has no known positives or no known negatives to learn from.
    """
    weights, biases, strengths = [], [], {}
    for target, columns in columns_of(recipe.targets):
        answers = truth[:, columns]
        _require_both(answers, target)
        known = np.isfinite(answers).all(axis=1)
        for name, answer in _problems(answers, target):
            weight, bias, strengths[name] = _regress(embedded[known], answer[known], patients[known], recipe)
            if target.kind == "multiclass" and len(bias) == 1:
                # scikit-learn gives two classes one logit; the softmax of our head has one for each.
                weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
            weights.append(weight)
            biases.append(bias)
    return Head(np.concatenate(weights), np.concatenate(biases), strengths)


def in_order(values: np.ndarray, targets: Sequence[Target]) -> tuple[np.ndarray, np.ndarray]:
    """Put the steps of ordinal targets in order; arguments and results as of `models.heads.in_order`, in numpy."""
    values, chosen = values.copy(), np.tile(np.arange(values.shape[1]), (len(values), 1))
    for step in later_steps(targets):
        lower = values[:, step - 1] <= values[:, step]
        values[lower, step], chosen[lower, step] = values[lower, step - 1], chosen[lower, step - 1]
    return values, chosen


def probabilities(logits: np.ndarray, targets: Sequence[Target]) -> np.ndarray:
    """Uncalibrated probabilities (n, outputs): softmax within a multiclass target, sigmoid elsewhere, steps in order."""
    parts = [
        softmax(logits[:, columns], axis=1) if target.kind == "multiclass" else expit(logits[:, columns])
        for target, columns in columns_of(targets)
    ]
    return in_order(np.concatenate(parts, axis=1), targets)[0]


def _problems(answers: np.ndarray, target: Target) -> list[tuple[str, np.ndarray]]:
    """The regressions of a target, each with its name and its classes (n,) 0, 1, …; arbitrary where the truth is unknown."""
    if target.kind != "multiclass":
        return [
            (output, np.nan_to_num(answer).astype(int))
            for output, answer in zip(target.outputs, answers.T, strict=True)
        ]
    return [(target.name, np.nan_to_num(answers).argmax(axis=1))]


def _require_both(answers: np.ndarray, target: Target) -> None:
    for output, answer in zip(target.outputs, answers.T, strict=True):
        positives, negatives = int(np.nansum(answer == 1)), int(np.nansum(answer == 0))
        if not positives or not negatives:
            raise UserError(
                f"'{output}' has {positives} positive and {negatives} negative training photos; a probe needs both. "
                "Leave the target out, or label more photos"
            )


def _regress(
    embedded: np.ndarray, answer: np.ndarray, patients: np.ndarray, recipe: ProbeRecipe
) -> tuple[np.ndarray, np.ndarray, float]:
    """Weight (rows, width) and bias (rows,) on the unscaled embedding, and the strength; one row for 0/1, else one per class."""
    # In 32 bits the solver's line search stops before the minimum.
    embedded = embedded.astype(np.float64)
    scaler = StandardScaler().fit(embedded)
    reduced, back = _without_empty_directions(scaler.transform(embedded))
    strength = _best_strength(reduced, answer, patients, recipe)
    fitted = _regression(strength).fit(reduced, answer)
    weight = fitted.coef_ @ back / scaler.scale_
    return weight, fitted.intercept_ - weight @ scaler.mean_, strength


def _without_empty_directions(standardised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same photos in as many dimensions as they span, and the matrix back (dimensions, width).

    A ridge penalty does not change under rotation and keeps directions without photos at zero, so the regression is the
    same; with fewer photos than the embedding has components it is many times cheaper.
    """
    if len(standardised) >= standardised.shape[1]:
        return standardised, np.eye(standardised.shape[1])
    left, lengths, back = np.linalg.svd(standardised, full_matrices=False)
    return left * lengths, back


def _best_strength(embedded: np.ndarray, answer: np.ndarray, patients: np.ndarray, recipe: ProbeRecipe) -> float:
    """The strength with the smallest log loss out of fold; the strongest regularisation without folds.

    Goes from strong to weak regularisation, each fold starting from its last solution, and stops when the loss rises:
    the loss has one minimum, and the fits beyond it are the slow ones.
    """
    strengths = sorted(recipe.C)
    folds = _complete_folds(answer, patients, recipe)
    fits = [_regression(strengths[0]).set_params(warm_start=True) for _ in folds]
    classes = np.unique(answer)
    best, smallest = strengths[0], np.inf
    for strength in strengths if folds else ():
        loss = 0.0
        for fitted, (train, held_out) in zip(fits, folds, strict=True):
            fitted.set_params(C=strength).fit(embedded[train], answer[train])
            predicted = fitted.predict_proba(embedded[held_out])
            loss += log_loss(answer[held_out], predicted, labels=classes, normalize=False)
        if loss > smallest:
            break
        best, smallest = strength, loss
    return best


def _complete_folds(
    answer: np.ndarray, patients: np.ndarray, recipe: ProbeRecipe
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Patient-grouped folds (train, held out) whose training part has every class."""
    folds = min(recipe.folds, len(np.unique(patients)))
    if folds < 2:
        return []
    grouped = GroupKFold(folds, shuffle=True, random_state=recipe.seed).split(answer, groups=patients)
    classes = len(np.unique(answer))
    return [(train, held_out) for train, held_out in grouped if len(np.unique(answer[train])) == classes]


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=MOST_ITERATIONS)
