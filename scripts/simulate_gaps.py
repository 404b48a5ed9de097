"""Simulate how often 95 % intervals of differences hold the truth: of groups, and of two models on the same photos.

    .venv/bin/python scripts/simulate_gaps.py

Writes docs/results/gap_coverage.csv. Patients have two eyes; illness is the patient's, and scores share a part. Groups are
left and right eyes (the same patients), or sites (half of the patients, or a fifth of them, against the others). Studies in which a
group has fewer than ten patients with positives are not counted, as their gaps are not tested. Takes some five minutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from eyeground.core.files import replacing
from eyeground.evaluation.auroc_limits import auroc_gap
from eyeground.evaluation.delong import delong, delong_difference
from eyeground.evaluation.estimates import FEW_PATIENTS
from eyeground.evaluation.inversion import ERROR, Contrast
from eyeground.evaluation.paired_proportions import paired_proportions
from eyeground.evaluation.proportion_gap import proportion_gap, share_of

RESULTS = Path(__file__).parents[1] / "docs" / "results"
STUDIES = 1000
SIZES = ((60, 0.4), (200, 0.1), (200, 0.4), (600, 0.03), (600, 0.1), (2000, 0.02), (2000, 0.1))
AUROCS = ((0.93, 0.93), (0.98, 0.98), (0.97, 0.85))
SHARED, OWN = 0.9, 0.45  # standard deviations of a score's parts: the eyes of a patient correlate by 0.8
SPREAD = float(np.hypot(SHARED, OWN))
BETWEEN_MODELS = 0.8  # correlation of two models' scores of a photo, given its truth
AMONG_ILL = 0.9  # how many eyes of an ill patient show it
EYES, HALVES, FIFTH, MODELS = "left and right eyes", "two sites", "a fifth and the rest", "two models"


@dataclass(frozen=True)
class Scenario:
    """Patients, how many are ill, and the two AUROCs whose difference is estimated."""

    patients: int
    ill: float
    aurocs: tuple[float, float]

    @property
    def separations(self) -> np.ndarray:
        """How much higher scores are in diseased eyes."""
        return ndtri(np.array(self.aurocs)) * np.sqrt(2) * SPREAD

    @property
    def threshold(self) -> float:
        """The score above which 85 % of the first one's diseased eyes lie."""
        return float(self.separations[0] - ndtri(0.85) * SPREAD)

    def truth(self, metric: str) -> float:
        """The true difference."""
        first, second = self.aurocs if metric == "auroc" else ndtr((self.separations - self.threshold) / SPREAD)
        return float(first - second)


def main() -> None:
    """Write the table."""
    scenarios = [Scenario(patients, ill, aurocs) for (patients, ill), aurocs in product(SIZES, AUROCS)]
    table = pd.concat([coverage(scenario, STUDIES) for scenario in scenarios])
    with replacing(RESULTS / "gap_coverage.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n")


def coverage(scenario: Scenario, studies: int) -> pd.DataFrame:
    """One row per metric and pair of groups: the share of tested studies whose interval holds the truth."""
    rows = []
    for study in range(studies):
        for groups, metric, contrast in contrasts(scenario, study):
            low, high = contrast.limits(ERROR)
            rows.append((groups, metric, low <= scenario.truth(metric) <= high, high - low))
    found = pd.DataFrame(rows, columns=["groups", "metric", "covered", "width"])
    shares = found.groupby(["groups", "metric"], sort=False, as_index=False).agg(
        tested=("covered", "size"), covered=("covered", "mean"), width=("width", "mean")
    )
    first, second = scenario.aurocs
    about = {"patients": scenario.patients, "ill": scenario.ill, "first_auroc": first, "second_auroc": second}
    return pd.DataFrame([about] * len(shares)).join(shares)


def contrasts(scenario: Scenario, study: int) -> Iterator[tuple[str, str, Contrast]]:
    """Every pair of groups that may be tested, the metric and its difference."""
    generator = np.random.default_rng([scenario.patients, round(1000 * scenario.ill), study])
    patients = scenario.patients
    patient = np.repeat(np.arange(patients), 2)
    truth = (generator.random(patients) < scenario.ill)[patient] & (generator.random(2 * patients) < AMONG_ILL)
    left = np.tile([True, False], patients)
    firsts = {EYES: left, HALVES: patient < patients // 2, FIFTH: patient < patients // 5}
    noise = [_noise(generator, patients) for _ in range(3)]
    for groups, first in firsts.items():
        score = scenario.separations[np.where(first, 0, 1)] * truth + noise[0]
        parts = [(truth[rows], score[rows], patient[rows]) for rows in (first, ~first)]
        if min(_patients(*part) for part in parts) >= FEW_PATIENTS:
            share_patients = groups == EYES
            found = [delong(right.astype(float), scored[np.newaxis], of) for right, scored, of in parts]
            yield groups, "auroc", auroc_gap(*found, share_patients=share_patients)
            shares = [share_of(scored >= scenario.threshold, right, of, patients) for right, scored, of in parts]
            yield groups, "sensitivity", proportion_gap(*shares, share_patients=share_patients)
    common, own = np.sqrt(BETWEEN_MODELS), np.sqrt(1 - BETWEEN_MODELS)
    scores = np.stack(
        [s * truth + common * noise[0] + own * n for s, n in zip(scenario.separations, noise[1:], strict=True)]
    )
    if _patients(truth, scores[0], patient) >= FEW_PATIENTS:
        difference = delong_difference(delong(truth.astype(float), scores, patient))
        if isinstance(difference, Contrast):
            yield MODELS, "auroc", difference
        right = scores[:, truth] >= scenario.threshold
        yield MODELS, "sensitivity", paired_proportions(*right, patient[truth])


def _noise(generator: np.random.Generator, patients: int) -> np.ndarray:
    return SHARED * np.repeat(generator.normal(size=patients), 2) + OWN * generator.normal(size=2 * patients)


def _patients(truth: np.ndarray, score: np.ndarray, patient: np.ndarray) -> int:
    """Of the scarcer class."""
    return min(len(np.unique(patient[truth])), len(np.unique(patient[~truth])))


if __name__ == "__main__":
    main()
