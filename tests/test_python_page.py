"""The page "Python in ten minutes" works: its code is run from top to bottom, as it stands there."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from eyeground.cli.verbs import VERBS
from eyeground.screening import runtime

PAGE = Path(__file__).parents[1] / "docs" / "python.md"


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # The default looks twice at larger photos, which takes four times as long.
    monkeypatch.setattr(runtime, "default_model", lambda: "eyeground-mobilenetv2-imagenet+fundus-224")
    monkeypatch.chdir(tmp_path)
    names = ModuleType("from_the_page").__dict__
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (tmp_path / "overlay.png").is_file() and (tmp_path / "screened" / "report.html").is_file()
    assert names["table"]["status"].isin(["normal", "abnormal", "ungradable", "unfamiliar"]).all()
    assert len(names["table"]) == len(names["paths"]) == len(names["embeddings"]) == 8
    assert names["strict"].rule.thresholds["abnormal"] == 0.9
    told = capsys.readouterr().out
    assert all(line in told for line in re.findall(r"print\(error\)  # (.*)", PAGE.read_text(encoding="utf-8")))


def test_every_function_of_a_command_is_in_the_reference() -> None:
    reference = PAGE.with_name("api.md").read_text(encoding="utf-8")
    for verb in VERBS:
        assert f"[`{verb}`](#eyeground.{verb})" in reference, verb
