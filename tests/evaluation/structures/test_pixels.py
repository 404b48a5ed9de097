"""Histograms of pixels: what is kept of a probability map suffices for areas under curves and for a threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from eyeground.errors import UserError
from eyeground.evaluation.structures import best_threshold, count_pixels, photo_metrics
from eyeground.evaluation.structures.pixels import EDGES


def noisy_map(seed: int, sharpness: float = 3.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A probability map as a network gives it, most of it near 0; truth; a round field of view."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:96, :96]
    truth = np.abs((columns + 8 * np.sin(rows / 9)) % 24 - 12) < 2
    inside = np.hypot(rows - 47.5, columns - 47.5) < 46
    logit = sharpness * (2 * truth - 1) - 3 + random.normal(0, 2, truth.shape)
    return (1 / (1 + np.exp(-logit))).astype(np.float32), truth, inside


@given(st.integers(0, 1000), st.floats(0.2, 5))
def test_areas_are_those_of_scikit_learn_on_the_raw_pixels(seed: int, sharpness: float) -> None:
    probability, truth, inside = noisy_map(seed, sharpness)
    values = photo_metrics(probability, truth, inside, 0.5)
    assert values["auroc"] == pytest.approx(roc_auc_score(truth[inside], probability[inside]), abs=2e-4)
    assert values["auprc"] == pytest.approx(average_precision_score(truth[inside], probability[inside]), abs=2e-3)


def test_order_is_kept_where_nearly_all_probabilities_are_tiny() -> None:
    probability, truth, inside = noisy_map(3)
    tiny = probability / 500
    assert photo_metrics(tiny, truth, inside, 0.5)["auroc"] == pytest.approx(
        roc_auc_score(truth[inside], tiny[inside]), abs=1e-3
    )


def test_best_threshold_is_that_of_the_best_dice_among_all_edges() -> None:
    maps = [noisy_map(seed) for seed in (1, 2)]
    chosen = best_threshold([count_pixels(*one) for one in maps])
    probability = np.concatenate([one[inside] for one, _, inside in maps])
    truth = np.concatenate([one[inside] for _, one, inside in maps])
    best = max(f1_score(truth, probability >= edge) for edge in EDGES[::200])
    assert f1_score(truth, probability >= chosen) >= best


def test_best_threshold_of_a_binary_map_lies_in_the_middle() -> None:
    _, truth, inside = noisy_map(1)
    assert best_threshold([count_pixels(truth.astype(np.float32), truth, inside)]) == pytest.approx(0.5, abs=0.05)


def test_pixels_outside_the_field_of_view_are_not_counted() -> None:
    probability, truth, inside = noisy_map(1)
    counts = count_pixels(np.where(inside, probability, 0.99), truth | ~inside, inside)
    whole = count_pixels(probability, truth, inside)
    assert np.array_equal(counts.positives, whole.positives) and np.array_equal(counts.negatives, whole.negatives)
    assert whole.positives.sum() + whole.negatives.sum() == inside.sum()


def test_a_threshold_needs_a_drawn_structure() -> None:
    probability, truth, inside = noisy_map(1)
    with pytest.raises(UserError, match="in none of the 1 photos is any pixel"):
        best_threshold([count_pixels(probability, np.zeros_like(truth), inside)])


def test_maps_that_do_not_fit_are_told() -> None:
    probability, truth, inside = noisy_map(1)
    with pytest.raises(UserError, match=r"probability \(95, 96\)"):
        count_pixels(probability[1:], truth, inside)
    with pytest.raises(UserError, match="truth mask is of type uint8"):
        count_pixels(probability, truth.astype(np.uint8), inside)
    with pytest.raises(UserError, match="empty"):
        count_pixels(probability, truth, np.zeros_like(inside))
    for wrong in (probability * 255, np.full_like(probability, np.nan)):
        with pytest.raises(UserError, match="expected 0 to 1"):
            count_pixels(wrong, truth, inside)
