"""Simulates how often 95 % intervals hold the truth, as docs/statistics.md describes; takes some ten minutes.

.venv/bin/python scripts/simulate_coverage.py
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.ticker import MultipleLocator
from scipy.special import ndtri

from eyeground.core.files import replacing
from eyeground.core.proportions import CONFIDENCE, wilson_interval
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.delong import delong, delong_interval
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.intervals import clustered_wilson_interval, jackknife
from eyeground.evaluation.measures import Measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUROC
from eyeground.evaluation.reporting.figure_style import COLOURS, INK, PALE, styled
from eyeground.evaluation.sampled import Sampled
from eyeground.evaluation.samples import Sample

RESULTS = Path(__file__).parents[1] / "docs" / "results"
STUDIES, RESAMPLES = 2000, 1000
SHARED, OWN = 0.9, 0.45  # standard deviations of a score's parts: the eyes of a patient correlate by 0.8
SENSITIVITY, TRUE_SENSITIVITY = "sensitivity", 0.85
VISIBLE = 0.9  # share of the eyes of a diseased patient that show it

NAIVE_BOOTSTRAP, NAIVE_DELONG = "Bootstrap over photos", "DeLong over photos"
PERCENTILE, BCA = "Bootstrap over patients, percentile", "Bootstrap over patients, BCa"
DELONG = "DeLong over patients, logit"
NAIVE_WILSON, WILSON = "Wilson over photos", "Wilson over patients"
NAIVE = (NAIVE_BOOTSTRAP, NAIVE_DELONG, NAIVE_WILSON)

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Scenario:
    """The population and size of the simulated studies."""

    name: str
    patients: int
    prevalence: float
    auroc: float

    @property
    def separation(self) -> float:
        """How much higher scores are in diseased eyes; of two patients, the difference of scores is normal."""
        return float(ndtri(self.auroc) * np.sqrt(2) * np.hypot(SHARED, OWN))

    @property
    def threshold(self) -> float:
        """The score above which 85 % of diseased eyes lie."""
        return self.separation - float(ndtri(TRUE_SENSITIVITY) * np.hypot(SHARED, OWN))


SCENARIOS = (
    Scenario("60 patients", 60, 0.3, 0.93),
    Scenario("200 patients", 200, 0.3, 0.93),
    Scenario("1,000 patients", 1000, 0.3, 0.93),
    Scenario("200 patients, about 20 ill", 200, 0.1, 0.97),
)


def main() -> None:
    """Write the table and the figure."""
    table = pd.concat([coverage(scenario, STUDIES, RESAMPLES) for scenario in SCENARIOS])
    RESULTS.mkdir(parents=True, exist_ok=True)
    with replacing(RESULTS / "coverage.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n")
    with styled(), replacing(RESULTS / "coverage.svg") as partial:
        draw(table).savefig(partial, format="svg", metadata={"Date": None})


def coverage(scenario: Scenario, studies: int, resamples: int) -> pd.DataFrame:
    """One row per metric and method: the share of studies whose interval holds the truth, misses, and mean width."""
    truths = {AUROC: scenario.auroc, SENSITIVITY: TRUE_SENSITIVITY}
    rows = [
        (metric, method, interval)
        for study in range(studies)
        for metric, method, interval in intervals(simulate(scenario, study), scenario.threshold, resamples, study)
    ]
    found = pd.DataFrame(rows, columns=["metric", "method", "interval"])
    found["low"], found["high"] = zip(*(interval or (np.nan, np.nan) for interval in found["interval"]), strict=True)
    truth = found["metric"].map(truths)
    found = found.assign(
        scenario=scenario.name,
        truth=truth,
        covered=(found["low"] <= truth) & (truth <= found["high"]),
        truth_below=truth < found["low"],
        truth_above=truth > found["high"],
        no_interval=found["low"].isna(),
        width=found["high"] - found["low"],
    )
    shares = found.groupby(["scenario", "metric", "method", "truth"], sort=False, as_index=False)[
        ["covered", "truth_below", "truth_above", "no_interval", "width"]
    ].mean()
    shares.insert(3, "studies", studies)
    return shares


def simulate(scenario: Scenario, study: int) -> Sample:
    """Both eyes of every patient, with disease and score."""
    generator = np.random.default_rng([scenario.patients, round(1000 * scenario.prevalence), study])
    patient = np.repeat(np.arange(scenario.patients), 2)
    diseased = generator.random(scenario.patients) < scenario.prevalence
    truth = (diseased[patient] & (generator.random(len(patient)) < VISIBLE)).astype(float)
    shared = SHARED * generator.normal(size=scenario.patients)
    score = scenario.separation * truth + shared[patient] + OWN * generator.normal(size=len(patient))
    return Sample(truth, score, patient, scenario.patients)


def intervals(sample: Sample, threshold: float, resamples: int, seed: int) -> Iterator[tuple[str, str, Interval]]:
    """Metric, method and interval, for every method that applies to the metric."""
    photos = Sample(sample.truth, sample.probability, np.arange(len(sample.truth)), len(sample.truth))
    for metric, resampled in _bootstrapped(photos, threshold, resamples, seed).items():
        yield metric, NAIVE_BOOTSTRAP, _ends(resampled.estimate())
    for metric, resampled in _bootstrapped(sample, threshold, resamples, seed).items():
        yield metric, PERCENTILE, _ends(resampled.estimate())
        yield metric, BCA, _ends(resampled.estimate(jackknife([resampled.of], sample.columns)[0][0]))
    for method, patient in ((NAIVE_DELONG, None), (DELONG, sample.patient)):
        yield AUROC, method, _ends(delong_interval(delong(sample.truth, sample.probability[np.newaxis], patient)))
    diseased = sample.truth == 1
    found = np.bincount(sample.patient[diseased], sample.probability[diseased] >= threshold, sample.columns)
    eyes = np.bincount(sample.patient[diseased], minlength=sample.columns)
    yield SENSITIVITY, NAIVE_WILSON, wilson_interval(found.sum(), eyes.sum())
    yield SENSITIVITY, WILSON, clustered_wilson_interval(found, eyes)


@dataclass(frozen=True)
class _Resampled:
    """One metric of a measure, computed on the resamples."""

    value: Sampled
    measure: Measure

    def of(self, weights: np.ndarray) -> np.ndarray:
        return self.measure.of(weights)[[self.measure.metrics.index(self.value.metric)]]

    def estimate(self, jackknifed: np.ndarray | None = None) -> Estimate:
        return replace(self.value, jackknifed=jackknifed).interval()


def _bootstrapped(sample: Sample, threshold: float, resamples: int, seed: int) -> dict[str, _Resampled]:
    measures = {AUROC: ranking_measure(sample), SENSITIVITY: count_measure(sample, threshold)}
    computed = compute(measures, Resampling(one_stratum(sample.columns), resamples, seed))
    return {
        metric: _Resampled(next(value for value in computed[metric] if value.metric == metric), measure)
        for metric, measure in measures.items()
    }


def _ends(estimate: Estimate) -> Interval:
    return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def draw(table: pd.DataFrame) -> Figure:
    """Coverage of every method, the sizes of study apart by their marks."""
    marks = {"60 patients": "o", "200 patients": "s", "1,000 patients": "^", "200 patients, about 20 ill": "x"}
    figure = Figure(figsize=(7.2, 3.9), layout="constrained")
    rows = [table.loc[table["metric"] == metric, "method"].nunique() for metric in (AUROC, SENSITIVITY)]
    axes = figure.subplots(2, 1, sharex=True, height_ratios=rows)
    for axis, metric, title in zip(axes, (AUROC, SENSITIVITY), ("AUROC", "Sensitivity"), strict=True):
        part = table[table["metric"] == metric]
        methods = sorted(part["method"].unique(), key=lambda method: (method in NAIVE, method), reverse=True)
        for name, mark in marks.items():
            shares = part[part["scenario"] == name].set_index("method")["covered"].reindex(methods)
            colours = [COLOURS[1] if method in NAIVE else COLOURS[0] for method in methods]
            # Hollow, so that marks at one place are all seen.
            shape = {"marker": MarkerStyle(mark, "none" if mark != "x" else "full"), "s": 30, "linewidths": 1.2}
            axis.scatter(100 * shares, range(len(methods)), c=colours, zorder=3, **shape)
            axis.scatter([], [], c=INK, label=name, **shape)
        axis.axvspan(93, 97, color="#000000", alpha=0.07, linewidth=0)
        axis.axvline(100 * CONFIDENCE, color=PALE, linewidth=0.8)
        axis.set_yticks(range(len(methods)), methods)
        axis.set_ylim(-0.6, len(methods) - 0.4)
        axis.set_title(title, loc="left", fontsize=8.5, color=INK)
    axes[-1].xaxis.set_major_locator(MultipleLocator(5))
    axes[-1].set_xlabel("Studies whose 95 % interval holds the truth (%)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


if __name__ == "__main__":
    main()
