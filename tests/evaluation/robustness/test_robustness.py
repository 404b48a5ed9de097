"""Robustness: results of pairs, compared with scikit-learn on resampled copies and with answers known beforehand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.robustness.corrupted_predictions import CorruptedPredictions
from eyeground.evaluation.robustness.robustness import MEAN_OF_OUTPUTS, AtSeverity, Robustness, robustness
from eyeground.evaluation.robustness.section import robustness_section, robustness_table

Study = Callable[..., pd.DataFrame]
POINT = OperatingPoint(output="dr", threshold=0.5, rule="youden", chosen_on="validation", positives=10, negatives=10)


def spoilt_table(table: pd.DataFrame, strength: float, seed: int = 1, output: str = "dr") -> pd.DataFrame:
    """The same photos with noisier scores."""
    column = f"probability_{output}"
    logit = np.log(table[column] / (1 - table[column]))
    noise = np.random.default_rng(seed).normal(size=len(table))
    return table.assign(**{column: 1 / (1 + np.exp(-(logit + strength * noise)))})


def stressed(table: pd.DataFrame, strengths: dict[str, list[float]]) -> CorruptedPredictions:
    corrupted = {
        (corruption, severity): validated_predictions(spoilt_table(table, strength), "table")
        for corruption, of_fault in strengths.items()
        for severity, strength in enumerate(of_fault, start=1)
    }
    return CorruptedPredictions(validated_predictions(table, "table"), corrupted)


def at(result: Robustness, corruption: str, severity: int, output: int = 0) -> AtSeverity:
    return next(one for one in result.outputs[output].at if (one.corruption, one.severity) == (corruption, severity))


@pytest.fixture(scope="module")
def strengths() -> dict[str, list[float]]:
    return {"defocus": [0.5, 1, 2, 4, 8], "haze": [0.2, 0.4, 0.8, 1.6, 3.2]}


def test_figures_are_those_of_scikit_learn_on_resampled_copies(study: Study, strengths: dict[str, list[float]]) -> None:
    table = study(60, seed=3)
    predictions = stressed(table, strengths)
    result = robustness(predictions, resamples=200, seed=5)
    patients, patient = np.unique(table["patient"], return_inverse=True)
    drawn = np.concatenate(list(Resampling(one_stratum(len(patients)), 200, 5).weights()))

    def aurocs(scores: pd.Series) -> np.ndarray:
        rows = [np.repeat(np.arange(len(table)), weights[patient]) for weights in drawn]
        return np.array([roc_auc_score(table["truth_dr"].to_numpy()[r], scores.to_numpy()[r]) for r in rows])

    clean = aurocs(table["probability_dr"])
    losses = {}
    for corruption in strengths:
        scores = predictions.corrupted[corruption, 3].table["probability_dr"]
        difference = roc_auc_score(table["truth_dr"], scores) - roc_auc_score(
            table["truth_dr"], table["probability_dr"]
        )
        losses[corruption] = difference, aurocs(scores) - clean
        found = at(result, corruption, 3).difference
        assert found.value == pytest.approx(difference)
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(losses[corruption][1], [0.025, 0.975])))
    mean = result.outputs[0].means[2]
    assert mean.difference.value == pytest.approx(np.mean([loss[0] for loss in losses.values()]))
    joint = np.mean([loss[1] for loss in losses.values()], axis=0)
    assert (mean.difference.low, mean.difference.high) == pytest.approx(tuple(np.quantile(joint, [0.025, 0.975])))
    excess = roc_auc_score(table["truth_dr"], table["probability_dr"]) - 0.5
    assert mean.lost.value == pytest.approx(-np.mean([loss[0] for loss in losses.values()]) / excess)
    assert (mean.lost.low, mean.lost.high) == pytest.approx(tuple(np.quantile(-joint / (clean - 0.5), [0.025, 0.975])))


def test_an_interval_of_the_pair_is_narrower_than_that_of_the_auroc(study: Study) -> None:
    found = at(robustness(stressed(study(150, seed=1), {"jpeg": [0.3]})), "jpeg", 1)
    assert found.difference.high - found.difference.low < 0.7 * (found.auroc.high - found.auroc.low)


def test_photos_that_are_not_spoilt_lose_nothing(study: Study) -> None:
    result = robustness(stressed(study(40, seed=2), {"crop": [0.0]}), [POINT], resamples=100)
    found = at(result, "crop", 1)
    assert found.auroc == result.outputs[0].clean
    assert (found.difference.value, found.flipped.value, found.flipped_to_negative.value) == (0, 0, 0)
    assert found.flipped.high is not None and 0 < found.flipped.high < 0.1  # Wilson's: none seen is not none there
    assert result.outputs[0].means[0].lost.value == 0


def test_a_shift_keeps_the_ranking_and_flips_decisions(study: Study) -> None:
    table = study(80, seed=4)
    darker = table.assign(probability_dr=table["probability_dr"] ** 2)
    collection = CorruptedPredictions(
        validated_predictions(table, "table"), {("too_dark", 1): validated_predictions(darker, "table")}
    )
    found = at(robustness(collection, [POINT], resamples=300), "too_dark", 1)
    expected = ((table["probability_dr"] >= 0.5) & (darker["probability_dr"] < 0.5)).mean()
    assert expected > 0.05
    assert found.difference.value == 0
    assert found.flipped.value == found.flipped_to_negative.value == pytest.approx(expected)
    assert found.flipped.low < expected < found.flipped.high


def test_unknown_truths_enter_no_figure(study: Study, strengths: dict[str, list[float]]) -> None:
    table = study(40, seed=6)
    part = table.iloc[:60].reset_index(drop=True)
    masked = table.assign(truth_dr=table["truth_dr"].where(table.index < 60))
    points = [
        robustness(stressed_again, [POINT], resamples=0)
        for stressed_again in (stressed(masked, strengths), stressed_rows(part, masked, strengths))
    ]
    for one, other in zip(points[0].outputs[0].at, points[1].outputs[0].at, strict=True):
        assert one == other
    assert points[0].outputs[0].photos == 60


def stressed_rows(part: pd.DataFrame, whole: pd.DataFrame, strengths: dict[str, list[float]]) -> CorruptedPredictions:
    """The same corrupted scores, for the first photos only."""
    full = stressed(whole, strengths)
    return CorruptedPredictions(
        validated_predictions(part, "table"),
        {condition: Predictions(corrupted.table.iloc[: len(part)]) for condition, corrupted in full.corrupted.items()},
    )


def test_the_order_of_rows_changes_nothing_and_the_seed_does(study: Study, strengths: dict[str, list[float]]) -> None:
    predictions = stressed(study(40, seed=7), strengths)
    shuffled = CorruptedPredictions(
        Predictions(predictions.clean.table.sample(frac=1, random_state=0, ignore_index=True)),
        {
            condition: Predictions(one.table.sample(frac=1, random_state=severity, ignore_index=True))
            for (condition, one), severity in zip(predictions.corrupted.items(), range(99), strict=False)
        },
    )
    first = robustness(predictions, [POINT], resamples=100)
    assert robustness(shuffled, [POINT], resamples=100) == first
    assert robustness(predictions, [POINT], resamples=100, seed=1) != first


def two_outputs(table: pd.DataFrame, second_truth: object) -> CorruptedPredictions:
    wide = table.assign(truth_amd=second_truth, probability_amd=np.linspace(0.1, 0.9, len(table)))
    worse = spoilt_table(spoilt_table(wide, 2.0), 3.0, seed=2, output="amd")
    return CorruptedPredictions(
        validated_predictions(wide, "table"), {("haze", 1): validated_predictions(worse, "table")}
    )


def test_the_mean_over_outputs_comes_first_and_is_joint(study: Study) -> None:
    table = study(60, seed=8)
    result = robustness(two_outputs(table, (np.arange(120) > 50).astype(float)), [POINT], resamples=200)
    mean, dr, amd = result.outputs
    assert (mean.output, dr.output, amd.output) == (MEAN_OF_OUTPUTS, "dr", "amd")
    assert mean.clean.value == pytest.approx((dr.clean.value + amd.clean.value) / 2)
    assert mean.at[0].difference.value == pytest.approx((dr.at[0].difference.value + amd.at[0].difference.value) / 2)
    assert mean.at[0].difference.low < mean.at[0].difference.value < mean.at[0].difference.high
    assert "a mean over outputs decides nothing" in mean.at[0].flipped.note
    assert dr.at[0].flipped.value is not None
    assert amd.at[0].flipped.note == "not estimable: no operating point was given"


def test_an_output_of_one_class_says_so_and_stays_out_of_the_mean(study: Study) -> None:
    result = robustness(two_outputs(study(30, seed=9), np.zeros(60)), resamples=50)
    mean, dr, amd = result.outputs
    assert amd.clean.note == "not estimable: no positives in all photos"
    assert amd.means[0].lost.note == "not estimable: no positives in all photos"
    assert mean.clean.value == dr.clean.value and mean.clean.note.startswith("mean of 1 of 2 outputs")
    robustness_section(result)


def test_a_model_at_chance_has_nothing_to_lose(study: Study) -> None:
    table = study(30, seed=10)
    reversed_scores = table.assign(probability_dr=1 - table["probability_dr"])
    lost = robustness(stressed(reversed_scores, {"haze": [1.0]}), resamples=50).outputs[0].means[0].lost
    assert lost.value is None and "no better than by chance" in lost.note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[1:], "under 'haze' at severity 1 are not of the same photos"),
        (lambda t: t.assign(patient="x" + t["patient"]), "differ from those of the clean photos in 'patient'"),
        (lambda t: t.assign(truth_dr=1 - t["truth_dr"]), "in 'truth_dr'"),
        (lambda t: t.rename(columns=lambda c: c.replace("_dr", "_amd")), "have the outputs amd; expected dr"),
    ],
)
def test_tables_of_other_photos_are_refused(
    study: Study, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    table = study(10, seed=11)
    other = validated_predictions(change(table), "table")
    with pytest.raises(UserError, match=message):
        robustness(CorruptedPredictions(validated_predictions(table, "table"), {("haze", 1): other}))
    with pytest.raises(UserError, match="at least one corruption"):
        robustness(CorruptedPredictions(validated_predictions(table, "table"), {}))


def test_the_long_table_holds_every_prediction_once(study: Study, strengths: dict[str, list[float]]) -> None:
    predictions = stressed(study(10, seed=12), strengths)
    table = predictions.table()
    assert len(table) == 11 * 20 and not table.duplicated(["corruption", "severity", "photo"]).any()
    haze = table[(table["corruption"] == "haze") & (table["severity"] == 4)]
    np.testing.assert_array_equal(haze["probability_dr"], predictions.corrupted["haze", 4].table["probability_dr"])
    assert set(table.loc[table["severity"] == 0, "corruption"]) == {"none"}


def test_the_section_says_what_the_result_says(study: Study, strengths: dict[str, list[float]]) -> None:
    result = robustness(stressed(study(60, seed=13), strengths), [POINT], resamples=100)
    section = robustness_section(result)
    assert section.key == "robustness"
    metrics = robustness_table(result).set_index(["corruption", "severity", "metric"])["value"]
    assert len(section.results) == 1 + 10 * 4 + 5 * 3
    assert metrics["none", 0, "auroc"] == result.outputs[0].clean.value
    assert metrics["haze", 5, "flipped"] == at(result, "haze", 5).flipped.value
    assert metrics["mean", 3, "mean_auroc"] == result.outputs[0].means[2].auroc.value
    worst = min(result.outputs[0].at, key=lambda one: one.difference.value)
    assert f"under {worst.corruption} at severity {worst.severity}" in " ".join(section.paragraphs)
    (figure,) = section.figures
    titles = [axes.get_title(loc="left") for axes in figure.figure.axes]
    assert titles == ["defocus", "haze"]
    line = next(line for line in figure.figure.axes[1].lines if len(line.get_xdata()) == 6)
    np.testing.assert_allclose(
        line.get_ydata(), [result.outputs[0].clean.value, *(at(result, "haze", s).auroc.value for s in range(1, 6))]
    )
    assert f"{at(result, 'defocus', 5).auroc.value:.3f}" in figure.alt
    cells = section.tables[1].table.set_index("Corruption")
    assert cells.loc["haze", "AUROC at 3"].startswith(f"{at(result, 'haze', 3).auroc.value:.3f} (")
