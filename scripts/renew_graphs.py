"""Writes the ONNX graphs of bundles again from their weights, as this version of eyeground exports them.

    .venv/bin/python scripts/renew_graphs.py BUNDLE...

Weights, thresholds and figures stay as they are; where a new graph answers otherwise, measure them again. A bundle with an
8-bit graph is refused, since that one needs photographs to be made (`eyeground release`), and so is a segmenter.
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
    """Renew each bundle's graph in its place."""
    for folder in bundles:
        bundle = open_classifier(folder)
        if bundle.int8_path is not None:
            raise UserError(f"{folder}: has an 8-bit graph, which would no longer say what the new one does")
        classifier = models.load(folder).cpu().eval()
        extend_bundle(bundle, bundle.description, {ONNX: partial(export_onnx, classifier)})
        typer.echo(f"{folder}: graph renewed")


if __name__ == "__main__":
    typer.run(main)
