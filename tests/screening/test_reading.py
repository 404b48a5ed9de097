import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from eyeground.imaging.gradability import assess
from eyeground.imaging.standard import standard_photo
from eyeground.recipe import Preprocessing
from eyeground.screening.reading import Readers, ReaderSettings, ReadPhoto, Refused

SETTINGS = ReaderSettings(Preprocessing(side=64), picture_side=96)


@pytest.fixture
def photos(fundus, tmp_path) -> list[Path]:
    paths = [tmp_path / f"{index}.png" for index in range(6)]
    for index, path in enumerate(paths):
        cv2.imwrite(str(path), fundus(seed=index)[..., ::-1])
    return paths


def test_a_reader_gives_what_reading_here_gives_and_reads_no_further_ahead_than_asked(photos):
    taken = []

    def watched():
        for path in photos:
            taken.append(path)
            yield path

    with Readers(SETTINGS, jobs=1) as readers:
        reading = readers.read(watched(), ahead=2)
        outcomes = [next(reading)]
        assert len(taken) <= 3
        outcomes += reading
    for path, outcome in zip(photos, outcomes, strict=True):
        expected = standard_photo(path, SETTINGS.preprocessing)
        assert isinstance(outcome, ReadPhoto)
        np.testing.assert_array_equal(outcome.standard.pixels, expected.pixels)
        np.testing.assert_array_equal(outcome.standard.field_of_view, expected.field_of_view)
        assert outcome.standard.geometry == expected.geometry
        assert outcome.gradability == assess(expected)
        larger = standard_photo(path, Preprocessing(side=SETTINGS.picture_side)).pixels
        difference = np.abs(outcome.picture.astype(int) - larger)
        assert np.median(difference) <= 2
        assert (difference.max(axis=2) > 30).mean() < 0.02


def test_a_reader_that_dies_costs_only_the_photo_it_was_reading(photos):
    with Readers(SETTINGS, jobs=1) as readers:
        outcomes = []
        for outcome in readers.read(photos, ahead=1):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                for process in readers._processes:
                    os.kill(process._process.pid, signal.SIGSEGV)
    assert len(outcomes) == len(photos)
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) <= 1
    assert all("crashed" in reason for reason in refused)
    assert isinstance(outcomes[-1], ReadPhoto)


def test_a_photo_that_takes_too_long_is_refused_and_the_next_is_read(photos, tmp_path):
    patient = ReaderSettings(SETTINGS.preprocessing, picture_side=96, seconds=0.0)
    with Readers(patient, jobs=1) as readers:
        outcomes = list(readers.read(photos[:2], ahead=1))
    assert [outcome.reason for outcome in outcomes] == ["decoding it took longer than 0 seconds"] * 2


def test_a_photo_that_needs_more_memory_than_allowed_is_refused(fundus, tmp_path):
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    cv2.imwrite(str(large), np.zeros((7900, 8000, 3), np.uint8))
    cv2.imwrite(str(small), fundus()[..., ::-1])
    tight = ReaderSettings(SETTINGS.preprocessing, picture_side=96, memory_limit=600 * 2**20)
    with Readers(tight, jobs=1) as readers:
        refused, read = readers.read([large, small], ahead=1)
    assert isinstance(refused, Refused)
    assert "memory" in refused.reason
    assert isinstance(read, ReadPhoto)
