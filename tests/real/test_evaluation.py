"""The published predictions of "A ResNet is All You Need?" (2022) give the figures that the paper printed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation import evaluate
from eyeground.evaluation.external_tables import parse_mapping, read_external

pytestmark = pytest.mark.real

PRINTED = {
    "Messidor2": 0.9732,
    "Kaggle": 0.9515,
    "DDR": 0.9654,
    "IDRID": 0.9487,
    "DeepDRID": 0.9586,
    "Paraguay": 0.9865,
}


@pytest.fixture(scope="module")
def published(real_data: Path) -> Predictions:
    """All rows, with one further output for each dataset whose truth is unknown on the others."""
    table = pd.read_csv(real_data / "predictions" / "referable_dr_resnet18.csv")
    dataset = table["Filename"].str.split("/").str[0]
    predictions = pd.DataFrame(
        {
            "photo": table["Filename"],
            "patient": table["Filename"].str.replace(r"_(left|right)\b.*", "", regex=True),
            "truth_referable": table["Ground truth label"],
            "probability_referable": table["Refereable"],
        }
    )
    for name in PRINTED:
        predictions[f"truth_{name}"] = predictions["truth_referable"].where(dataset == name)
        predictions[f"probability_{name}"] = predictions["probability_referable"]
    return validated_predictions(predictions, "published predictions")


def test_printed_areas_are_reproduced(published: Predictions) -> None:
    evaluation = evaluate(published, resamples=0)
    found = {output.output: output.estimate("auroc").value for output in evaluation.outputs}
    assert round(found.pop("referable"), 3) == 0.955
    assert {name: round(value, 4) for name, value in found.items()} == PRINTED


def test_interval_over_61007_photos_agrees_with_delong(published: Predictions) -> None:
    columns = published.table[["photo", "truth_referable", "probability_referable"]]
    # Photos as patients, since DeLong's interval takes photos for independent.
    by_photo = Predictions(columns.assign(patient=columns["photo"]))
    evaluation = evaluate(by_photo, resamples=600)
    auroc = evaluation.outputs[0].estimate("auroc")
    low, high = delong_interval(by_photo.known("referable")[0], by_photo.known("referable")[1])
    assert (auroc.low, auroc.high) == pytest.approx((low, high), abs=0.0004)


def test_the_published_file_is_read_by_a_mapping(published: Predictions, real_data: Path) -> None:
    mapping = "photo=Filename, patient=Filename, truth:dr=Ground truth label, probability:dr=Refereable"
    path = real_data / "predictions" / "referable_dr_resnet18.csv"
    read = read_external(path, parse_mapping([mapping, "source=folder(Filename)"]))
    np.testing.assert_array_equal(read.table["probability_dr"], published.table["probability_referable"])
    assert set(PRINTED) < set(read.table["source"])


def delong_interval(truth: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """DeLong's 95 % interval, by mid-ranks (Sun and Xu, 2014)."""
    positive, negative = score[truth == 1], score[truth == 0]
    ranks = rankdata(score)
    of_positives = (ranks[truth == 1] - rankdata(positive)) / len(negative)
    of_negatives = 1 - (ranks[truth == 0] - rankdata(negative)) / len(positive)
    error = np.sqrt(of_positives.var(ddof=1) / len(positive) + of_negatives.var(ddof=1) / len(negative))
    return of_positives.mean() - 1.96 * error, of_positives.mean() + 1.96 * error
