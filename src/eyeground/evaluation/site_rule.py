"""The decision rule chosen on photos of one's own site: with labels, or from an expected share of abnormal photos.

Its sensitivity and specificity are measured out of fold.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from eyeground.bundle.calibration import logit, sigmoid
from eyeground.config.operating_point import DecisionRule
from eyeground.config.targets import Target, healthy_outputs
from eyeground.core.progress import track
from eyeground.data.predictions import Predictions
from eyeground.errors import UserError
from eyeground.evaluation.decision_rule import called_abnormal, choose_rules, rule_truth, share_of
from eyeground.evaluation.estimates import FEW_PATIENTS

FOLDS = 5
RESAMPLES = 200
HALVINGS = 60


def refuse_few(site: Predictions, outputs: Sequence[str], targets: Sequence[Target]) -> None:
    """Raise a `UserError` unless ten patients with a normal and ten with an abnormal photo are there to choose on."""
    truth, patients = rule_truth(site, outputs, targets), site.table["patient"].to_numpy(dtype=object)
    normal, abnormal = (len(set(patients[truth == value])) for value in (0, 1))
    if min(normal, abnormal) < FEW_PATIENTS:
        raise UserError(
            f"thresholds need {FEW_PATIENTS} patients with a normal and {FEW_PATIENTS} with an abnormal photo that could be judged; "
            f"there are {normal} and {abnormal}. Label more, or give unlabelled photos with --expected-abnormal SHARE"
        )


def refuse_unmeasured(decision: DecisionRule | None) -> None:
    """Raise a `UserError` if a rule's shares are not known, which unlabelled photos need; a model without a rule is refused later."""
    if decision is not None and (decision.sensitivity is None or decision.specificity is None):
        raise UserError(
            "what the model's rule does was never measured, so what to expect is not known; label photos instead"
        )


def choose_at_site(
    site: Predictions, outputs: Sequence[str], targets: Sequence[Target], rules: Sequence[str]
) -> tuple[DecisionRule, ...]:
    """Choose rules on all of a site's labelled photos, each with the shares that it has out of fold.

    Args:
        site: Judged photos, without splits.
        outputs: The deciding ones.
        targets: Of the model.
        rules: What the entire rule is to keep, the preferred one first.
    """
    truth, patients = rule_truth(site, outputs, targets), site.table["patient"].to_numpy(dtype=object)
    called: dict[str, NDArray[np.float64]] = {rule: np.full(len(truth), np.nan) for rule in rules}
    for train, held_out in _folds(truth, patients):
        for found in choose_rules(_rows(site, train), outputs, targets, rules):
            called[found.rule][held_out] = called_abnormal(found, _rows(site, held_out), targets)
    chosen = []
    for rule in choose_rules(site, outputs, targets, rules):
        known = np.isfinite(called[rule.rule])
        shares = {
            name: share_of(called[rule.rule][known & (truth == value)] == value, patients[known & (truth == value)])
            for name, value in (("sensitivity", 1), ("specificity", 0))
        }
        chosen.append(rule.model_copy(update={"chosen_on": "site", **shares}))
    return tuple(chosen)


def threshold_intervals(
    site: Predictions, outputs: Sequence[str], targets: Sequence[Target], rule: str, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95 % intervals of a rule's thresholds, chosen again on resampled patients."""
    generator = np.random.default_rng(seed)
    groups = list(site.table.groupby("patient", sort=True).indices.values())
    chosen: list[list[float]] = []
    for _ in track(range(RESAMPLES), "resampling patients", unit="resamples"):
        rows = np.concatenate([groups[one] for one in generator.integers(0, len(groups), len(groups))])
        chosen += [
            list(found.thresholds.values()) for found in choose_rules(_rows(site, rows), outputs, targets, [rule])
        ]
    low, high = np.quantile(np.array(chosen), [0.025, 0.975], axis=0)
    return {output: (float(one), float(other)) for output, one, other in zip(outputs, low, high, strict=True)}


def shifted_rule(
    decision: DecisionRule, site: Predictions, targets: Sequence[Target], expected_abnormal: float
) -> DecisionRule:
    """All thresholds moved by one and the same number of logits, so that as many unlabelled photos are called as are to be expected.

    Args:
        decision: With the shares that it had on test photos.
        site: Judged photos; their truths are not looked at.
        targets: Of the model.
        expected_abnormal: Share (0-1) of the photos that is truly abnormal.

    Raises:
        UserError: If the rule was never measured.
    """
    refuse_unmeasured(decision)
    assert decision.sensitivity is not None and decision.specificity is not None
    wanted = expected_abnormal * decision.sensitivity.value + (1 - expected_abnormal) * (1 - decision.specificity.value)

    def moved(logits: float) -> DecisionRule:
        names, healthy = list(decision.thresholds), healthy_outputs(targets)
        signs = np.array([-1.0 if name in healthy else 1.0 for name in names])
        limits = sigmoid(logit(np.array(list(decision.thresholds.values()))) + signs * logits)
        update = {"thresholds": dict(zip(names, limits.tolist(), strict=True)), "chosen_on": "site"}
        return decision.model_copy(
            update={**update, "positives": 0, "negatives": 0, "sensitivity": None, "specificity": None}
        )

    low, high = -30.0, 30.0  # the share called falls as thresholds rise
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if called_abnormal(moved(middle), site, targets).mean() > wanted:
            low = middle
        else:
            high = middle
    return moved(high)


def _folds(
    truth: NDArray[np.float64], patients: NDArray[np.object_]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    folds = GroupKFold(min(FOLDS, len(set(patients))), shuffle=True, random_state=0)
    return list(folds.split(truth, groups=patients.astype(str)))


def _rows(site: Predictions, rows: NDArray[np.intp]) -> Predictions:
    return replace(site, table=site.table.iloc[rows].reset_index(drop=True))
