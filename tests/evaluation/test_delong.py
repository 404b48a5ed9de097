"""DeLong's variance against the published example, the definition in O(n²), and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, norm, t
from sklearn.metrics import roc_auc_score

from eyeground.errors import UserError
from eyeground.evaluation.delong import delong, delong_difference, delong_interval, mean_delong
from eyeground.evaluation.inversion import ERROR

# Ovarian cancer with intestinal obstruction: albumin, total protein, 10 - K-G score; 1 = poor outcome. From DeLong et
# al. (1988), as in the SAS/STAT guide, PROC LOGISTIC, "Comparing Receiver Operating Characteristic Curves".
_OVARIAN = """
3.0 5.8 10 0, 3.2 6.3 5 1, 3.9 6.8 3 1, 2.8 4.8 6 0, 3.2 5.8 3 1, 0.9 4.0 5 0, 2.5 5.7 8 0,
1.6 5.6 5 1, 3.8 5.7 5 1, 3.7 6.7 6 1, 3.2 5.4 4 1, 3.8 6.6 6 1, 4.1 6.6 5 1, 3.6 5.7 5 1,
4.3 7.0 4 1, 3.6 6.7 4 0, 2.3 4.4 6 1, 4.2 7.6 4 0, 4.0 6.6 6 0, 3.5 5.8 6 1, 3.8 6.8 7 1,
3.0 4.7 8 0, 4.5 7.4 5 1, 3.7 7.4 5 1, 3.1 6.6 6 1, 4.1 8.2 6 1, 4.3 7.0 5 1, 4.3 6.5 4 1,
3.2 5.1 5 1, 2.6 4.7 6 1, 3.3 6.8 6 0, 1.7 4.0 7 0, 3.7 6.1 5 1, 3.3 6.3 7 1, 4.2 7.7 6 1,
3.5 6.2 5 1, 2.9 5.7 9 0, 2.1 4.8 7 1, 2.8 6.2 8 0, 4.0 7.0 7 1, 3.3 5.7 6 1, 3.7 6.9 5 1,
3.6 6.6 5 1
"""
OVARIAN = np.array([row.split() for row in _OVARIAN.split(",")], dtype=float)

# Few distinct scores, so that most examples have ties; patients with both classes, one photo, and many.
photos = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 4), st.integers(0, 5)), min_size=4, max_size=30
).filter(lambda rows: all(len({row[3] for row in rows if row[0] == truth}) > 1 for truth in (0, 1)))


def arrays(rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, first, second, patient = np.array(rows).T
    return truth, np.stack([first, second]) / 4.0, patient


def covariance_by_definition(truth, scores, patient) -> np.ndarray:
    """Obuchowski (1997), written out pair by pair and patient by patient."""
    positives, negatives = np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)
    m, n = len(positives), len(negatives)
    everyone = sorted(set(patient))
    v10, v01, auroc = [], [], []
    for score in scores:
        kernel = np.array([[(score[i] > score[j]) + (score[i] == score[j]) / 2 for j in negatives] for i in positives])
        auroc.append(kernel.mean())
        v10.append({p: sum(kernel[patient[positives] == p].mean(axis=1)) for p in everyone})
        v01.append({p: sum(kernel[:, patient[negatives] == p].mean(axis=0)) for p in everyone})
    size1 = {p: (patient[positives] == p).sum() for p in everyone}
    size0 = {p: (patient[negatives] == p).sum() for p in everyone}
    i10, i01, i = sum(s > 0 for s in size1.values()), sum(s > 0 for s in size0.values()), len(everyone)
    covariance = np.empty((len(scores), len(scores)))
    for r in range(len(scores)):
        for s in range(len(scores)):
            x = {k: [v10[k][p] - size1[p] * auroc[k] for p in everyone] for k in (r, s)}
            y = {k: [v01[k][p] - size0[p] * auroc[k] for p in everyone] for k in (r, s)}
            s10 = i10 / ((i10 - 1) * m) * np.dot(x[r], x[s])
            s01 = i01 / ((i01 - 1) * n) * np.dot(y[r], y[s])
            s11 = i / (i - 1) * (np.dot(x[r], y[s]) + np.dot(x[s], y[r]))
            covariance[r, s] = s10 / m + s01 / n + s11 / (m * n)
    return covariance


def test_ovarian_cancer_example_of_delong_1988():
    scores = np.stack([OVARIAN[:, 0], OVARIAN[:, 1], 10 - OVARIAN[:, 2]])
    found = delong(OVARIAN[:, 3], scores, None)
    assert found.auroc == pytest.approx([0.7366, 0.6478, 0.7258], abs=5e-5)
    assert np.sqrt(np.diag(found.covariance)) == pytest.approx([0.0927, 0.1000, 0.1028], abs=5e-5)
    albumin, protein = delong_difference(found, 0, 2), delong_difference(found, 1, 2)
    assert (albumin.value, protein.value) == pytest.approx((0.0108, -0.0780), abs=5e-5)
    for test, error in ((albumin, 0.0953), (protein, 0.1046)):
        assert test.value / test.statistic == pytest.approx(error, abs=5e-5)
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    differences = contrast @ found.auroc
    chi_square = differences @ np.linalg.solve(contrast @ found.covariance @ contrast.T, differences)
    assert chi_square == pytest.approx(2.5340, abs=5e-5)


@given(photos)
def test_covariance_is_that_of_the_definition(rows):
    truth, scores, patient = arrays(rows)
    found = delong(truth, scores, patient)
    assert found.auroc == pytest.approx([roc_auc_score(truth, score) for score in scores], abs=1e-12)
    assert found.covariance == pytest.approx(covariance_by_definition(truth, scores, patient), abs=1e-12)


@given(photos)
def test_without_patients_every_photo_is_one(rows):
    truth, scores, _ = arrays(rows)
    found = delong(truth, scores, None)
    assert found.covariance == pytest.approx(covariance_by_definition(truth, scores, np.arange(len(truth))), abs=1e-12)


@given(photos, st.randoms())
def test_neither_order_of_rows_nor_names_of_patients_nor_scale_of_scores_matter(rows, random):
    truth, scores, patient = arrays(rows)
    order = list(range(len(truth)))
    random.shuffle(order)
    before = delong(truth, scores, patient)
    after = delong(truth[order], np.exp(scores[:, order]), 1000 - 7 * patient[order])
    assert after.auroc == pytest.approx(before.auroc, abs=1e-12)
    assert after.covariance == pytest.approx(before.covariance, abs=1e-12)


@given(photos)
def test_photos_doubled_within_their_patients_tell_nothing_new(rows):
    truth, scores, patient = arrays(rows)
    once = delong(truth, scores, patient)
    twice = delong(np.tile(truth, 2), np.tile(scores, (1, 2)), np.tile(patient, 2))
    assert twice.covariance == pytest.approx(once.covariance, abs=1e-12)


def test_standard_error_is_the_spread_of_aurocs_over_studies():
    generator = np.random.default_rng(0)
    patient = np.repeat(np.arange(80), 2)
    found = []
    for _ in range(500):
        truth = (generator.random(80) < 0.4)[patient] & (generator.random(160) < 0.9)
        score = 1.5 * truth + 0.9 * generator.normal(size=80)[patient] + 0.45 * generator.normal(size=160)
        found.append([delong(truth, score[np.newaxis], who) for who in (patient, None)])
    spread = np.var([one.auroc[0] for one, _ in found])
    clustered, naive = (np.mean([each[way].covariance[0, 0] for each in found]) for way in (0, 1))
    assert clustered == pytest.approx(spread, rel=0.15)
    assert naive < 0.75 * spread


def test_interval_is_symmetric_in_log_odds_and_stays_within_bounds():
    truth = np.repeat([0, 1], 8)
    score = np.array([0, 1, 2, 3, 4, 5, 6, 20, 7, 8, 9, 10, 11, 12, 13, 14], dtype=float)[np.newaxis]
    found = delong(truth, score, None)
    interval = delong_interval(found)
    auroc, error = found.auroc[0], np.sqrt(found.covariance[0, 0])
    assert auroc + norm.ppf(0.975) * error > 1
    freedom = found.degrees_of_freedom[0]
    odds = np.array([interval.low, auroc, interval.high]) / (1 - np.array([interval.low, auroc, interval.high]))
    assert np.diff(np.log(odds)) == pytest.approx([t.ppf(0.975, freedom) * error / (auroc * (1 - auroc))] * 2)
    assert interval.note == "rests on only 8 patients with positives"


@pytest.mark.parametrize("seed", range(4))
def test_statistic_and_degrees_of_freedom_are_those_of_brunner_and_munzel(seed):
    generator = np.random.default_rng(seed)
    truth, score = np.repeat([0, 1], [30, 12]), generator.integers(0, 9, 42) + np.repeat([0, 3], [30, 12])
    found = delong(truth, score[np.newaxis].astype(float), None)
    z = (found.auroc[0] - 0.5) / np.sqrt(found.covariance[0, 0])
    expected = brunnermunzel(score[truth == 0], score[truth == 1])
    assert z == pytest.approx(expected.statistic)
    assert 2 * t.sf(abs(z), found.degrees_of_freedom[0]) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("truth", "score", "note"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4], "no interval: an AUROC of exactly 1 shows no spread"),
        ([1, 1, 0, 0], [1, 2, 3, 4], "no interval: an AUROC of exactly 0 shows no spread"),
        ([0, 0, 1, 1], [1, 1, 1, 1], "no interval: its variance is estimated as zero"),
        ([0, 0, 0, 1], [1, 4, 2, 3], "no interval: only 1 patients with positives"),
    ],
)
def test_without_an_interval_the_note_says_why(truth, score, note):
    found = delong(np.array(truth), np.array([score], dtype=float), None)
    interval = delong_interval(found)
    assert (interval.low, interval.high, interval.note) == (None, None, note)
    assert interval.value == pytest.approx(roc_auc_score(truth, score))


def test_test_agrees_with_its_interval_and_flips_with_the_models():
    generator = np.random.default_rng(3)
    truth = np.arange(200) % 2
    scores = truth * np.array([[1.5], [1.0]]) + generator.normal(size=(2, 200))
    found = delong(truth, scores, None)
    test, flipped = delong_difference(found), delong_difference(found, 1, 0)
    low, high = test.limits(ERROR)
    assert test.p() == pytest.approx(2 * t.sf(abs(test.statistic), found.degrees_of_freedom.min()))
    assert test.p() == pytest.approx(2 * norm.sf(abs(test.statistic)), rel=0.1)
    assert (test.p() < 0.05) == (low > 0 or high < 0)
    assert (flipped.statistic, flipped.p()) == pytest.approx((-test.statistic, test.p()))
    assert flipped.limits(ERROR) == pytest.approx((-high, -low))


def test_p_is_uniform_where_models_are_equally_good():
    generator = np.random.default_rng(4)
    truth = np.repeat(np.arange(2), 60)
    patient = np.concatenate([np.repeat(np.arange(30), 2), np.repeat(np.arange(30, 60), 2)])
    rejected = 0
    for _ in range(400):
        shared = generator.normal(size=(2, 60))[:, patient]
        test = delong_difference(delong(truth, truth + shared + 0.5 * generator.normal(size=(2, 120)), patient))
        rejected += test.p() < 0.05
    assert 0.02 < rejected / 400 < 0.09


def test_models_that_rank_alike_are_not_tested():
    truth = np.array([0, 1, 0, 1, 1, 0])
    score = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    found = delong(truth, np.stack([score, score**3]), None)
    assert delong_difference(found) == "both models place all patients alike"


@pytest.mark.parametrize(("truth", "missing"), [([0, 0], "positives"), ([1, 1], "negatives")])
def test_a_missing_class_is_named(truth, missing):
    with pytest.raises(UserError, match=f"there are no {missing}"):
        delong(np.array(truth), np.array([[0.1, 0.2]]), None)


def test_mean_of_parts_is_the_mean_of_independent_aurocs():
    generator = np.random.default_rng(6)
    parts = []
    for size in (40, 60, 80):
        truth = np.arange(size) % 2
        parts.append(delong(truth, truth + generator.normal(size=(2, size)), None))
    found = mean_delong(parts)
    assert found.auroc == pytest.approx(np.mean([part.auroc for part in parts], axis=0))
    assert found.covariance == pytest.approx(np.sum([part.covariance for part in parts], axis=0) / 9)
    freedom = np.array([part.degrees_of_freedom for part in parts])
    assert (freedom.min(axis=0) < found.degrees_of_freedom).all()
    assert (found.degrees_of_freedom <= freedom.sum(axis=0)).all()
    assert found.support.patients == 20
    alone = mean_delong(parts[:1])
    assert alone.degrees_of_freedom == pytest.approx(parts[0].degrees_of_freedom)
