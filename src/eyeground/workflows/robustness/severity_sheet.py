"""Shows what each severity of a corruption looks like, on a rendered photo that may be published."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from eyeground.config.training_recipe import Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.evaluation.reporting.figure_style import styled
from eyeground.evaluation.robustness.corrupted_predictions import describe_corruption
from eyeground.imaging.corruptions import SEVERITIES, corrupt
from eyeground.imaging.standard import standard_photo

SIDE, GAP = 224, 6


def severity_sheet(corruptions: Sequence[str], seed: int = 0) -> Figure:
    """Draw a rendered photo with mild disease: a row per corruption, clean at the left, then severities 1 to 5."""
    photo = standard_photo(render("diabetic_retinopathy", height=720, seed=11).pixels, Preprocessing(side=SIDE))
    step = SIDE + GAP
    sheet = np.full((len(corruptions) * step, (1 + len(SEVERITIES)) * step, 3), 255, np.uint8)
    for row, corruption in enumerate(corruptions):
        for column, severity in enumerate((0, *SEVERITIES)):
            pixels = corrupt(photo, corruption, severity, seed) if severity else photo.pixels
            sheet[row * step : row * step + SIDE, column * step : column * step + SIDE] = pixels
    with styled():
        figure = Figure(figsize=(7.2, 0.98 * len(corruptions) + 0.45), layout="compressed")
        axes = figure.subplots()
        axes.imshow(sheet, interpolation="lanczos")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        axes.set_xlabel("Severity")
        axes.xaxis.set_label_position("top")
        middles = np.arange(max(len(corruptions), 1 + len(SEVERITIES))) * step + SIDE / 2
        axes.set_xticks(middles[: 1 + len(SEVERITIES)], ["clean", *map(str, SEVERITIES)])
        axes.set_yticks(middles[: len(corruptions)], [describe_corruption(corruption) for corruption in corruptions])
    return figure
