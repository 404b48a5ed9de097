"""Whether a photograph is good enough to be judged: rules, a small trained model (`grader`), and reasons in words.

See "Gradability" in docs/screening.md.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eyeground.imaging.decode import Pixels
from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.grader import grader
from eyeground.imaging.quality_measures import MEASURED_SIDE, Measures, measure
from eyeground.imaging.standard import StandardPhoto, standard_at

if TYPE_CHECKING:  # a reader process starts in half the time without pydantic
    from eyeground.config.training_recipe import Preprocessing

LEAST_ILLUMINATION = 0.13
MOST_GLARE = 0.3  # share of the photo that is nearly white or yellow
LEAST_REDNESS = 0.36  # red's share of red + green + blue; a third is grey, as red-free photographs are
LEAST_CONTRAST = 0.04
MOST_LIGHT_ELSEWHERE = 0.25  # share of the frame's light that may lie outside the disc
LEAST_FOCUS = -0.006
DEEPEST_CUT = 0.35  # share of the disc's diameter that one side may lack

UNUSUAL_COLOURS = "unusual colours"

# Contrast above this is no retina's unless dark lines outdo bright ones by a tenth of the excess.
_ORDINARY_CONTRAST = 0.65
_USUAL_LOGITS = 5.0  # how far above its limit the model puts an ordinary photo


@dataclass(frozen=True)
class Gradability:
    """How good a photo is, and what is wrong with it.

    Attributes:
        probability: Probability (0-1), by the trained model, that a grader would accept the photo.
        focus, illumination, contrast, completeness: See `eyeground.imaging.quality_measures.Measures`.
        reasons: Why the photo should be taken again, worst first; empty for a gradable one.
        margin: How far the photo is from the nearest limit: negative for an ungradable one, at most 1.
    """

    probability: float
    focus: float
    illumination: float
    contrast: float
    completeness: float
    reasons: tuple[str, ...]
    margin: float

    @property
    def gradable(self) -> bool:
        """Whether the photo is good enough to be judged."""
        return not self.reasons


def standard_and_gradability(photo: Path | Pixels, preprocessing: "Preprocessing") -> tuple[StandardPhoto, Gradability]:
    """A photograph's standard photo, and its gradability, which does not depend on the standard photo's side.

    Raises as `standard_photo` does.
    """
    standard = standard_at(photo, preprocessing.side)
    judged = standard if preprocessing.side >= MEASURED_SIDE else standard_at(photo, MEASURED_SIDE)
    return standard, assess(judged)


def assess(standard: StandardPhoto) -> Gradability:
    """Measure a standard photo's quality, with the reasons why it is ungradable.

    Raises:
        ValueError: If its side is below `MEASURED_SIDE`; make one of that side from the photograph.
    """
    measures = measure(standard)
    model, values = grader(), asdict(measures)
    probability = model.probability(values)
    alone = (1 - standard.disc.elsewhere / MOST_LIGHT_ELSEWHERE, "several pictures in one")
    margins = sorted((alone, *_photo_margins(measures), *_cut_margins(standard.disc)))
    reasons = [reason for margin, reason in margins if margin < 0]
    by_model = (_logit(probability) - _logit(model.limit)) / _USUAL_LOGITS
    if by_model < 0:
        reasons += model.complaints(values)
    return Gradability(
        probability=probability,
        focus=measures.focus,
        illumination=measures.illumination,
        contrast=measures.contrast,
        completeness=measures.completeness,
        reasons=tuple(dict.fromkeys(reasons)),
        margin=min(1.0, by_model, margins[0][0]),
    )


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _photo_margins(measured: Measures) -> list[tuple[float, str]]:
    """Distance from each limit, in usual units, with the reason if it is negative."""
    least_balance = (measured.contrast - _ORDINARY_CONTRAST) / 10
    return [
        ((measured.illumination - LEAST_ILLUMINATION) / 0.2, "too dark"),
        ((MOST_GLARE - measured.glare) / 0.3, "too bright"),
        ((measured.redness - LEAST_REDNESS) / 0.1, UNUSUAL_COLOURS),
        ((measured.balance - least_balance) / 0.05, "no vessels stand out"),
        ((measured.contrast - LEAST_CONTRAST) / 0.2, "low contrast"),
        ((measured.focus - LEAST_FOCUS) / 0.03, "out of focus"),
    ]


def _cut_margins(disc: FieldOfView) -> list[tuple[float, str]]:
    missing = {
        "left": disc.left - (disc.centre_x - disc.radius),
        "top": disc.top - (disc.centre_y - disc.radius),
        "right": disc.centre_x + disc.radius - disc.right,
        "bottom": disc.centre_y + disc.radius - disc.bottom,
    }
    return [
        (1 - depth / (2 * disc.radius) / DEEPEST_CUT, f"field of view cut at the {side}")
        for side, depth in missing.items()
    ]
