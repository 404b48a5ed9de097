"""Predictions tables to evaluate."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from eyeground.data.predictions import Predictions, validated_predictions

MakePredictions = Callable[..., Predictions]


@pytest.fixture
def predictions() -> MakePredictions:
    """Make predictions from truths and probabilities, one patient per photo unless told otherwise."""

    def make(
        truth: object, probability: object, patient: object = None, output: str = "dr", **columns: object
    ) -> Predictions:
        table = pd.DataFrame({f"truth_{output}": truth, f"probability_{output}": probability})
        photos = [f"photo{index:05}.jpg" for index in range(len(table))]
        table["photo"] = photos
        table["patient"] = photos if patient is None else np.asarray(patient).astype(str)
        return validated_predictions(table.assign(**columns), "predictions")

    return make


@pytest.fixture
def study() -> Callable[..., pd.DataFrame]:
    """Simulate a study of patients with two eyes whose truths and scores resemble each other."""

    def simulate(patients: int, seed: int, separation: float = 1.5) -> pd.DataFrame:
        generator = np.random.default_rng(seed)
        ill = generator.random(patients) < 0.4
        truth = np.repeat(ill, 2) & (generator.random(2 * patients) < 0.9)
        shared = np.repeat(generator.normal(size=patients), 2)
        score = separation * truth + 0.9 * shared + 0.45 * generator.normal(size=2 * patients)
        patient = np.repeat([f"{index:04}" for index in range(patients)], 2)
        return pd.DataFrame(
            {
                "photo": [f"{name}_{eye}.jpg" for name, eye in zip(patient, ["left", "right"] * patients, strict=True)],
                "patient": patient,
                "truth_dr": truth.astype(float),
                "probability_dr": 1 / (1 + np.exp(-score)),
            }
        )

    return simulate
