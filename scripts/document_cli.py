"""Writes the commands of docs/cli.md from the program itself; run it after changing a command."""

import re
from pathlib import Path
from typing import Any

import typer

from eyeground.cli import app
from eyeground.datasets import DATASETS

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
MARKER = "<!-- Below: written by scripts/document_cli.py -->"


def commands() -> dict[str, Any]:
    """Every command by its words after `eyeground`; one dataset represents all of them."""
    root: Any = typer.main.get_command(app)
    imports = root.commands["import"]
    found = {f"import {name}": imports.get_command(None, name) for name in [*imports.commands, "odir5k"]}
    for name, command in root.commands.items():
        if name != "import":
            found |= {f"{name} {one}": inner for one, inner in getattr(command, "commands", {"": command}).items()}
    return {name.strip(): command for name, command in found.items()}


def options(command: Any) -> list[Any]:
    """Arguments and options of a command, without those that every program has."""
    every = ("--help", "--install-completion", "--show-completion")
    return [parameter for parameter in command.params if not set(parameter.opts) & set(every)]


def spelling(parameter: Any) -> str:
    """How a parameter is typed: `MANIFEST`, or `-o`, `--output`."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    names = sorted([*parameter.opts, *parameter.secondary_opts], key=lambda name: name.startswith("--"))
    return ", ".join(f"`{name}`" for name in names)


def default(parameter: Any) -> str:
    """The value without it."""
    if parameter.required:
        return "required"
    value = parameter.default
    if parameter.param_type_name == "option" and parameter.is_flag:
        return f"`{parameter.opts[0]}`" if parameter.secondary_opts and value else "off"
    if isinstance(value, Path) and value.is_relative_to(Path.home()):
        value = Path("~") / value.relative_to(Path.home())
    return f"`{value}`" if value not in (None, "", [], ()) else "none"


def meaning(text: str | None) -> str:
    """Help text as a cell of a table, with links where it names a page."""
    cell = " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", cell)


def paragraphs(text: str | None) -> str:
    """Help text as Markdown."""
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def section(name: str, command: Any) -> str:
    """One command: what it does and a table of what it takes."""
    dataset = name.startswith("import ") and name.split()[1] in DATASETS
    title = "import DATASET" if dataset else name
    names = ", ".join(f"`{known}`" for known in sorted(DATASETS))
    what = (
        f"A public dataset from its publisher's folder. `DATASET` is one of {names}; see [datasets](datasets.md)."
        if dataset
        else paragraphs(command.help)
    )
    lines = [f"## eyeground {title}", "", what, "", "| takes | default | meaning |", "|---|---|---|"]
    for parameter in options(command):
        variable = f" Environment: `{parameter.envvar}`." if getattr(parameter, "envvar", None) else ""
        lines.append(f"| {spelling(parameter)} | {default(parameter)} | {meaning(parameter.help)}{variable} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with its tables renewed."""
    return f"{text.split(MARKER)[0]}{MARKER}\n\n" + "\n\n".join(map(section, commands(), commands().values())) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
