"""`demo`: the whole mission in a few minutes."""

import sys
import webbrowser
from pathlib import Path

import typer

from eyeground.cli.build import need_torch
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

    console = Console(soft_wrap=True)
    report = run_demo(output, console).screened.report.resolve()
    console.print(f"model        {output / 'pretrain' / 'bundle'}")
    validation = (output / "adapt" / "evaluation" / "report.html").resolve()
    console.print(f"validation   {validation.as_uri()}", soft_wrap=True)
    console.print(f"screening    {report.as_uri()}", soft_wrap=True)
    console.print("Rendered photos show that the machinery works. They say nothing about real eyes.")
    if browser and sys.stdout.isatty():
        webbrowser.open(report.as_uri())
