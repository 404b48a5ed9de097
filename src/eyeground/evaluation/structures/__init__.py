"""Metrics of segmented structures: probability maps against annotated masks; see docs/structures.md."""

from eyeground.evaluation.structures.photos import MeasuredPhoto, measure_photo, measure_segmentation, photo_metrics
from eyeground.evaluation.structures.pixels import PixelCounts, best_threshold, count_pixels
from eyeground.evaluation.structures.points import MeasuredPoint, centre_of, point_estimates
from eyeground.evaluation.structures.table import compare, structure_estimates

__all__ = [
    "MeasuredPhoto",
    "MeasuredPoint",
    "PixelCounts",
    "best_threshold",
    "centre_of",
    "compare",
    "count_pixels",
    "measure_photo",
    "measure_segmentation",
    "photo_metrics",
    "point_estimates",
    "structure_estimates",
]
