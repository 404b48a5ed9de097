"""A small trained model of whether a grader would accept a photo: one curve per measure, added up.

A generalised additive model (Hastie and Tibshirani, 1986) with piecewise linear curves: the logit of "gradable" is a
constant plus, for each measure, what its curve says at the measure's value. So it explains itself: the curve that
takes most away is what is wrong. A curve is 0 on average over gradable photos. The curves are numbers in
`grader.json`, fitted by `scripts/train_gradability.py`, which also says on which photos and how well it holds.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "grader.json"
# What a person would call it when these measures speak against a photo.
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
        constant: Logit of a photo whose every measure is as gradable photos have it on average.
        curves: `mapping of str to (values, logits)`. For each measure, where its curve bends and what it adds there;
            beyond the ends it stays level.
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
        """What speaks against the photo, the gravest first: whatever takes at least half as much away as that."""
        taken = self.contributions(measures)
        against = {word: -sum(taken.get(name, 0.0) for name in names) for word, names in WORDS.items()}
        gravest = max(against.values())
        return tuple(
            word for word in sorted(against, key=against.__getitem__, reverse=True) if against[word] >= gravest / 2 > 0
        )


@cache
def grader() -> Grader:
    """The trained model of this install."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    curves = {name: (tuple(curve["value"]), tuple(curve["logit"])) for name, curve in content["curves"].items()}
    return Grader(content["constant"], curves, content["limit"])
