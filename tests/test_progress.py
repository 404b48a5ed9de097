"""Progress is shown and never changes what is worked through."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from eyeground import progress


@given(items=st.lists(st.integers()))
def test_every_item_comes_out_once_and_in_order(items: list[int]) -> None:
    assert list(progress.track(items, "counting")) == items
    assert list(progress.track(iter(items), "counting")) == items


def test_short_work_writes_nothing_to_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(range(5), "reading photos")) == list(range(5))
    assert capsys.readouterr().err == ""


def test_long_work_logs_how_many_are_done_how_fast_and_how_long_it_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 6))  # each look at the clock is six seconds later
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    list(progress.track(range(4), "reading photos"))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "reading photos: 2/4 photos, 0.2 photos/s, 12 s left",
        "reading photos: 4/4 photos, 0.2 photos/s, 0 s left",
        "reading photos: done, 4 photos in 30 s",
    ]


def test_without_a_total_no_time_left_is_claimed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOG_LINES", 0.0)
    list(progress.track(iter("ab"), "reading", unit="rows"))
    err = capsys.readouterr().err
    assert "reading: 2 rows" in err
    assert "left" not in err


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
