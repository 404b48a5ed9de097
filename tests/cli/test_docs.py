"""The page of the command line says what the program says, and the program says something of everything."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import typer

from eyeground.cli import app
from eyeground.datasets import DATASETS

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")
BUILT_IN = {"--help", "--install-completion", "--show-completion"}


def commands() -> dict[str, Any]:
    """Every command that can be typed, datasets included, found by walking the program."""
    found: dict[str, Any] = {}

    def walk(group: Any, path: str) -> None:
        context = typer.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            found[f"{path}{name}"] = command
            if hasattr(command, "list_commands"):
                walk(command, f"{path}{name} ")

    walk(typer.main.get_command(app), "")
    return found


COMMANDS = commands()


def parameters(command: Any) -> list[Any]:
    return [parameter for parameter in command.params if not set(parameter.opts) & BUILT_IN]


def test_the_walk_finds_the_program() -> None:
    assert {"import", "import csv", "import folder", "check", "pretrain", "adapt", "screen", "demo"} < set(COMMANDS)
    assert {f"import {name}" for name in DATASETS} < set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_everything_it_takes_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert command.help and len(command.help) > 20, name
    for parameter in parameters(command):
        assert parameter.help and len(parameter.help) > 10, f"{name}: {parameter.name}"


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("import", "accounts")])
def test_every_command_and_everything_it_takes_is_documented(name: str) -> None:
    title = "import DATASET" if name.removeprefix("import ") in DATASETS else name
    found = re.search(rf"^## eyeground {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"{name}: no section in docs/cli.md; run scripts/document_cli.py"
    for parameter in parameters(COMMANDS[name]):
        names = [parameter.name.upper()] if parameter.param_type_name == "argument" else parameter.opts
        for spelt in (*names, *parameter.secondary_opts):
            assert f"`{spelt}`" in found[1], f"{name}: {spelt} is not in docs/cli.md; run scripts/document_cli.py"


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_that_can_be_imported_is_named(name: str) -> None:
    assert f"`{name}`" in PAGE, f"{name}: run scripts/document_cli.py"


def test_the_page_documents_no_command_that_is_gone() -> None:
    documented = set(re.findall(r"^## eyeground (.+)$", PAGE, re.MULTILINE)) - {"import DATASET"}
    assert documented <= set(COMMANDS)


def test_the_tables_are_those_of_the_program() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "document_cli.py"))
    assert script["page"](PAGE) == PAGE, "run scripts/document_cli.py"
