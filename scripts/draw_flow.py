"""Draws docs/images/flow.png, a rendered photograph from file to finding, with the model of `make demo`.

.venv/bin/python scripts/draw_flow.py demo/adapt/bundle
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import eyeground
from eyeground.datasets.synthetic import render

TARGET = Path(__file__).parents[1] / "docs" / "images" / "flow.png"
INK = "#222222"


def main(bundle: str) -> None:
    """Draw the picture with the model of `bundle`."""
    photo = render("pathologic_myopia", device="clinic", height=640, seed=21)
    finding = eyeground.load(bundle)(photo.pixels)
    assert finding.standard is not None
    panels = [
        ("the photograph", photo.pixels),
        ("the standard photo", finding.standard.pixels),
        ("the evidence", finding.overlay("pathologic_myopia", photo.pixels)),
    ]
    widths = [pixels.shape[1] / pixels.shape[0] for _, pixels in panels]
    figure, axes = plt.subplots(
        1, 4, figsize=(13, 3.1), gridspec_kw={"width_ratios": [*widths, 1.25], "wspace": 0.06}, layout="constrained"
    )
    for axis, (title, pixels) in zip(axes, panels, strict=False):
        axis.imshow(np.asarray(pixels), interpolation="antialiased")
        axis.set_title(title, fontsize=11, color=INK, loc="left")
        axis.set_axis_off()
    axes[3].set_axis_off()
    axes[3].set_title("the finding", fontsize=11, color=INK, loc="left")
    lines = [f"status   {finding.status}", ""]
    lines += [
        f"{name.replace('_', ' ')}\n   {value:.2f}, threshold {finding.thresholds[name]:.2f}"
        for name, value in finding.probabilities.items()
    ]
    axes[3].text(
        0, 0.95, "\n".join(lines), va="top", fontsize=10, family="monospace", color=INK, transform=axes[3].transAxes
    )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(TARGET, dpi=110, facecolor="white")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
