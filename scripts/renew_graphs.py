"""Exports the ONNX graphs of bundles again from their weights; where a new graph answers otherwise, evaluate it again.

.venv/bin/python scripts/renew_graphs.py BUNDLE...
"""

from functools import partial
from pathlib import Path

import typer

from eyeground import models
from eyeground.bundle.files import ONNX
from eyeground.bundle.open import open_classifier
from eyeground.bundle.write import extend_bundle
from eyeground.errors import UserError
from eyeground.models.export import export_onnx


def main(bundles: list[Path]) -> None:
    """Renew each bundle's graph in its place; refuse segmenters, and 8-bit graphs, which need photographs."""
    for folder in bundles:
        bundle = open_classifier(folder)
        if bundle.int8_path is not None:
            raise UserError(f"{folder}: has an 8-bit graph, which would no longer agree with the new one")
        classifier = models.load(folder).cpu().eval()
        extend_bundle(bundle, bundle.description, {ONNX: partial(export_onnx, classifier)})
        typer.echo(f"{folder}: graph renewed")


if __name__ == "__main__":
    typer.run(main)
