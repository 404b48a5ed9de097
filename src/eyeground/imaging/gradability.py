"""Is a photograph good enough to be judged? Four measures, and reasons in words where one falls short.

Plain measures rather than a trained network: they explain themselves, need no labels, and cost a few
milliseconds. The default limits are cautious: they stop what nobody could grade and let doubtful photographs
through, as what is stopped has to be taken again.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from eyeground.imaging.field_of_view import FieldOfView
from eyeground.imaging.standard import StandardPhoto

MEASURED_SIDE = 224  # larger standard photos are reduced to this, so that limits hold at every side

LEAST_FOCUS = 0.018
LEAST_ILLUMINATION = 45 / 255
MOST_ILLUMINATION = 250 / 255
MOST_GLARE = 0.35
LEAST_CONTRAST = 0.05
MOST_CONTRAST = 1.3
LEAST_COMPLETENESS = 0.6
DEEPEST_CUT = 0.35

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Gradability:
    """Measures of a standard photo's quality, and what is wrong with it.

    Attributes
    ----------
    focus : float
        How far fine dark structures (vessels, above all) stand out from their surroundings, as a share of the
        local brightness; 0 for a featureless photo, about 0.1 for a sharp one.
    illumination : float
        Median brightness (of the brightest channel) within the field of view, 0 to 1.
    contrast : float
        Range of the green channel, shading removed, as a share of the local brightness; about 0.3 as a rule.
    completeness : float
        Share of the disc of the field of view that the photo shows, 0 to 1.
    reasons : tuple of str
        Why the photo should be taken again; empty for a gradable one.
    """

    focus: float
    illumination: float
    contrast: float
    completeness: float
    reasons: tuple[str, ...]

    @property
    def gradable(self) -> bool:
        """Whether nothing speaks against judging the photo."""
        return not self.reasons
