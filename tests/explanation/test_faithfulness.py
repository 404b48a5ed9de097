"""Measures of located evidence: their ends, what chance gives, and what must not change them."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from eyeground.datasets.synthetic import render
from eyeground.explanation.faithfulness import (
    area_share,
    border,
    evidence_share,
    lesion_average_precision,
    pointing,
    widened,
)

SEEDS = range(5)


def diseased(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Lesions and field of view of a rendered eye with retinopathy."""
    eye = render("diabetic_retinopathy", grade=3, height=96, width=96, seed=seed)
    lesion = np.zeros(eye.field_of_view.shape, bool)
    for name in ("microaneurysm", "haemorrhage", "hard_exudate", "soft_exudate"):
        lesion |= eye.masks.get(name, np.zeros_like(lesion))
    assert lesion.any()
    return lesion, eye.field_of_view


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_of_the_lesions_scores_best_and_its_opposite_worst(seed: int) -> None:
    lesion, inside = diseased(seed)
    perfect = lesion.astype(float)
    assert pointing(perfect, lesion, inside) == evidence_share(perfect, lesion, inside) == 1
    assert lesion_average_precision(perfect, lesion, inside) == pytest.approx(1)
    assert pointing(1 - perfect, lesion, inside) == evidence_share(1 - perfect, lesion, inside) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flat_map_scores_the_share_of_area(seed: int) -> None:
    lesion, inside = diseased(seed)
    flat, chance = np.full(lesion.shape, 0.3), area_share(lesion, inside)
    for measure in (pointing, evidence_share, lesion_average_precision):
        assert measure(flat, lesion, inside) == pytest.approx(chance)
    assert pointing(flat, lesion, inside, 4) == pytest.approx(area_share(widened(lesion, 4), inside))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_outside_the_field_of_view_and_no_scale_changes_a_measure(seed: int) -> None:
    lesion, inside = diseased(seed)
    values = np.random.default_rng(seed).normal(size=lesion.shape)
    other = np.where(inside, 3 * values, 99.0)
    for measure in (pointing, evidence_share, lesion_average_precision):
        assert measure(other, lesion | ~inside, inside) == pytest.approx(measure(values, lesion, inside))


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_is_scikit_learns_ties_included(seed: int) -> None:
    lesion, inside = diseased(seed)
    values = np.random.default_rng(seed).integers(0, 9, lesion.shape)
    expected = average_precision_score(lesion[inside], values[inside])
    assert lesion_average_precision(values.astype(float), lesion, inside) == pytest.approx(expected)


def test_more_tolerance_never_loses_a_hit() -> None:
    lesion, inside = diseased(0)
    values = np.random.default_rng(0).normal(size=lesion.shape)
    hits = [pointing(values, lesion, inside, tolerance) for tolerance in (0, 2, 8, 200)]
    assert hits == sorted(hits) and hits[-1] == 1


def test_the_border_lies_in_the_field_of_view_and_touches_its_edge() -> None:
    inside = np.zeros((100, 100), bool)
    inside[10:90, 10:90] = True
    ring = border(inside)
    assert ring[10, 50] and ring[14, 50] and not ring[15, 50] and not ring[~inside].any()


def test_a_map_without_positive_evidence_has_no_share() -> None:
    lesion, inside = diseased(0)
    assert np.isnan(evidence_share(np.full(lesion.shape, -1.0), lesion, inside))
    assert np.isnan(lesion_average_precision(lesion.astype(float), np.zeros_like(lesion), inside))
