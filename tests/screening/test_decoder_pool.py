import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from eyeground.config.training_recipe import Preprocessing
from eyeground.errors import UserError
from eyeground.imaging.gradability import standard_and_gradability
from eyeground.imaging.standard import standard_photo
from eyeground.screening import decoder_pool as reading
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings, ReadPhoto, Refused

SETTINGS = DecoderSettings(Preprocessing(side=64), picture_side=96)


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

    with DecoderPool(SETTINGS, jobs=1) as pool:
        reading = pool.read(watched(), ahead=2)
        outcomes = [next(reading)]
        assert len(taken) <= 3
        outcomes += reading
    for path, outcome in zip(photos, outcomes, strict=True):
        expected, gradability = standard_and_gradability(path, SETTINGS.preprocessing)
        assert isinstance(outcome, ReadPhoto)
        np.testing.assert_array_equal(outcome.standard.pixels, expected.pixels)
        np.testing.assert_array_equal(outcome.standard.field_of_view, expected.field_of_view)
        assert outcome.standard.geometry == expected.geometry
        assert outcome.gradability == gradability
        larger = standard_photo(path, Preprocessing(side=SETTINGS.picture_side)).pixels
        difference = np.abs(outcome.picture.astype(int) - larger)
        assert np.median(difference) <= 2
        assert (difference.max(axis=2) > 30).mean() < 0.02


def test_a_reader_that_dies_costs_only_the_photo_it_was_reading(photos):
    with DecoderPool(SETTINGS, jobs=1) as pool:
        outcomes = []
        for outcome in pool.read(photos, ahead=1):
            outcomes.append(outcome)
            if len(outcomes) == 2:
                for process in pool._processes:
                    os.kill(process._process.pid, signal.SIGSEGV)
    assert len(outcomes) == len(photos)
    refused = [outcome.reason for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) <= 1
    assert all("crashed" in reason for reason in refused)
    assert isinstance(outcomes[-1], ReadPhoto)


def test_a_photo_that_takes_too_long_is_refused_and_the_next_is_read(photos, tmp_path):
    patient = DecoderSettings(SETTINGS.preprocessing, picture_side=96, seconds=0.0)
    with DecoderPool(patient, jobs=1) as pool:
        outcomes = list(pool.read(photos[:2], ahead=1))
    assert [outcome.reason for outcome in outcomes] == ["decoding it took longer than 0 seconds"] * 2


def test_a_photo_that_needs_more_memory_than_allowed_is_refused(fundus, tmp_path):
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    cv2.imwrite(str(large), np.zeros((7900, 8000, 3), np.uint8))
    cv2.imwrite(str(small), fundus()[..., ::-1])
    tight = DecoderSettings(SETTINGS.preprocessing, picture_side=96, memory_limit=600 * 2**20)
    with DecoderPool(tight, jobs=1) as pool:
        refused, read = pool.read([large, small], ahead=1)
    assert isinstance(refused, Refused)
    assert "memory" in refused.reason
    assert isinstance(read, ReadPhoto)


# What another process runs to read one photograph, given as its argument, and what it reports.
READ_ONE = """
import resource, sys
from pathlib import Path
from eyeground.config.training_recipe import Preprocessing
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings

def read(path):
    with DecoderPool(DecoderSettings(Preprocessing(side=64), picture_side=96), jobs=1) as pool:
        for outcome in pool.read([Path(path)], ahead=1):
            print(getattr(outcome, "reason", "read"), pool._processes[0]._process.pid, flush=True)
            sys.stdin.readline()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with its parent")
def test_a_stuck_reader_ends_with_the_process_that_started_it(photos):
    code = f"{READ_ONE}\nread(sys.argv[1])"
    command = [sys.executable, "-c", code, str(photos[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        decoder = psutil.Process(int(parent.stdout.readline().split()[-1]))
        decoder.suspend()  # as one in an endless loop, it does not notice that its pipe is closed
        parent.kill()
        _, alive = psutil.wait_procs([decoder], timeout=10)
    for process in alive:
        process.kill()
    assert not alive


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems limit address space")
def test_a_reader_keeps_within_the_limit_of_whoever_started_it(tmp_path):
    large = tmp_path / "large.png"
    cv2.imwrite(str(large), np.zeros((7900, 8000, 3), np.uint8))
    limit = f"({600 * 2**20}, resource.getrlimit(resource.RLIMIT_AS)[1])"
    code = f"{READ_ONE}\nresource.setrlimit(resource.RLIMIT_AS, {limit})\nread(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(large)],
        check=True,
        input=b"",
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert b"memory" in done.stdout


def stand_in(folder: Path, lines: str) -> str:
    """A program in the place of a decoder process."""
    program = folder / "decoder"
    program.write_text(f"#!{sys.executable}\nimport sys\n{lines}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.parametrize(
    "reply",
    ["{}", "[1]", "12", '{"gradability": 3}', "}{", "[" * 60000, "x" * 200_000, '{"disc": {"a": 1}}'],
    ids=range(8),  # a reply would be too long for the name of a test's folder
)
def test_a_reader_that_replies_nonsense_is_replaced_and_its_photo_refused(photos, tmp_path, monkeypatch, reply):
    picture = "sys.stdout.write('0' * 64 * 64 * 3 + '0' * 96 * 96 * 3)"
    serve = f"print({reply!r}); {picture}; sys.stdout.flush(); sys.stdin.read()"
    lines = f"print('{{}}', flush=True)\nfor _ in (1, 2): sys.stdin.readline()\n{serve}"
    monkeypatch.setattr(reading.sys, "executable", stand_in(tmp_path, lines))
    with DecoderPool(SETTINGS, jobs=1) as pool:
        outcomes = list(pool.read(photos[:2], ahead=1))
    assert ["crashed the decoder" in outcome.reason for outcome in outcomes] == [True, True]


def test_a_reader_that_cannot_start_is_a_users_error_with_its_last_words(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(reading.sys, "executable", stand_in(tmp_path, "sys.exit('first\\nno room')"))
    with DecoderPool(SETTINGS, jobs=1) as pool, pytest.raises(UserError, match=r"did not start \(exit 1\): no room"):
        list(pool.read(photos[:1], ahead=1))
