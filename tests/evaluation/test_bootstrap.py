"""Resamples of patients: whole, reproducible, and distributed as drawing with replacement."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, chisquare

from eyeground.evaluation import bootstrap
from eyeground.evaluation.bootstrap import (
    MOST_DRAWN_APART,
    Resampling,
    drawn_together,
    one_stratum,
    strata_of_rarest_truth,
)


def all_weights(resampling: Resampling) -> np.ndarray:
    return np.concatenate(list(resampling.weights()))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(0, 5))
def test_every_stratum_keeps_its_size_in_every_resample(strata, seed):
    strata = np.unique(strata, return_inverse=True)[1]
    weights = all_weights(Resampling(strata, 7, seed))
    assert weights.shape == (7, len(strata))
    for stratum in np.unique(strata):
        assert (weights[:, strata == stratum].sum(axis=1) == (strata == stratum).sum()).all()


def test_counts_are_distributed_as_drawing_with_replacement():
    weights = all_weights(Resampling(one_stratum(5), 20_000, 1))
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.03)
    # Multinomial: variance 1 - 1/n, covariance -1/n.
    assert np.cov(weights.T) == pytest.approx(np.eye(5) - 0.2, abs=0.04)


@pytest.mark.parametrize(("patients", "shortfall"), [(5, 4.0), (90, 4.0), (90, 0.0), (1001, 4.0)])
def test_counts_have_the_distribution_of_draws_with_replacement(monkeypatch, patients, shortfall):
    """Of one patient, of two whose counts are looked up together, and of two whose are not.

    Without shortfall nearly half of the resamples exceed their size and are drawn again.
    """
    monkeypatch.setattr(bootstrap, "SHORTFALL", shortfall)
    weights = all_weights(Resampling(one_stratum(patients), 20_000, 1))
    assert (weights.sum(axis=1) == patients).all()
    for columns in ([0], [0, 1], [1, 2], list(range(patients // 2))):
        drawn = weights[:, columns].sum(axis=1)
        share = len(columns) / patients
        low, high = binom.ppf([0.001, 0.999], patients, share).astype(int)
        edges = np.arange(low, high)
        expected = np.diff(binom.cdf(edges, patients, share), prepend=0, append=1) * len(drawn)
        observed = np.histogram(drawn, np.concatenate([[-np.inf], edges + 0.5, [np.inf]]))[0]
        assert chisquare(observed, expected).pvalue > 0.001


def test_size_of_chunks_changes_no_resample(monkeypatch):
    strata = np.arange(300) % 7 % 3
    whole = all_weights(Resampling(strata, 50, 3))
    monkeypatch.setattr(bootstrap, "WEIGHTS_PER_CHUNK", 600)
    assert len(Resampling(strata, 50, 3).chunks()) == 25
    assert (all_weights(Resampling(strata, 50, 3)) == whole).all()


def test_same_seed_same_resamples_other_seed_others():
    first, again, other = (all_weights(Resampling(one_stratum(20), 10, seed)) for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()


def test_a_patient_goes_to_the_stratum_of_the_rarest_truth():
    nan = np.nan
    # Patient 3 has one positive photo and one negative; patient 4 has no known truth.
    truths = np.array([[0], [0], [1], [1], [0], [nan]], dtype=float)
    strata = strata_of_rarest_truth(truths, np.array([0, 1, 2, 3, 3, 4]))
    assert strata[0] == strata[1]
    assert strata[2] == strata[3]
    assert len({strata[0], strata[2], strata[4]}) == 3


def test_no_stratified_resample_lacks_the_rare_class():
    truths = np.zeros((40, 1))
    truths[[7, 30]] = 1
    patient = np.arange(40)
    stratified = all_weights(Resampling(strata_of_rarest_truth(truths, patient), 300, 0))
    pooled = all_weights(Resampling(one_stratum(40), 300, 0))
    assert (stratified[:, [7, 30]].sum(axis=1) == 2).all()
    assert (pooled[:, [7, 30]].sum(axis=1) == 0).any()


def test_up_to_five_thousand_patients_each_is_drawn_apart():
    assert (drawn_together(one_stratum(MOST_DRAWN_APART)) == np.arange(MOST_DRAWN_APART)).all()


def test_groups_of_patients_are_of_one_size_and_mixed_and_of_one_stratum():
    strata = (np.arange(40_000) < 600).astype(int)
    column = drawn_together(strata)
    (_, of_rare), (_, of_others) = (np.unique(part, return_counts=True) for part in (column[:600], column[600:]))
    assert (of_rare == 1).all()
    assert of_others.min() >= of_others.max() - 1
    assert set(column[:600]).isdisjoint(column[600:])
    assert (np.diff(column[600:2000]) != 1).mean() > 0.99


def test_a_mean_over_groups_spreads_as_over_patients():
    generator = np.random.default_rng(3)
    values = generator.lognormal(size=30_000)
    column = drawn_together(one_stratum(len(values)))
    sums = np.stack([np.bincount(column, values), np.bincount(column)], axis=1)
    total, drawn = (all_weights(Resampling(one_stratum(len(sums)), 4000, 0)) @ sums).T
    means = total / drawn
    assert means.mean() == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(len(values) * 4000))
    assert means.std() == pytest.approx(values.std() / np.sqrt(len(values)), rel=0.04)
