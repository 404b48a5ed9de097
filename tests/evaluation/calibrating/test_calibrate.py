"""Fitted calibrations against independent fits; what is refused; what `auto` keeps."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from eyeground.bundle.calibration import Isotonic, Platt, Temperature, Uncalibrated, describe_calibration
from eyeground.config.targets import Target
from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.calibrating.calibrate import (
    calibrated_predictions,
    cross_calibrated_predictions,
    fit_calibration,
)
from eyeground.evaluation.calibrating.fits import smoothed

DR = Target(name="dr")
GRADE = Target(name="grade", kind="ordinal", classes=("0", "1", "2", "3"))
KIND = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))


def simulated(photos: int, seed: int, slope: float = 1.0, offset: float = 0.0, shift: float = -1.0):
    """Truths that come true as `expit(score)`, and probabilities distorted to logits `(score - offset) / slope`."""
    generator = np.random.default_rng(seed)
    score = generator.normal(shift, 1.5, photos)
    truth = (generator.random(photos) < expit(score)).astype(float)
    return truth, expit((score - offset) / slope)


def table_of(columns: dict[str, np.ndarray], patient: np.ndarray | None = None) -> Predictions:
    table = pd.DataFrame(columns)
    table["photo"] = [f"{index:06}.jpg" for index in range(len(table))]
    table["patient"] = table["photo"] if patient is None else patient.astype(str)
    return validated_predictions(table, "predictions")


def binary(truth: np.ndarray, probability: np.ndarray, patient: np.ndarray | None = None) -> Predictions:
    return table_of({"truth_dr": truth, "probability_dr": probability}, patient)


def ordinal(photos: int, seed: int, distort) -> Predictions:
    generator = np.random.default_rng(seed)
    severity = generator.normal(size=photos)
    grade = np.digitize(severity + generator.logistic(scale=0.5, size=photos), [0.0, 0.8, 1.6])
    columns = {}
    for step, cut in enumerate([0.0, 0.8, 1.6], start=1):
        columns[f"truth_grade>={step}"] = (grade >= step).astype(float)
        columns[f"probability_grade>={step}"] = expit(distort((severity - cut) / 0.5, step))
    return table_of(columns)


def test_platt_scaling_is_the_logistic_regression_on_smoothed_truths():
    truth, probability = simulated(800, seed=1, slope=0.5, offset=0.7)
    found = fit_calibration(binary(truth, probability), DR, "platt")
    assert isinstance(found, Platt)
    # A smoothed truth is both answers, each with its weight.
    target = smoothed(truth[:, np.newaxis])[:, 0]
    scores = np.tile(logit(probability), 2)[:, np.newaxis]
    answers = np.repeat([1, 0], len(truth))
    reference = LogisticRegression(C=np.inf, tol=1e-10).fit(scores, answers, np.concatenate([target, 1 - target]))
    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=1e-4)
    assert found.offsets[0] == pytest.approx(reference.intercept_[0], abs=1e-4)
    assert (found.photos, found.positives, found.fitted_on) == (800, (int(truth.sum()),), "validation")


def test_platt_smoothing_is_that_of_the_paper():
    drawn_in = smoothed(np.array([[1.0], [1.0], [1.0], [0.0]]))
    np.testing.assert_allclose(drawn_in[:, 0], [4 / 5, 4 / 5, 4 / 5, 1 / 3])


def test_temperature_minimises_the_log_loss():
    truth, probability = simulated(800, seed=2, slope=0.5)
    found = fit_calibration(binary(truth, probability), DR, "temperature")
    assert isinstance(found, Temperature)
    reference = minimize_scalar(
        lambda value: log_loss(truth, expit(logit(probability) / value)), bounds=(0.1, 10), method="bounded"
    )
    assert found.temperature == pytest.approx(reference.x, rel=1e-3)


def test_temperature_of_exclusive_classes_minimises_their_log_loss():
    generator = np.random.default_rng(3)
    logits = generator.normal(scale=1.5, size=(900, 3))
    kind = np.array([generator.choice(3, p=row) for row in softmax(logits, axis=1)])
    raw = softmax(logits / 0.4, axis=1)
    columns = {f"truth_kind={name}": (kind == index).astype(float) for index, name in enumerate("abc")}
    columns |= {f"probability_kind={name}": raw[:, index] for index, name in enumerate("abc")}
    found = fit_calibration(table_of(columns), KIND)
    assert isinstance(found, Temperature) and found.family == "softmax"
    reference = minimize_scalar(
        lambda value: log_loss(kind, softmax(np.log(raw) / value, axis=1)), bounds=(0.1, 10), method="bounded"
    )
    assert found.temperature == pytest.approx(reference.x, rel=1e-3)
    assert found.temperature == pytest.approx(2.5, rel=0.15)
    refused = fit_calibration(table_of(columns), KIND, "platt")
    assert isinstance(refused, Uncalibrated) and "exclusive classes sum to 1" in refused.reason


def test_isotonic_regression_is_that_of_scikit_learn():
    truth, probability = simulated(800, seed=4, slope=0.5)
    found = fit_calibration(binary(truth, probability), DR, "isotonic")
    assert isinstance(found, Isotonic)
    grid = np.linspace(0, 1, 501)
    reference = IsotonicRegression(out_of_bounds="clip").fit(probability, truth).predict(grid)
    np.testing.assert_allclose(found.apply(grid), reference, atol=1e-9)


def test_platt_scaling_of_ordinal_steps_finds_the_distortion_and_keeps_the_order():
    # Step 3 was made far too likely: undone step by step, the offsets fall.
    lifted = ordinal(3000, 5, lambda score, step: 2 * score + (3.0 if step == 3 else 0.0))
    found = fit_calibration(lifted, GRADE, "platt")
    assert isinstance(found, Platt)
    assert found.slope == pytest.approx(0.5, abs=0.06)
    np.testing.assert_allclose(found.offsets, [0, 0, -1.5], atol=0.3)
    # Made far too unlikely, its own offset would rise above those of the lower steps; it may not.
    lowered = ordinal(3000, 6, lambda score, step: score - (3.0 if step == 3 else 0.0))
    held = fit_calibration(lowered, GRADE, "platt")
    assert isinstance(held, Platt)
    assert held.offsets[1] == pytest.approx(held.offsets[2])
    assert list(held.offsets) == sorted(held.offsets, reverse=True)


def test_what_is_well_calibrated_stays_as_it_is():
    kept = [fit_calibration(binary(*simulated(600, seed)), DR).kind for seed in range(12)]
    assert kept.count("none") >= 10


@pytest.mark.parametrize(
    ("slope", "offset", "shift"), [(0.4, 0.0, -1.0), (2.5, 0.0, -1.0), (1.0, 1.5, -1.0), (0.5, -1.5, -3.0)]
)
def test_what_is_badly_calibrated_is_mended_on_new_photos(slope, offset, shift):
    before, after = [], []
    for seed in range(3):
        calibration = fit_calibration(binary(*simulated(600, seed, slope, offset, shift)), DR)
        truth, probability = simulated(5000, 1000 + seed, slope, offset, shift)
        before.append(log_loss(truth, probability))
        after.append(log_loss(truth, calibration.apply(probability[:, np.newaxis])[:, 0]))
    assert np.mean(after) < np.mean(before) - 0.01


def test_many_photos_of_a_patient_are_not_taken_for_many_patients():
    truth, probability = simulated(60, seed=14, slope=0.6)
    copies = np.tile(truth, 15), np.tile(probability, 15)
    assert fit_calibration(binary(*copies, np.tile(np.arange(60), 15)), DR).kind == "none"
    assert fit_calibration(binary(*copies), DR).kind != "none"


def test_the_order_of_the_rows_changes_nothing():
    made = binary(*simulated(300, seed=8, slope=0.4))
    shuffled = Predictions(made.table.sample(frac=1, random_state=0))
    for method in ("auto", "platt", "temperature", "isotonic"):
        assert fit_calibration(made, DR, method) == fit_calibration(shuffled, DR, method)


def test_photos_of_unknown_truth_count_for_nothing():
    truth, probability = simulated(400, seed=9, slope=0.4)
    unknown = np.concatenate([truth, np.full(100, np.nan)])
    found = fit_calibration(binary(unknown, np.concatenate([probability, np.full(100, 0.999)])), DR, "platt")
    assert found == fit_calibration(binary(truth, probability), DR, "platt")


@pytest.mark.parametrize(("method", "needed"), [("auto", 10), ("temperature", 10), ("platt", 20), ("isotonic", 100)])
def test_with_too_few_positives_nothing_is_fitted_and_the_reason_is_said(predictions, method, needed):
    # Many photos of nine patients are still nine patients.
    patient = np.concatenate([np.repeat(np.arange(9), 30), np.arange(100, 400)])
    truth = np.repeat([1, 0], [270, 300])
    probability = np.random.default_rng(0).random(570)
    found = fit_calibration(predictions(truth, probability, patient), DR, method)
    assert isinstance(found, Uncalibrated)
    assert f"needs {needed} patients with positives" in found.reason
    assert "validation has 9 of the rarer" in found.reason


def test_no_known_truth_at_all_is_too_few(predictions):
    assert fit_calibration(predictions([None] * 3, [0.1, 0.5, 0.9]), DR).kind == "none"


def test_scores_that_tell_nothing_or_everything_are_not_scaled(predictions):
    truth = np.repeat([0, 1], 50)
    upside_down = fit_calibration(predictions(truth, np.linspace(0.9, 0.1, 100)), DR, "platt")
    assert isinstance(upside_down, Uncalibrated) and "do not go with more positives" in upside_down.reason
    perfect = fit_calibration(predictions(truth, np.linspace(0.1, 0.9, 100)), DR, "temperature")
    assert isinstance(perfect, Uncalibrated) and "so well" in perfect.reason


def test_not_asked_for_is_said(predictions):
    assert fit_calibration(predictions([0, 1], [0.1, 0.9]), DR, "none") == Uncalibrated(
        outputs=("dr",), reason="not asked for"
    )


def test_test_photos_mixed_splits_wrong_outputs_and_methods_are_refused(predictions):
    with pytest.raises(UserError, match="calibration is fitted on validation photos, never on test photos"):
        fit_calibration(predictions([0, 1], [0.1, 0.9], split=["validation", "test"]), DR)
    with pytest.raises(UserError, match="one split, not on train and validation"):
        fit_calibration(predictions([0, 1], [0.1, 0.9], split=["validation", "train"]), DR)
    with pytest.raises(UserError, match=r"no output 'dry'.*did you mean 'dr'"):
        fit_calibration(predictions([0, 1], [0.1, 0.9]), Target(name="dry"))
    with pytest.raises(UserError, match=r"'plat' is not a calibration.*did you mean 'platt'"):
        fit_calibration(predictions([0, 1], [0.1, 0.9]), DR, "plat")


def test_photos_of_training_are_named_as_such():
    truth, probability = simulated(300, seed=10, slope=0.4)
    made = binary(truth, probability)
    trained = Predictions(made.table.assign(split="train"))
    assert fit_calibration(trained, DR, "platt").fitted_on == "train"


def test_photos_of_a_site_are_named_as_such_fitted_or_not():
    made = binary(*simulated(300, seed=10, slope=0.4))
    found = fit_calibration(made, DR, "platt", unsplit="site")
    assert found.fitted_on == "site" and "300 photos of the site" in describe_calibration(found)
    few = fit_calibration(Predictions(made.table.iloc[:8]), DR, unsplit="site")
    assert "site has" in few.reason and "validation" not in few.reason


def test_a_calibrated_table_keeps_everything_but_the_probabilities():
    made = binary(*simulated(300, seed=11, slope=0.4))
    calibration = fit_calibration(made, DR, "platt")
    found = calibrated_predictions(made, [calibration]).table
    pd.testing.assert_frame_equal(found.drop(columns="probability_dr"), made.table.drop(columns="probability_dr"))
    raw = made.table["probability_dr"].to_numpy()
    np.testing.assert_allclose(found["probability_dr"], expit(calibration.slope * logit(raw) + calibration.offsets[0]))
    assert (made.table["probability_dr"].to_numpy() == raw).all()


def out_of_fold(truth: np.ndarray, probability: np.ndarray, folds: int = 4) -> Predictions:
    made = binary(truth, probability)
    return Predictions(made.table.assign(fold=pd.array(np.arange(len(truth)) % folds, dtype="Int64")))


def test_a_calibration_fitted_out_of_fold_says_so():
    found = fit_calibration(out_of_fold(*simulated(400, seed=2, slope=0.5)), DR, "platt")
    assert isinstance(found, Platt)
    assert (found.fitted_on, found.photos) == ("cross-validation", 400)


def test_each_fold_is_calibrated_by_the_others():
    truth, probability = simulated(400, seed=2, slope=0.5)
    predictions = out_of_fold(truth, probability)
    found = cross_calibrated_predictions(predictions, [DR], "platt").table
    assert list(found["photo"]) == list(predictions.table["photo"])
    for fold in range(4):
        own = (predictions.table["fold"] == fold).to_numpy(bool)
        calibration = fit_calibration(binary(truth[~own], probability[~own]), DR, "platt")
        expected = calibration.apply(probability[own][:, np.newaxis])[:, 0]
        np.testing.assert_allclose(found.loc[own, "probability_dr"], expected, rtol=1e-6)
    turned = np.where(predictions.table["fold"] == 0, 1 - truth, truth)
    again = cross_calibrated_predictions(out_of_fold(turned, probability), [DR], "platt").table
    own = (predictions.table["fold"] == 0).to_numpy(bool)
    np.testing.assert_array_equal(found.loc[own, "probability_dr"], again.loc[own, "probability_dr"])
