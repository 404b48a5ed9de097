"""External datasets against scikit-learn, the evaluation of each by itself, and two independent samples."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, recall_score, roc_auc_score

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation import evaluate
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.reporting.result_rows import results_table
from eyeground.evaluation.subgroups.contamination import Contamination
from eyeground.evaluation.subgroups.external import external, seed_of
from eyeground.evaluation.subgroups.external_section import external_section

POINT = OperatingPoint(output="dr", threshold=0.6, rule="youden", chosen_on="validation", positives=10, negatives=10)


@pytest.fixture
def tables(study):
    """An internal table of which half is test, and two external ones, the second much worse."""
    return {
        "ODIR": study(120, seed=1).assign(split=["validation"] * 120 + ["test"] * 120),
        "IDRiD": study(80, seed=2).assign(split="train"),
        "HRF": study(80, seed=3, separation=0.3),
    }


def across(tables, contamination=None, **settings):
    ours, *others = (validated_predictions(table, name) for name, table in tables.items())
    names = list(tables)
    datasets = dict(zip(names[1:], others, strict=True))
    return external(cohort_of(ours, [POINT], **settings), datasets, contamination, names[0])


def test_every_photo_of_an_external_dataset_counts_at_the_models_threshold(tables):
    output = across(tables, resamples=0).outputs[0]
    rows = tables["IDRiD"]
    called = rows["probability_dr"] >= POINT.threshold
    expected = {
        "auroc": roc_auc_score(rows["truth_dr"], rows["probability_dr"]),
        "auprc": average_precision_score(rows["truth_dr"], rows["probability_dr"]),
        "sensitivity": recall_score(rows["truth_dr"], called),
        "specificity": recall_score(1 - rows["truth_dr"], ~called),
        "brier": np.mean((rows["truth_dr"] - rows["probability_dr"]) ** 2),
        "mean_calibration": rows["probability_dr"].mean() - rows["truth_dr"].mean(),
    }
    idrid = output.external[0]
    assert (idrid.name, idrid.photos, idrid.patients) == ("IDRiD", 160, 80)
    for metric, value in expected.items():
        figure, own = idrid.metric(metric), output.internal.metric(metric)
        assert figure.estimate.value == pytest.approx(value, abs=1e-12)
        assert figure.gap.estimate.value == pytest.approx(value - own.estimate.value, abs=1e-12)


def test_internal_figures_are_those_of_the_evaluation(tables):
    internal = across(tables, resamples=300, seed=4).outputs[0].internal
    evaluated = evaluate(validated_predictions(tables["ODIR"], "ODIR"), [POINT], resamples=300, seed=4).outputs[0]
    for metric in ("auroc", "auprc", "brier", "sensitivity", "specificity"):
        ours, theirs = internal.metric(metric).estimate, evaluated.estimate(metric)
        assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
    assert internal.photos == 120


def test_a_gap_is_that_of_independent_samples(tables):
    """The variances of independent samples add up; those of the same patients would not."""
    same = tables["ODIR"].assign(split="test")
    renamed = same.assign(photo="other/" + same["photo"])
    output = across({"ODIR": same, "Copy": renamed}, resamples=2000).outputs[0]
    for metric in ("auroc", "brier", "sensitivity"):
        own, copy = output.internal.metric(metric).estimate, output.external[0].metric(metric)
        assert copy.gap.estimate.value == pytest.approx(0)
        width = copy.gap.estimate.high - copy.gap.estimate.low
        expected = np.hypot(own.high - own.low, copy.estimate.high - copy.estimate.low)
        assert width == pytest.approx(expected, rel=0.1)
        assert copy.gap.p > 0.5


def test_a_dataset_that_is_much_worse_is_named_and_p_is_adjusted_for_two(tables):
    result = across(tables, resamples=1000)
    same, worse = result.outputs[0].external
    assert worse.metric("auroc").gap.p_holm < 0.01
    assert worse.metric("auroc").gap.p_holm == pytest.approx(min(1, 2 * worse.metric("auroc").gap.p))
    assert same.metric("auroc").gap.p_holm > 0.05
    told = next(text for text in external_section(result).paragraphs if text.startswith("dr: AUROC"))
    assert "AUROC on HRF −" in told
    assert "on IDRiD −" not in told


def test_neither_the_order_of_rows_nor_other_datasets_change_a_figure(tables):
    both = across(tables, resamples=50).outputs[0].external[1].metric("auroc")
    alone = (
        across({"ODIR": tables["ODIR"], "HRF": tables["HRF"].sample(frac=1, random_state=0)}, resamples=50)
        .outputs[0]
        .external[0]
        .metric("auroc")
    )
    assert alone.estimate == both.estimate
    assert alone.gap.estimate == both.gap.estimate
    assert seed_of(0, "HRF") != seed_of(0, "IDRiD") != seed_of(1, "IDRiD")


def test_outputs_that_are_not_labelled_there_say_so(tables):
    amd = tables["ODIR"]["truth_dr"]
    tables["ODIR"] = tables["ODIR"].assign(truth_amd=amd, probability_amd=0.5)
    tables["HRF"] = tables["HRF"].assign(truth_amd=np.nan, probability_amd=0.5)
    result = across(tables, resamples=20)
    dr, other = result.outputs
    assert dr.not_labelled == ()
    assert (other.output, other.external, other.not_labelled) == ("amd", (), ("IDRiD", "HRF"))
    section = external_section(result)
    assert "amd: labelled in no external dataset." in section.paragraphs
    tables["IDRiD"] = tables["IDRiD"].assign(truth_amd=tables["IDRiD"]["truth_dr"], probability_amd=0.5)
    shown = {block.name: block.table for block in external_section(across(tables, resamples=20)).tables}
    assert shown["external-amd"].set_index("Dataset").loc["HRF", "Note"] == "not labelled there"


def test_a_dataset_with_one_class_is_not_estimable_in_words(tables):
    tables["HRF"] = tables["HRF"].assign(truth_dr=1.0)
    result = across(tables, resamples=50)
    hrf = result.outputs[0].external[1]
    assert hrf.metric("auroc").estimate.note == "not estimable: no negatives in HRF"
    assert hrf.metric("auroc").gap.estimate.value is None
    assert hrf.metric("sensitivity").gap.estimate.value is not None
    assert "HRF" not in result.outputs[0].curves
    assert "not estimable: no negatives in HRF" in external_section(result).tables[0].table.to_string()


@pytest.mark.parametrize(("datasets", "panels"), [(2, 1), (4, 5)])
def test_more_than_four_curves_get_panels_of_their_own(tables, study, datasets, panels):
    chosen = {"ODIR": tables["ODIR"]} | {f"Set {number}": study(30, seed=number) for number in range(datasets)}
    section = external_section(across(chosen, resamples=20))
    roc, forest = section.figures
    assert (roc.name, forest.name) == ("external-roc-dr", "external-forest-dr")
    assert len(roc.figure.axes) == panels
    assert all(name in roc.alt for name in chosen)


def test_what_a_reader_must_know_is_told(tables):
    tables["HRF"].loc[0, "photo"] = tables["ODIR"]["photo"].iloc[-1]
    tables["IDRiD"]["photo"] = "idrid/" + tables["IDRiD"]["photo"]
    tables["HRF"].loc[1:, "photo"] = "hrf/" + tables["HRF"]["photo"]
    photos = frozenset(tables["IDRiD"]["photo"])
    result = across(tables, resamples=0, contamination={"IDRiD": Contamination(photos, 1000, {})})
    told = " ".join(external_section(result).paragraphs)
    assert "IDRiD: the column 'split' is not looked at" in told
    assert "HRF: 1 photo has the same name as an internal one" in told
    assert "IDRiD: checked 160 photos against 1,000" in told
    assert "HRF: whether the model was trained on any of its photos is not known (nothing was checked)" in told


def test_the_tidy_rows_hold_every_estimate_and_gap(tables):
    result = across(tables, resamples=100)
    metrics = results_table(external_section(result).results)
    hrf = result.outputs[0].external[1].metric("specificity")
    row = metrics.query("subset == 'HRF' and metric == 'specificity_gap'").iloc[0]
    assert (row["value"], row["low"], row["p"], row["p_adjusted"]) == (
        hrf.gap.estimate.value,
        hrf.gap.estimate.low,
        hrf.gap.p,
        hrf.gap.p_holm,
    )
    assert set(metrics["subset"]) == {"ODIR", "IDRiD", "HRF"}


def test_mistakes_are_told(tables):
    ours = validated_predictions(tables["ODIR"], "ODIR")
    with pytest.raises(UserError, match="no external dataset"):
        external(cohort_of(ours), {})
    with pytest.raises(UserError, match="called 'internal'"):
        external(cohort_of(ours), {"internal": ours})
    other = validated_predictions(
        pd.DataFrame({"photo": ["a"], "patient": ["a"], "truth_amd": [1], "probability_amd": [0.5]}), "other"
    )
    with pytest.raises(UserError, match="the predictions of HRF have none of the outputs dr; they have amd"):
        external(cohort_of(ours), {"HRF": other})
