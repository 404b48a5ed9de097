"""Simulate how often the intervals of repeatability hold the truth: of limits of agreement, of decisions alike, and of kappa.

    .venv/bin/python scripts/simulate_repeats.py

Writes docs/results/repeat_coverage.csv. A patient is ill or not, each eye is photographed twice, and the logits of a
photo have a part of the patient, one of the eye, and one of its own. Takes a minute.
"""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

from eyeground.core.files import replacing
from eyeground.evaluation.agreement import kappa
from eyeground.evaluation.estimates import Limits
from eyeground.evaluation.repeatability.limits_of_agreement import limits_of_agreement
from eyeground.evaluation.repeatability.repeatability import agreement_estimates

RESULTS = Path(__file__).parents[1] / "docs" / "results"
STUDIES = 1000
PATIENTS, EYES, ILL = (15, 30, 60, 200), (1, 2), (0.1, 0.4)
OF_PATIENT, OF_EYE, OF_PHOTO = 0.9, 0.5, 0.35  # standard deviations of logits
SEPARATION, THRESHOLD = 2.5, 0.5
METRICS = ("mean difference", "lower limit", "upper limit", "decided alike", "kappa")


def main() -> None:
    """Write the table."""
    table = pd.DataFrame([row for setting in product(PATIENTS, EYES, ILL) for row in coverage(*setting, STUDIES)])
    with replacing(RESULTS / "repeat_coverage.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n")
    print((100 * table.pivot(index=["patients", "eyes", "ill"], columns="metric", values="covered")).round(1))


def coverage(patients: int, eyes: int, ill: float, studies: int) -> list[dict[str, float | str]]:
    """One row per metric: the share of studies with an interval that hold the truth."""
    truth = true_values(ill)
    held: dict[str, list[bool]] = {metric: [] for metric in METRICS}
    for study in range(studies):
        generator = np.random.default_rng([patients, eyes, round(1000 * ill), study])
        for metric, ends in intervals(*simulate(generator, patients, eyes, ill)).items():
            held[metric].append(ends[0] - 1e-9 <= truth[metric] <= ends[1] + 1e-9)
    about = {"patients": patients, "eyes": eyes, "ill": ill}
    return [
        {**about, "metric": metric, "studies": len(found), "truth": truth[metric], "covered": float(np.mean(found))}
        for metric, found in held.items()
    ]


def simulate(
    generator: np.random.Generator, patients: int, eyes: int, ill: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The probabilities of both photos of every eye, and the eye's patient."""
    patient = np.repeat(np.arange(patients), eyes)
    eye = (SEPARATION * (generator.random(patients) < ill) + OF_PATIENT * generator.normal(size=patients))[patient]
    eye = eye - SEPARATION + OF_EYE * generator.normal(size=len(patient))
    first, second = expit(eye + OF_PHOTO * generator.normal(size=(2, len(patient))))
    return first, second, patient


def intervals(first: np.ndarray, second: np.ndarray, patient: np.ndarray) -> dict[str, tuple[float, float]]:
    """The two ends, by metric; kappa has none where all photos are decided alike."""
    found = limits_of_agreement(second - first, patient)
    limits = dict(zip(METRICS, (found.of_mean, found.of_low, found.of_high), strict=False))
    estimates = agreement_estimates(first >= THRESHOLD, second >= THRESHOLD, patient)
    limits |= {
        metric: Limits(one.low, one.high)
        for metric, one in zip(METRICS[3:], estimates, strict=True)
        if one.low is not None and one.high is not None
    }
    return {metric: (one.low, one.high) for metric, one in limits.items() if one is not None}


def true_values(ill: float) -> dict[str, float]:
    """What the intervals should hold."""
    first, second, _ = simulate(np.random.default_rng(0), 1_000_000, 1, ill)
    reach = 1.96 * float((second - first).std())
    decided = first >= THRESHOLD, second >= THRESHOLD
    orders = np.concatenate(decided), np.concatenate(decided[::-1])
    counts = np.bincount(2 * orders[0] + orders[1], minlength=4).reshape(1, 2, 2)
    alike = float((decided[0] == decided[1]).mean())
    return dict(zip(METRICS, (0.0, -reach, reach, alike, float(kappa(counts)[0])), strict=True))


if __name__ == "__main__":
    main()
