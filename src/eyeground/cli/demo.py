"""`demo`: every step of a study in a few minutes."""

import sys
import webbrowser
from pathlib import Path

import typer

from eyeground.cli.build import need_torch
from eyeground.cli.printing import print_lines
from eyeground.core.console import Console


def demo(
    output: Path = typer.Option(
        Path("demo"), "-o", "--output", help="Folder; one of an earlier demonstration is emptied first."
    ),
    browser: bool = typer.Option(True, "--browser/--no-browser", help="Open the report when run in a terminal."),
) -> None:
    """Render photos, check, pretrain, adapt, evaluate and screen: every step on this machine, in under four minutes."""
    need_torch()
    from eyeground.workflows.demo import run_demo

    report = run_demo(output, Console(soft_wrap=True)).screened.report.resolve()
    validation = (output / "adapt" / "evaluation" / "report.html").resolve()
    print_lines(
        f"model        {output / 'pretrain' / 'bundle'}",
        f"validation   {validation.as_uri()}",
        f"screening    {report.as_uri()}",
        "Rendered photos show that the software works. They say nothing about real eyes.",
    )
    if browser and sys.stdout.isatty():
        webbrowser.open(report.as_uri())
