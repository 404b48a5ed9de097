"""How well drawn structures (vessels, disc, lesions) are found: figures of probability maps against drawn masks.

Nothing here knows a model. A photo is a probability map, the mask that a person drew, and the field of view; it is
reduced to counts at once, so that a study of any size fits in memory and resamples cost sums.
"""

from eyeground.evaluation.structures.photos import MeasuredPhoto, measure_photo, measure_segmentation, photo_figures
from eyeground.evaluation.structures.pixels import PixelCounts, best_threshold, count_pixels
from eyeground.evaluation.structures.table import compare, structure_estimates

__all__ = [
    "MeasuredPhoto",
    "PixelCounts",
    "best_threshold",
    "compare",
    "count_pixels",
    "measure_photo",
    "measure_segmentation",
    "photo_figures",
    "structure_estimates",
]
