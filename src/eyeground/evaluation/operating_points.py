"""Thresholds, chosen on validation truths and never on test.

Only thresholds between two neighbouring scores differ in effect, so there is one candidate per distinct score.
It is put halfway down to the next lower score: on the photos it was chosen on it decides the same, and a
score that differs in its last digit on another machine stays on its side.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.bundle import OperatingPoint
from eyeground.errors import UserError, did_you_mean
from eyeground.predictions import Predictions

RULES = ("youden", "sensitivity=0.95", "specificity=0.95")


@dataclass(frozen=True)
class _Candidates:
    """Thresholds, shape (candidates,), falling, and what each finds: true and false positives as counts."""

    thresholds: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    positives: int
    negatives: int


def choose_operating_point(predictions: Predictions, output: str, rule: str = "youden") -> OperatingPoint:
    """Choose a threshold on the truths of validation photos.

    Parameters
    ----------
    predictions : Predictions
        Of the validation split alone (or of train alone, which the result then says). A table without a `split`
        column is taken for validation.
    output : str
        The output it applies to.
    rule : str
        `youden` (largest sensitivity + specificity; among equals, the higher sensitivity), `sensitivity=0.95` (the
        highest threshold that reaches it, so the best specificity) or `specificity=0.95` (the lowest threshold
        that reaches it); any share above 0 and up to 1 may stand for 0.95.

    Raises
    ------
    UserError
        If the rule is not known, a specificity cannot be reached, the table holds no positives or no negatives,
        or it holds test photos or a mixture of splits.

    Examples
    --------
    >>> import pandas as pd
    >>> from eyeground.predictions import validated_predictions
    >>> table = pd.DataFrame({"photo": list("abcd"), "patient": list("abcd"), "truth_dr": [0, 0, 1, 1],
    ...                       "probability_dr": [0.1, 0.2, 0.6, 0.9]})
    >>> choose_operating_point(validated_predictions(table, "table"), "dr").threshold
    0.4
    """
    if output not in predictions.outputs:
        raise UserError(
            f"the predictions have no output '{output}'{did_you_mean(output, predictions.outputs)}; "
            f"they have {', '.join(predictions.outputs)}"
        )
    kind, share = _parsed(rule)
    split = _only_split(predictions)
    truth, probability, _ = predictions.known(output)
    for name, value in (("positives", 1), ("negatives", 0)):
        if not (truth == value).any():
            raise UserError(f"no operating point for '{output}': there are no {name} in {split}")
    candidates = _candidates(truth, probability)
    return OperatingPoint(
        output=output,
        threshold=_chosen(candidates, kind, share, output),
        rule=rule,
        chosen_on="train" if split == "train" else "validation",
        positives=candidates.positives,
        negatives=candidates.negatives,
    )


def _parsed(rule: str) -> tuple[str, float]:
    kind, _, text = rule.partition("=")
    if rule == "youden":
        return kind, 0.0
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if kind not in ("sensitivity", "specificity") or not 0 < share <= 1:
        raise UserError(f"'{rule}' is not a rule for an operating point; use one like {', '.join(RULES)}")
    return kind, share


def _only_split(predictions: Predictions) -> str:
    splits = set(predictions.table["split"].dropna()) if "split" in predictions.table else {"validation"}
    if "test" in splits:
        raise UserError("an operating point is never chosen on test photos; pass `predictions.in_split('validation')`")
    if len(splits) > 1:
        raise UserError(f"an operating point is chosen on one split, not on {' and '.join(sorted(splits))} together")
    return str(next(iter(splits), "validation"))


def _candidates(truth: np.ndarray, probability: np.ndarray) -> _Candidates:
    rising, inverse = np.unique(probability, return_inverse=True)
    positives = np.bincount(inverse, weights=truth, minlength=len(rising)).astype(np.int64)
    negatives = np.bincount(inverse, minlength=len(rising)) - positives
    # Above every score stands the candidate that calls nothing positive; at probability 1 there is no room for it.
    upper = np.append(rising, 1.0)
    lower = np.concatenate([[0.0], rising])
    middle = (upper + lower) / 2
    thresholds = np.where(middle > lower, middle, upper)
    if rising[-1] == 1.0:
        thresholds = thresholds[:-1]
    found = np.append(np.cumsum(positives[::-1])[::-1], 0)[: len(thresholds)]
    wrong = np.append(np.cumsum(negatives[::-1])[::-1], 0)[: len(thresholds)]
    return _Candidates(thresholds[::-1], found[::-1], wrong[::-1], int(positives.sum()), int(negatives.sum()))


def _chosen(candidates: _Candidates, kind: str, share: float, output: str) -> float:
    if kind == "youden":
        # Integers, so that equals are equal; the last of them has the lowest threshold.
        index = candidates.true_positives * candidates.negatives - candidates.false_positives * candidates.positives
        return float(candidates.thresholds[np.flatnonzero(index == index.max())[-1]])
    if kind == "sensitivity":
        reached = np.flatnonzero(candidates.true_positives / candidates.positives >= share)
        return float(candidates.thresholds[reached[0]])
    specificity = (candidates.negatives - candidates.false_positives) / candidates.negatives
    reached = np.flatnonzero(specificity >= share)
    if not len(reached):
        raise UserError(
            f"no threshold gives '{output}' a specificity of {share:g}: negatives with probability 1 leave at most {specificity.max():.3f}"
        )
    return float(candidates.thresholds[reached[-1]])
