"""Commands as Python functions."""

import inspect
import runpy
from pathlib import Path

import pandas as pd
import pytest
import typer

import eyeground
from eyeground.cli import app, main
from eyeground.cli.verbs import VERBS

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [{"photo": f"{row}.jpg", "patient": f"p{row}", "dr": row % 2} for row in range(40)]
    pd.DataFrame(rows).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


def test_every_command_that_makes_something_has_a_function() -> None:
    commands = typer.main.get_command(app).commands
    shown_only = {"models", "inspect", "cache", "demo", "import", "accounts", "node", "watch"}
    assert {*VERBS} - {name for name in VERBS if name.startswith("import_")} == {*commands} - shown_only
    assert {*VERBS} <= {*eyeground.__all__}


def test_the_stub_says_what_the_commands_say() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "document_api.py"))
    written = (REPOSITORY / "src" / "eyeground" / "__init__.pyi").read_text(encoding="utf-8")
    assert script["stub"]() == written, "run scripts/document_api.py"


def test_a_function_does_what_its_command_does(manifest: Path, tmp_path: Path) -> None:
    made = eyeground.split(manifest=str(manifest), output=tmp_path / "python.csv", stratify="dr", seed=3)
    assert main(["split", str(manifest), "-o", str(tmp_path / "cli.csv"), "--stratify", "dr", "--seed", "3"]) == 0
    assert (tmp_path / "python.csv").read_bytes() == (tmp_path / "cli.csv").read_bytes()
    assert made.table["split"].value_counts().to_dict() == {"train": 28, "test": 8, "validation": 4}


def test_arguments_are_taken_by_keyword_alone_and_documented(manifest: Path) -> None:
    with pytest.raises(TypeError):
        eyeground.split(manifest, "out.csv")  # type: ignore[misc]  # the mistake that is tested
    signature = inspect.signature(eyeground.evaluate)
    assert {one.kind for one in signature.parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert signature.parameters["resamples"].default == 2000
    assert "    resamples: Bootstrap resamples of patients" in (eyeground.evaluate.__doc__ or "")


def test_a_value_out_of_range_is_an_error_as_on_the_command_line(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(eyeground.UserError, match="seed: -1 is not in the range 0"):
        eyeground.split(manifest=manifest, output=tmp_path / "out.csv", seed=-1)


def test_a_mistake_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.csv"):
        eyeground.split(manifest=tmp_path / "nothing.csv", output=tmp_path / "out.csv")


def test_american_options_are_taken(manifest: Path, tmp_path: Path) -> None:
    sourced = pd.read_csv(manifest).assign(source="clinic")
    sourced.to_csv(manifest, index=False)
    output = tmp_path / "joined.csv"
    assert main(["join", str(manifest), "-o", str(output), "--license", "clinic=CC0"]) == 0
    assert set(eyeground.read_manifest(output).table["note_licence"]) == {"CC0"}
