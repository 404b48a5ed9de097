from dataclasses import asdict

import numpy as np
import pytest

from eyeground.imaging.grader import WORDS, Grader, grader
from eyeground.imaging.quality_measures import Measures

USUAL = asdict(Measures())


def made(**curves: tuple[tuple[float, ...], tuple[float, ...]]) -> Grader:
    return Grader(constant=2.0, curves=curves, limit=0.5)


def test_curves_add_up_to_the_logit() -> None:
    model = made(focus=((0.0, 1.0), (-4.0, 0.0)), contrast=((0.0, 2.0), (-2.0, 2.0)))
    measures = USUAL | {"focus": 0.25, "contrast": 0.5}
    assert model.contributions(measures) == pytest.approx({"focus": -3.0, "contrast": -1.0})
    assert model.probability(measures) == pytest.approx(1 / (1 + np.exp(2.0)))


def test_the_gravest_complaint_comes_first_and_small_ones_not_at_all() -> None:
    model = made(focus=((0.0, 1.0), (-4.0, 0.0)), contrast=((0.0, 1.0), (-6.0, 0.0)), glare=((0.0, 1.0), (0.0, -1.0)))
    assert model.complaints(USUAL | {"focus": 0.0, "contrast": 0.0, "glare": 1.0}) == ("low contrast", "out of focus")


def test_beyond_its_ends_a_curve_stays_level() -> None:
    model = made(focus=((0.0, 1.0), (-4.0, 0.0)))
    assert model.probability(USUAL | {"focus": 9.0}) == model.probability(USUAL | {"focus": 1.0})


def test_the_trained_model_knows_every_measure_it_complains_of() -> None:
    model = grader()
    assert 0 < model.limit < 1
    assert model.curves.keys() <= USUAL.keys()
    assert set(model.curves) == {name for names in WORDS.values() for name in names}
    assert all(
        len(values) == len(logits) > 1 and np.all(np.diff(values) > 0) for values, logits in model.curves.values()
    )
