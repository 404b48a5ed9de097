"""What a clinic starts from `deploy/` are commands and options that exist."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from eyeground.cli import app

DEPLOY = Path(__file__).parents[1] / "deploy"
COMMAND_LINE = get_command(app)


def is_understood(words: list[str]) -> bool:
    """Parse a command line as the program does, without running it."""
    assert isinstance(COMMAND_LINE, TyperGroup)
    command = COMMAND_LINE.commands[words[0]]
    while isinstance(command, TyperGroup):
        words = words[1:]
        command = command.commands[words[0]]
    with command.make_context(words[0], words[1:]):  # raises for an option that is unknown, or missing
        return True


@pytest.mark.parametrize("service", ["page", "node"])
def test_compose_starts_commands_that_exist(service: str) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert is_understood([re.sub(r"\$\{.*\}", "value", word) for word in services[service]["command"]])


def test_systemd_starts_a_command_that_exists() -> None:
    unit = (DEPLOY / "eyeground.service").read_text(encoding="utf-8")
    started = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    program, *words = shlex.split(started.removeprefix("ExecStart="))
    assert program.endswith("/eyeground") and is_understood(words)


def test_every_variable_of_compose_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    given = set(re.findall(r"^(\w+)=", (DEPLOY / "env.example").read_text(encoding="utf-8"), re.M))
    assert asked == given
