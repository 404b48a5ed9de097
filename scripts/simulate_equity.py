"""Simulate how often the intervals of the worst group's AUROC and of the equity-scaled AUROC hold the truth.

    .venv/bin/python scripts/simulate_equity.py

Writes docs/results/equity_coverage.csv and prints it, for docs/statistics.md. Patients have two eyes, as in
simulate_gaps.py, and belong to one group each. Beside the intervals that an evaluation gives stand percentiles of resampled
patients. Studies in which a group has fewer than ten ill patients are not counted. Takes some two minutes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from eyeground.core.files import replacing
from eyeground.evaluation.delong import DeLong, delong
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.subgroups.equity import SCALED, WORST, equity, scaled_auroc

RESULTS = Path(__file__).parents[1] / "docs" / "results"
STUDIES, RESAMPLES = 150, 100
GIVEN, RESAMPLED = "as given", "percentiles"
SHARED, OWN = 0.9, 0.45  # standard deviations of a score's parts: the eyes of a patient correlate by 0.8
SPREAD = float(np.hypot(SHARED, OWN))
AMONG_ILL = 0.9  # how many eyes of an ill patient show it


@dataclass(frozen=True)
class Scenario:
    """Patients, how many are ill, and the AUROC of each group of equally many."""

    patients: int
    ill: float
    aurocs: tuple[float, ...]

    @property
    def separations(self) -> np.ndarray:
        """How much higher scores are in diseased eyes, by group."""
        return ndtri(np.array(self.aurocs)) * np.sqrt(2) * SPREAD

    @property
    def overall(self) -> float:
        """The AUROC over all photos: scores of healthy eyes are alike in all groups."""
        return float(ndtr(self.separations / np.sqrt(2) / SPREAD).mean())


SCENARIOS = tuple(
    Scenario(200, 0.4, aurocs) for aurocs in ((0.9, 0.9), (0.95, 0.8), (0.9,) * 4, (0.95, 0.93, 0.9, 0.8))
)


def main() -> None:
    """Write the table and print it."""
    table = pd.concat([coverage(scenario, STUDIES, RESAMPLES) for scenario in SCENARIOS], ignore_index=True)
    with replacing(RESULTS / "equity_coverage.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n")
    print(table.to_string(), flush=True)


def coverage(scenario: Scenario, studies: int, resamples: int) -> pd.DataFrame:
    """One row per metric and method: the share of counted studies whose interval holds the truth, and the mean estimate."""
    truths = {WORST: min(scenario.aurocs), SCALED: scaled_auroc(scenario.overall, scenario.aurocs)}
    rows = []
    for study in range(studies):
        generator = np.random.default_rng([scenario.patients, study])
        truth, score, patient, group = simulate(scenario, generator)
        found = estimates(truth, score, patient, group)
        if found is None:
            continue
        resampled = [_resampled(truth, score, group, generator) for _ in range(resamples)]
        for place, one in enumerate(found):
            ends = np.nanpercentile([values[place] for values in resampled], [2.5, 97.5]) if resamples else [0, 1]
            for method, (low, high) in ((GIVEN, (one.low, one.high)), (RESAMPLED, ends)):
                target = truths[one.metric]
                rows.append((one.metric, method, low <= target <= high, target < low, target > high, one.value))
    columns = ["metric", "method", "covered", "truth_below", "truth_above", "mean_value"]
    shares = pd.DataFrame(rows, columns=columns).groupby(["metric", "method"], sort=False)
    table = shares.mean().reset_index().assign(studies=shares.size().to_numpy())
    table.insert(0, "truth", table["metric"].map(truths))
    table.insert(0, "aurocs", " ".join(f"{auroc:g}" for auroc in scenario.aurocs))
    table.insert(0, "ill", scenario.ill)
    table.insert(0, "patients", scenario.patients)
    return table


def simulate(scenario: Scenario, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Truth, score, patient and group of every photo; a patient's two photos follow each other."""
    group = generator.integers(0, len(scenario.aurocs), scenario.patients)
    ill = generator.random(scenario.patients) < scenario.ill
    truth = (ill[:, np.newaxis] & (generator.random((scenario.patients, 2)) < AMONG_ILL)).astype(float)
    score = generator.normal(scale=SHARED, size=(scenario.patients, 1)) + generator.normal(
        scale=OWN, size=(scenario.patients, 2)
    )
    score += truth * scenario.separations[group][:, np.newaxis]
    patient = np.repeat(np.arange(scenario.patients), 2)
    return truth.ravel(), score.ravel(), patient, np.repeat(group, 2)


def estimates(
    truth: np.ndarray, score: np.ndarray, patient: np.ndarray, group: np.ndarray
) -> tuple[Estimate, Estimate] | None:
    """The worst group's AUROC and the scaled one; None where a group is too small."""
    levels = [(str(one), _delong(truth, score, patient, group == one)) for one in np.unique(group)]
    found = equity("group", levels, _delong(truth, score, patient, group >= 0))
    return None if found is None or found.left_out else (found.worst_auroc, found.scaled)


def _delong(truth: np.ndarray, score: np.ndarray, patient: np.ndarray, rows: np.ndarray) -> DeLong | None:
    return delong(truth[rows], score[rows][np.newaxis], patient[rows]) if np.ptp(truth[rows]) else None


def _resampled(
    truth: np.ndarray, score: np.ndarray, group: np.ndarray, generator: np.random.Generator
) -> tuple[float, float]:
    drawn = generator.integers(0, len(truth) // 2, len(truth) // 2)
    rows = np.stack([2 * drawn, 2 * drawn + 1], axis=1).ravel()
    truth, score, group = truth[rows], score[rows], group[rows]
    aurocs = [_auroc(truth[group == one], score[group == one]) for one in np.unique(group)]
    return min(aurocs), scaled_auroc(_auroc(truth, score), aurocs)


def _auroc(truth: np.ndarray, score: np.ndarray) -> float:
    """By ranks; scores are continuous."""
    rank = np.argsort(np.argsort(score)) + 1
    positives = truth.sum()
    return float((rank[truth == 1].sum() - positives * (positives + 1) / 2) / positives / (len(truth) - positives))


if __name__ == "__main__":
    main()
