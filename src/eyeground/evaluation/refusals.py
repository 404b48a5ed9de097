"""Sensitivity and specificity of screening that refuses photos, counted in three ways.

Leaving refused photos out says how well the others are judged; a programme must do something with all of them.
"""

from dataclasses import dataclass

import numpy as np

from eyeground.config.operating_point import OperatingPoint
from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.estimates import Estimate, Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.metrics import NEGATIVES, POSITIVES, per_patient
from eyeground.evaluation.samples import Sample

LEFT_OUT, REFERRED, WRONG = "refusals left out", "refusals as positive", "refusals as wrong"
WAYS = (LEFT_OUT, REFERRED, WRONG)
METRICS = ("sensitivity", "specificity")


@dataclass(frozen=True)
class WithRefusals:
    """Sensitivity and specificity at one operating point, refusals counted in one way.

    Attributes:
        way: `{"refusals left out", "refusals as positive", "refusals as wrong"}`: not counted; counted as called positive,
            since they are referred; counted as missed positives and false alarms.
        photos, patients, positives: That are counted.
        estimates: Sensitivity and specificity.
    """

    way: str
    point: OperatingPoint
    photos: int
    patients: int
    positives: int
    estimates: tuple[Estimate, ...]


def _counted(sample: Sample, refused: np.ndarray, way: str) -> Sample:
    """The photos that count in one way; `refused` has shape (photos,)."""
    return sample.only(~refused) if way == LEFT_OUT else sample


def refusal_measure(sample: Sample, refused: np.ndarray, point: OperatingPoint, way: str) -> Measure:
    """Sensitivity and specificity at an operating point.

    Args:
        refused: Shape (photos,): whether screening would not judge the photo.
        way: One of `WAYS`.
    """
    called, positive = sample.probability >= point.threshold, sample.truth == 1
    found = (called | refused if way == REFERRED else called & ~refused) & positive
    passed = ~called & ~refused & ~positive
    counts = ~refused if way == LEFT_OUT else np.ones_like(refused)
    columns = np.stack([found, passed, positive & counts, ~positive & counts], axis=1)
    sums = per_patient(columns, sample.column, sample.columns)
    counted = _counted(sample, refused, way)
    patients = counted.patients(1), counted.patients(0)

    def of(weights: np.ndarray) -> np.ndarray:
        right_positive, right_negative, positives, negatives = (weights @ sums).T
        return np.stack([ratio(right_positive, positives), ratio(right_negative, negatives)])

    return Measure(
        METRICS,
        tuple("" if count else kind for count, kind in zip(patients, (POSITIVES, NEGATIVES), strict=True)),
        (Support(patients[0], f"patients with {POSITIVES}"), Support(patients[1], f"patients with {NEGATIVES}")),
        (True, True),
        of,
        where=sample.where,
    )


def with_refusals(
    sample: Sample, refused: np.ndarray, point: OperatingPoint, way: str, estimates: tuple[Estimate, ...]
) -> WithRefusals:
    """Put together what was computed."""
    counted = _counted(sample, refused, way)
    return WithRefusals(way, point, counted.photos, counted.patients(), counted.positives, estimates)
