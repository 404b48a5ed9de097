"""`accounts` at the command line: people and keys of a service."""

from pathlib import Path

import pytest

from eyeground.cli import main


@pytest.fixture(autouse=True)
def _leave_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back afterwards what opening a store sets."""
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", "")


def test_people_and_keys_are_added_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["--data", str(tmp_path / "clinic")]
    monkeypatch.setenv("EYEGROUND_PASSWORD", "a long password")
    assert main(["accounts", "add", "ann", "--role", "admin", *data]) == 0
    capsys.readouterr()
    assert main(["accounts", "key", "camera", "--scope", "photos", *data]) == 0
    key = capsys.readouterr().out.strip()
    key_id = key.split("_")[1]
    assert main(["accounts", "list", *data]) == 0
    listed = capsys.readouterr().out
    assert "ann" in listed
    assert key_id in listed
    assert key not in listed
    for name in ("ann", key_id):
        assert main(["accounts", "remove", name, *data]) == 0
    capsys.readouterr()
    main(["accounts", "list", *data])
    listed = capsys.readouterr().out
    assert "removed" in listed
    assert "no longer valid" in listed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remove", "nobody"], "no account"),
        (["add", "ann", "--role", "chief"], "reader"),
        (["key", "camera", "--scope", "findings", "--scope", "photo"], "did you mean 'photos'"),
    ],
)
def test_mistakes_are_sentences(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("EYEGROUND_PASSWORD", "a long password")
    assert main(["accounts", *arguments, "--data", str(tmp_path / "clinic")]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_short_password_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYEGROUND_PASSWORD", "short")
    assert main(["accounts", "add", "ann", "--data", str(tmp_path / "clinic")]) == 2
    assert "at least" in capsys.readouterr().err
