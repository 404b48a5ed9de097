"""The most confident errors."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from eyeground.config.operating_point import OperatingPoint
from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.errors import UserError
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.reporting.failures import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    failures_section,
    most_confident_errors,
    write_failures,
)

POINT = OperatingPoint(output="dr", threshold=0.5, rule="youden", chosen_on="validation", positives=5, negatives=5)


@pytest.fixture
def made(predictions):
    """Errors: photos 0 to 3 are false positives (0 and 1 of one patient), 4 and 5 false negatives; the rest is right."""
    return predictions(
        [0, 0, 0, 0, 1, 1, 1, 0, None],
        [0.95, 0.99, 0.7, 0.7, 0.05, 0.3, 0.9, 0.1, 0.99],
        patient=["smith", "smith", "b", "c", "d", "e", "f", "g", "h"],
    )


@pytest.fixture
def failures(made):
    def find(**options):
        return most_confident_errors(evaluate(made, [POINT], resamples=0), made, **options)

    return find


def test_errors_are_ordered_by_distance_ties_by_name_and_one_of_a_patient(failures):
    found = failures()
    assert [(failure.kind, failure.photo) for failure in found.shown] == [
        (FALSE_POSITIVE, "photo00001.jpg"),
        (FALSE_POSITIVE, "photo00002.jpg"),
        (FALSE_POSITIVE, "photo00003.jpg"),
        (FALSE_NEGATIVE, "photo00004.jpg"),
        (FALSE_NEGATIVE, "photo00005.jpg"),
    ]
    assert [failure.number for failure in found.shown] == [1, 2, 3, 4, 5]
    assert found.errors == {("dr", FALSE_POSITIVE): 4, ("dr", FALSE_NEGATIVE): 2}


def test_at_most_as_many_as_asked_for_of_each_kind(failures):
    kinds = [failure.kind for failure in failures(most=1).shown]
    assert kinds == [FALSE_POSITIVE, FALSE_NEGATIVE]


def test_every_error_is_on_the_wrong_side_of_the_threshold(study):

    predictions = validated_predictions(study(50, seed=0), "table")
    evaluation = evaluate(predictions, [POINT], resamples=0)
    found = most_confident_errors(evaluation, predictions, most=1000)
    table = predictions.table.set_index("photo")
    for failure in found.shown:
        called = failure.probability >= failure.threshold
        assert called == (failure.truth == 0) == (failure.kind == FALSE_POSITIVE)
        assert table.loc[failure.photo, "truth_dr"] == failure.truth
    confusion = evaluation.outputs[0].at[0].confusion
    assert found.errors["dr", FALSE_POSITIVE] == confusion.false_positives
    assert found.errors["dr", FALSE_NEGATIVE] == confusion.false_negatives


def test_order_of_rows_changes_nothing(made, failures):

    reversed_rows = Predictions(made.table.iloc[::-1].reset_index(drop=True))
    assert most_confident_errors(evaluate(reversed_rows, [POINT], resamples=0), reversed_rows) == failures()


def test_neither_photos_nor_patients_are_named_unless_asked_for(failures, tmp_path):
    found = failures()
    quiet, named = failures_section(found), failures_section(found, names=True)
    shown = quiet.tables[0].table.to_string() + " ".join(quiet.paragraphs) + quiet.tables[0].caption
    assert "photo0000" not in shown and "smith" not in shown
    assert list(quiet.tables[0].table["Number"]) == ["1", "2", "3", "4", "5"]
    assert named.tables[0].table.loc[0, "Photo"] == "photo00001.jpg"
    assert "smith" not in named.tables[0].table.to_string()
    write_failures(found, tmp_path / "failures.csv")
    written = pd.read_csv(tmp_path / "failures.csv")
    assert written.loc[0, ["number", "photo", "truth"]].tolist() == [1, "photo00001.jpg", 0]
    assert "smith" not in (tmp_path / "failures.csv").read_text()


def test_without_an_operating_point_nothing_is_an_error(made):
    section = failures_section(most_confident_errors(evaluate(made, resamples=0), made))
    assert section.tables == () and "Without an operating point" in section.paragraphs[0]


def test_photos_are_shown_only_if_asked_for_and_carry_no_metadata(failures, tmp_path):
    found = failures()
    generator = np.random.default_rng(0)
    for failure in found.shown[:-1]:
        photo = Image.fromarray(generator.integers(60, 200, (300, 400, 3), dtype=np.uint8))
        exif = photo.getexif()
        exif[0x010E] = "Jane Smith"
        photo.save(tmp_path / failure.photo, exif=exif)
    assert failures_section(found).gallery == ()
    section = failures_section(found, tmp_path)
    assert len(section.gallery) == 4
    for picture in section.gallery:
        opened = Image.open(BytesIO(picture.jpeg))
        assert opened.format == "JPEG" and opened.size == (160, 160)
        assert not opened.getexif() and b"Smith" not in picture.jpeg
        assert "photo0000" not in picture.alt + picture.caption
    notes = list(section.tables[0].table["Note"])
    assert notes[:4] == [""] * 4 and notes[4].startswith("no picture: ")
    assert any("identify" in paragraph for paragraph in section.paragraphs)


def test_pictures_without_their_folder_are_an_error(failures, tmp_path):
    with pytest.raises(UserError, match="need the folder"):
        failures_section(failures(), tmp_path / "nowhere")
