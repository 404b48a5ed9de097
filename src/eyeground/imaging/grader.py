"""A small trained model of whether a grader would accept a photo: one curve per measure, added up to the logit.

A generalised additive model (Hastie and Tibshirani, 1986) with piecewise linear curves, so it explains itself. The curves in
`grader.json` are fitted by `scripts/train_gradability.py`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "grader.json"
# Reasons in words, with the measures that they stand for.
WORDS = {
    "out of focus": ("focus", "balance", "fine_texture", "coarse_texture", "texture_slope"),
    "low contrast": ("contrast", "brightest_patch"),
    "poorly exposed": ("illumination", "glare"),
    "unevenly lit": ("evenness",),
    "too little of the field of view": ("completeness", "lit"),
}


@dataclass(frozen=True)
class Grader:
    """The model.

    Attributes:
        constant: Logit of a photo whose measures are those of an average gradable photo.
        curves: Corners of each measure's curve, as values and logits; constant beyond the ends, 0 on average over gradable
            photos.
        limit: Probability below which a photo is called ungradable.
    """

    constant: float
    curves: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]
    limit: float

    def contributions(self, measures: Mapping[str, float]) -> dict[str, float]:
        """What each measure adds to the logit of "gradable"."""
        return {name: float(np.interp(measures[name], *curve)) for name, curve in self.curves.items()}

    def probability(self, measures: Mapping[str, float]) -> float:
        """Probability (0-1) that the photo is gradable."""
        logit = self.constant + sum(self.contributions(measures).values())
        return 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))

    def complaints(self, measures: Mapping[str, float]) -> tuple[str, ...]:
        """Reasons against the photo, the strongest first, with all that are at least half as strong."""
        taken = self.contributions(measures)
        against = {word: -sum(taken.get(name, 0.0) for name in names) for word, names in WORDS.items()}
        strongest = max(against.values())
        return tuple(
            word
            for word in sorted(against, key=against.__getitem__, reverse=True)
            if against[word] >= strongest / 2 > 0
        )


@cache
def grader() -> Grader:
    """The trained model of this install."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    curves = {name: (tuple(curve["value"]), tuple(curve["logit"])) for name, curve in content["curves"].items()}
    return Grader(content["constant"], curves, content["limit"])
