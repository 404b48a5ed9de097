"""Areas by sums: the points are those of scikit-learn, and resamples spread as those of sorted scores."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from eyeground.evaluation import bootstrap, linear_areas
from eyeground.evaluation.bootstrap import Resampling, drawn_together, one_stratum
from eyeground.evaluation.linear_areas import LinearAreas
from eyeground.evaluation.measures import ranking_measure, resample
from eyeground.evaluation.ranking import rank
from eyeground.evaluation.samples import Sample


def sample_of(photos: int, prevalence: float, distance: float, decimals: int = 9) -> Sample:
    """One photo of each patient; few decimals make ties."""
    generator = np.random.default_rng(8)
    truth = (generator.random(photos) < prevalence).astype(float)
    score = np.round(generator.normal(size=photos) + distance * truth, decimals)
    column = drawn_together(one_stratum(photos))
    return Sample(truth, score, np.arange(photos), int(column.max()) + 1, drawn_with=column)


def areas_of(*parts: Sample, with_auprc: bool = False) -> LinearAreas:
    found = linear_areas.linear_areas(parts, with_auprc=with_auprc)
    assert found is not None
    return found


@pytest.mark.parametrize("decimals", [9, 1])
def test_points_are_those_of_scikit_learn(decimals):
    sample = sample_of(20_000, 0.3, 1.5, decimals)
    areas = areas_of(sample, with_auprc=True)
    everyone = areas.sums.sum(axis=0, keepdims=True)
    assert areas.auroc(everyone)[0, 0] == pytest.approx(roc_auc_score(sample.truth, sample.probability), abs=1e-12)
    expected = average_precision_score(sample.truth, sample.probability)
    assert areas.auprc(everyone)[0, 0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("decimals", [9, 1])
def test_every_resample_is_nearly_that_of_sorted_scores(decimals):
    sample = sample_of(20_000, 0.3, 1.5, decimals)
    areas, ranking = areas_of(sample, with_auprc=True), rank(sample.truth, sample.probability, sample.column)
    weights = np.concatenate(list(Resampling(one_stratum(sample.columns), 200, 0).weights()))
    sums = weights @ areas.sums
    pairs = ((areas.auroc(sums)[0], ranking.auroc(weights)), (areas.auprc(sums)[0], ranking.auprc(weights)))
    for linear, exact in pairs:
        assert np.abs(linear - exact).max() < 0.1 * exact.std()
        assert linear.std() == pytest.approx(exact.std(), rel=0.005)


@pytest.mark.parametrize(("prevalence", "distance"), [(0.3, 1.5), (0.02, 1.5), (0.2, 3.5)])
def test_intervals_are_as_wide_as_where_each_patient_is_drawn(monkeypatch, prevalence, distance):
    """Mean and standard deviation against the multinomial bootstrap of patients with exact AUROCs."""
    together = sample_of(20_000, prevalence, distance)
    apart = Sample(together.truth, together.probability, together.patient, together.photos)
    of_groups = resample([ranking_measure(together)], Resampling(one_stratum(together.columns), 2000, 0), shown=False)
    monkeypatch.setattr(linear_areas, "MOST_DRAWN_APART", together.photos)
    of_patients = resample([ranking_measure(apart)], Resampling(one_stratum(apart.columns), 1000, 1), shown=False)
    for found, expected in zip(of_groups[0], of_patients[0], strict=True):
        # Four standard errors of simulation and of the method of random groups together.
        assert found.std() == pytest.approx(expected.std(), rel=4 * np.hypot(np.sqrt(0.5 / 2000 + 0.5 / 1000), 0.01))
        assert found.mean() == pytest.approx(expected.mean(), abs=4 * expected.std() * np.sqrt(1 / 2000 + 1 / 1000))


def test_where_pairs_matter_areas_are_exact():
    """One discordant pair among few positives: its weight is a product, which no sum can give."""
    truth = (np.arange(6000) >= 5995).astype(float)
    score = np.arange(6000.0)
    score[[5994, 5995]] = score[[5995, 5994]]
    column = drawn_together(one_stratum(6000))
    sample = Sample(truth, score, np.arange(6000), int(column.max()) + 1, drawn_with=column)
    assert linear_areas.linear_areas([sample]) is None
    assert linear_areas.linear_areas([sample_of(bootstrap.MOST_DRAWN_APART, 0.3, 1.5)]) is None


def test_strata_are_pooled_by_pairs_as_with_sorted_scores():
    first, second = sample_of(9000, 0.3, 1.5), sample_of(9000, 0.1, 1.0)
    areas = linear_areas.linear_areas([first, second], by_pairs=True)
    everyone = areas.sums.sum(axis=0, keepdims=True)
    assert areas.pairs(everyone)[:, 0] == pytest.approx(
        [one.positives * (one.photos - one.positives) for one in (first, second)]
    )
    expected = [roc_auc_score(one.truth, one.probability) for one in (first, second)]
    assert areas.auroc(everyone)[:, 0] == pytest.approx(expected)
