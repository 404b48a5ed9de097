"""Fit a calibration on validation photos, never on test; see docs/statistics.md.

A target has one map for all its outputs: separate maps could change the order of ordinal steps or the sum of classes.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import xlogy

from eyeground.bundle.calibration import Calibration, FittedOn, Uncalibrated, calibrated
from eyeground.config.targets import Target
from eyeground.config.training_recipe import CalibrationMethod
from eyeground.data.predictions import PROBABILITY, TRUTH, Predictions
from eyeground.errors import UserError, did_you_mean
from eyeground.evaluation.calibrating.fits import FITS, NAMES, NotFittedError, Observed
from eyeground.evaluation.operating_points import basis_of
from eyeground.evaluation.samples import patient_numbers

METHODS: tuple[str, ...] = get_args(CalibrationMethod)

# Patients with the rarer truth: ten for each number that is fitted (Peduzzi et al. 1996), and the hundred below
# which calibration cannot be judged (Collins et al. 2016) for the regression that fits as many as it likes.
FEWEST_PATIENTS = {"temperature": 10, "platt": 20, "isotonic": 100}
FOLDS = 5
# A gain counts when its 95 % interval lies above 0.
STANDARD_ERRORS = 1.96


def fit_calibration(
    predictions: Predictions,
    target: Target,
    method: CalibrationMethod = "auto",
    unsplit: Literal["validation", "site"] = "validation",
) -> Calibration:
    """Fit the calibration of one target.

    Args:
        predictions: Uncalibrated, of the validation split alone (or of train alone, or out of fold, which the result
            then says).
        target: Its outputs are columns of the table; exclusive classes, which sum to 1, can only have a temperature.
        method: `auto` keeps temperature or Platt scaling where it improves held-out validation patients;
            `none`, `temperature` (Guo et al. 2017), `platt` (Platt 1999, with its smoothed truths; over ordinal steps
            one slope, and offsets that do not rise) and `isotonic` (one map for all ordinal steps) do what they say.
        unsplit: What the photos of a table without `split` and `fold` are, which the result then says.

    Returns:
        `Uncalibrated`, with the reason, where there is too little to fit or nothing to gain.

    Raises:
        UserError: If the method is not known, an output is missing, or the table holds test photos or a mixture of
            splits.
    """
    if method not in METHODS:
        raise UserError(
            f"'{method}' is not a calibration{did_you_mean(method, METHODS)}; use one of {', '.join(METHODS)}"
        )
    observed = _observed(predictions, target, unsplit)
    if method == "none":
        return Uncalibrated(outputs=target.outputs, reason="not asked for")
    if target.kind == "multiclass" and method in ("platt", "isotonic"):
        reason = f"exclusive classes sum to 1, which {NAMES[method]} does not keep; their calibration is temperature"
        return Uncalibrated(outputs=target.outputs, reason=reason)
    try:
        return _best(observed) if method == "auto" else _fitted(observed, method)
    except NotFittedError as reason:
        return Uncalibrated(outputs=target.outputs, reason=str(reason))


def calibrated_predictions(predictions: Predictions, calibrations: Sequence[Calibration]) -> Predictions:
    """The same table with calibrated probabilities; outputs that no calibration is for stay as they are."""
    columns = [PROBABILITY + output for output in predictions.outputs]
    table = predictions.table.copy()
    table[columns] = calibrated(table[columns].to_numpy(dtype=float), predictions.outputs, calibrations)
    return Predictions(table)


def cross_calibrated_predictions(
    predictions: Predictions, targets: Sequence[Target], method: CalibrationMethod = "auto"
) -> Predictions:
    """The same table with each fold calibrated as the other folds would have it, so that no photo calibrates itself."""
    table = predictions.table
    parts = []
    for fold in sorted(table["fold"].unique()):
        others = Predictions(table[table["fold"] != fold])
        calibrations = [fit_calibration(others, target, method) for target in targets]
        parts.append(calibrated_predictions(Predictions(table[table["fold"] == fold]), calibrations).table)
    return Predictions(pd.concat(parts).loc[table.index])


def _observed(predictions: Predictions, target: Target, unsplit: Literal["validation", "site"]) -> Observed:
    for output in target.outputs:
        if output not in predictions.outputs:
            raise UserError(
                f"the predictions have no output '{output}'{did_you_mean(output, predictions.outputs)}; "
                f"they have {', '.join(predictions.outputs)}"
            )
    split: FittedOn = basis_of(predictions, "a calibration is fitted")
    if split == "validation" and "split" not in predictions.table:
        split = unsplit
    # In the order of the photos, so that the order of the table changes no fold and no result.
    table = predictions.table.sort_values("photo", ignore_index=True)
    truth = table[[TRUTH + output for output in target.outputs]].to_numpy(dtype=float)
    known = ~np.isnan(truth).any(axis=1)
    probability = table[[PROBABILITY + output for output in target.outputs]].to_numpy(dtype=float)
    patient = patient_numbers(table)
    return Observed(target, split, truth[known], probability[known], patient[known])


def _best(observed: Observed) -> Calibration:
    """The best method on held-out patients, if any is better than chance explains."""
    _refuse_few(observed, "temperature")
    methods = ["temperature"]
    if observed.target.kind != "multiclass" and _patients(observed, "platt") >= FEWEST_PATIENTS["platt"]:
        methods.append("platt")
    gains = {method: _held_out_gain(observed, method) for method in methods}
    worth = {method: gain for method, (gain, error) in gains.items() if gain > STANDARD_ERRORS * error}
    if not worth:
        tried = " or ".join(NAMES[method] for method in methods)
        raise NotFittedError(
            f"no gain shown: on held-out {observed.split} patients, {tried} lowers the log loss no more than chance explains"
        )
    return _fitted(observed, max(worth, key=lambda method: worth[method]))


def _held_out_gain(observed: Observed, method: str) -> tuple[float, float]:
    """How much a method lowers the summed log loss of patients it was not fitted to, and the standard error of that."""
    fold = _folds(observed)
    gain = np.zeros(len(fold))
    for number in range(FOLDS):
        held_out = observed.rows(fold == number)
        try:
            calibration = FITS[method](observed.rows(fold != number))
        except NotFittedError:
            continue  # nothing fitted, nothing gained
        before, after = held_out.probability, calibration.apply(held_out.probability)
        gain[fold == number] = _log_loss(held_out, before) - _log_loss(held_out, after)
    of_patient = np.bincount(observed.patient, weights=gain)[np.unique(observed.patient)]
    return float(of_patient.sum()), float(np.sqrt(len(of_patient)) * of_patient.std(ddof=1))


def _folds(observed: Observed) -> np.ndarray:
    """The fold of each photo, shape (photos,), the same for all photos of a patient; patients with the most positive outputs are spread evenly."""
    patients, patient = np.unique(observed.patient, return_inverse=True)
    most = np.zeros(len(patients))
    np.maximum.at(most, patient, observed.truth.sum(axis=1))
    shuffled = np.random.default_rng(0).permutation(len(patients))
    fold = np.empty(len(patients), dtype=np.int64)
    fold[shuffled[np.argsort(most[shuffled], kind="stable")]] = np.arange(len(patients)) % FOLDS
    return np.asarray(fold[patient])


def _log_loss(observed: Observed, probability: np.ndarray) -> np.ndarray:
    """Minus the log likelihood of each photo's truths, shape (photos,)."""
    held = np.clip(probability, 1e-7, 1 - 1e-7)
    loss = -xlogy(observed.truth, held)
    if observed.target.kind != "multiclass":
        loss -= xlogy(1 - observed.truth, 1 - held)
    return np.asarray(loss.sum(axis=1))


def _fitted(observed: Observed, method: str) -> Calibration:
    _refuse_few(observed, method)
    return FITS[method](observed)


def _refuse_few(observed: Observed, method: str) -> None:
    patients, needed = _patients(observed, method), FEWEST_PATIENTS[method]
    if patients < needed:
        raise NotFittedError(
            f"{NAMES[method]} needs {needed} patients with positives and {needed} with negatives; "
            f"{observed.split} has {patients} of the rarer"
        )


def _patients(observed: Observed, method: str) -> int:
    """Patients with the rarer truth: of the best-known output, or where each has a number of its own, of the least known."""
    rarer = [min(len(np.unique(observed.patient[truth == value])) for value in (0, 1)) for truth in observed.truth.T]
    return min(rarer) if method == "platt" else max(rarer)
