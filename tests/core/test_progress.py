"""Progress is shown and never changes what is worked through."""

import io
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eyeground.core import progress


@given(items=st.lists(st.integers()))
def test_every_item_comes_out_once_and_in_order(items: list[int]) -> None:
    assert list(progress.track(items, "counting")) == items
    assert list(progress.track(iter(items), "counting")) == items


def test_short_work_writes_nothing_to_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(range(5), "reading photos")) == list(range(5))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("done", "total", "seconds", "expected"),
    [
        (0, 400, 2.0, "reading: 0/400 photos, 0.0 photos/s"),
        (4, 400, 2.0, "reading: 4/400 photos, 2.0 photos/s"),  # 1 %, too early to tell
        (20, 400, 2.0, "reading: 20/400 photos, 10.0 photos/s, 38 s left"),
        (4, 400, 10.0, "reading: 4/400 photos, 0.4 photos/s, 990 s left"),
        (400, 400, 10.0, "reading: 400/400 photos, 40.0 photos/s, 0 s left"),
        (4, None, 20.0, "reading: 4 photos, 0.2 photos/s"),
    ],
)
def test_a_line_tells_the_time_left_once_it_means_something(
    done: int, total: int | None, seconds: float, expected: str
) -> None:
    assert progress._line("reading", done, total, "photos", seconds) == expected


def test_long_work_logs_lines_even_while_nothing_gets_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LONGEST_SILENCE", 0.05)
    for number in progress.track(range(2), "reading", unit="rows"):
        time.sleep(0.5 * number)
    lines = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("reading: 1/2 rows, ") for line in lines) >= 3
    assert lines[-1].startswith("reading: done, 2 rows in ")


def test_work_without_a_count_is_named_if_it_is_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress.working("loading torch"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "LONGEST_SILENCE", 0.05)
    with progress.working("loading torch"):
        time.sleep(0.3)
    assert "loading torch: 0 s" in capsys.readouterr().err
    assert threading.active_count() == 1 or not any(thread.name.endswith("(speak)") for thread in threading.enumerate())


def test_on_a_terminal_a_bar_shows_the_count_and_the_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=120, color_system=None)
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    assert list(progress.track(range(3), "reading photos", unit="patients")) == [0, 1, 2]
    assert "reading photos" in screen.getvalue()
    assert "3/3" in screen.getvalue()
    assert "patients/s" in screen.getvalue()


def test_an_error_in_the_work_passes_through() -> None:
    with pytest.raises(ValueError, match="bad photo"):
        for _ in progress.track(range(3), "reading"):
            raise ValueError("bad photo")
