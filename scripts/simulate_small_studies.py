"""Simulate how often the intervals of an evaluation hold the truth where studies are small, disease rare or models good.

    .venv/bin/python scripts/simulate_small_studies.py

Writes docs/results/coverage_small.csv and prints the table of docs/statistics.md. The population is that of
simulate_coverage.py; beside the intervals that an evaluation gives stand those that resamples alone would (BCa; of the ECE,
percentiles reflected in the value), of the first studies. Kappa is of decision and truth, weighted kappa of three grades: an eye
in two of five ill patients is severely ill, and scores higher. Takes half an hour.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtr, ndtri
from simulate_coverage import OWN, RESULTS, SHARED, TRUE_SENSITIVITY, VISIBLE, Interval, Scenario, simulate

from eyeground.core.files import replacing
from eyeground.evaluation.agreement import kappa
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.calibration_measures import calibration_error_measure, equal_mass_bins
from eyeground.evaluation.estimates import Estimate
from eyeground.evaluation.intervals import jackknife, percentile_interval
from eyeground.evaluation.measures import Measure, compute, count_measure, ranking_measure
from eyeground.evaluation.metrics import AUROC, PARTIAL_AUROC, SENSITIVITY_AT, SPECIFICITY_HELD
from eyeground.evaluation.multi_output import MultiOutputSample, MultiOutputTarget, agreement_measure, confusion_of
from eyeground.evaluation.partial_roc import partial_estimates
from eyeground.evaluation.samples import Sample

STUDIES, RESAMPLES = 600, 300
STUDIES_OF_MANY, MANY_PATIENTS, STUDIES_OF_RESAMPLES_ALONE = 300, 500, 300
GIVEN, RESAMPLED = "as given", "resamples alone"
RIGHT, OVERCONFIDENT = "ece, model right", "ece, model overconfident"
KAPPA, WEIGHTED_KAPPA = "kappa", "quadratic_weighted_kappa"
GRADES = {
    KAPPA: MultiOutputTarget("dr", "ordinal", ("0", "1"), ("dr>=1",)),
    WEIGHTED_KAPPA: MultiOutputTarget("dr", "ordinal", ("0", "1", "2"), ("dr>=1", "dr>=2")),
}
SEVERE, SEVERE_SCORES_HIGHER = 0.4, 0.7  # share of ill patients; in separations of the classes
PREVALENCE = 0.05
AT_THRESHOLD = ("sensitivity", "ppv", "balanced_accuracy", "f1", "mcc", f"ppv@{PREVALENCE}", f"npv@{PREVALENCE}")
SCENARIOS = tuple(
    Scenario(f"{patients:,} patients, {ill:.0%} ill, AUROC {auroc:g}", patients, ill, auroc)
    for patients, ill, auroc in (
        (60, 0.1, 0.93),
        (60, 0.3, 0.93),
        (60, 0.3, 0.99),
        (60, 0.4, 0.85),
        (150, 0.03, 0.97),
        (150, 0.05, 0.93),
        (200, 0.1, 0.97),
        (200, 0.3, 0.99),
        (300, 0.02, 0.99),
        (500, 0.02, 0.93),
        (500, 0.2, 0.99),
        (1000, 0.4, 0.93),
        (2000, 0.02, 0.97),
        (2000, 0.4, 0.99),
    )
)


def main() -> None:
    """Write the table and print the shares for the page."""
    table = pd.concat([coverage(scenario, _studies(scenario), RESAMPLES) for scenario in SCENARIOS])
    with replacing(RESULTS / "coverage_small.csv") as partial:
        table.to_csv(partial, index=False, float_format="%.4f", lineterminator="\n")
    print(as_markdown(table))


def _studies(scenario: Scenario) -> int:
    return STUDIES_OF_MANY if scenario.patients >= MANY_PATIENTS else STUDIES


def coverage(scenario: Scenario, studies: int, resamples: int) -> pd.DataFrame:
    """One row per metric and method: the share of studies whose interval holds the truth, and misses on either side.

    Studies with fewer than two ill patients, to which no interval is given, are left out and not counted.
    """
    truths, rows = true_values(scenario), []
    for study in range(studies):
        sample = simulate(scenario, study)
        if sample.patients(1) >= 2:
            found = intervals(sample, scenario, resamples, study, both=study < STUDIES_OF_RESAMPLES_ALONE)
            rows += [(*one, study) for one in found]
    found = pd.DataFrame(rows, columns=["metric", "method", "interval", "study"])
    found["low"], found["high"] = zip(*(interval or (np.nan, np.nan) for interval in found["interval"]), strict=True)
    truth = found["metric"].map(truths)
    # Where the truth is at the end of the scale, rounding decides nothing.
    found["covered"] = (found["low"] <= truth + 1e-9) & (truth <= found["high"] + 1e-9)
    found["truth_below"], found["truth_above"] = truth < found["low"] - 1e-9, truth > found["high"] + 1e-9
    found["no_interval"] = found["low"].isna()
    by = found.groupby(["metric", "method"], sort=False)
    shares = by[["covered", "truth_below", "truth_above", "no_interval"]].mean().reset_index()
    shares.insert(0, "scenario", scenario.name)
    shares.insert(3, "studies", by["study"].nunique().to_numpy())
    shares.insert(4, "truth", shares["metric"].map(truths))
    return shares


def intervals(
    sample: Sample, scenario: Scenario, resamples: int, seed: int, both: bool = True
) -> Iterator[tuple[str, str, Interval]]:
    """Metric, method and interval, of every metric; `both` adds those of resamples alone."""
    resampling = Resampling(one_stratum(sample.columns), resamples, seed)
    measured = (
        (ranking_measure(sample), {AUROC: AUROC}),
        (count_measure(sample, scenario.threshold, (PREVALENCE,)), {name: name for name in AT_THRESHOLD}),
    )
    for measure, names in measured:
        yield from _both(measure, names, resampling, both)
    for metric in GRADES:
        graded, called = _graded(sample, scenario, metric)
        values = compute({0: agreement_measure(graded, called)}, resampling, shown=False)[0]
        yield metric, GIVEN, _ends(next(value for value in values if value.metric == metric).interval())
    for estimate in partial_estimates(sample, True):
        yield estimate.metric, GIVEN, _ends(estimate)
    for name, sharpness in ((RIGHT, 1.0), (OVERCONFIDENT, 1.5)):
        probability = expit(sharpness * _log_odds(sample, scenario))
        (error,) = compute(
            {0: calibration_error_measure(replace(sample, probability=probability))}, resampling, shown=False
        )[0]
        yield name, GIVEN, _ends(error.interval())
        if both:
            yield name, RESAMPLED, percentile_interval(np.maximum(2 * error.point - error.resampled, 0))


def _both(
    measure: Measure, names: dict[str, str], resampling: Resampling, both: bool
) -> Iterator[tuple[str, str, Interval]]:
    values = compute({0: replace(measure, is_jackknifed=False)}, resampling, shown=False)[0]
    left_out = jackknife([measure.of], len(resampling.strata))[0] if both else [None] * len(values)
    for value, jackknifed in zip(values, left_out, strict=True):
        if value.metric in names:
            yield value.metric, GIVEN, _ends(value.interval())
        if both and value.metric in names:
            is_share = value.metric in ("sensitivity", "ppv")
            alone = replace(value, limits=None, jackknifed=jackknifed, is_proportion=is_share)
            yield value.metric, RESAMPLED, _ends(alone.interval())


def _graded(sample: Sample, scenario: Scenario, metric: str) -> tuple[MultiOutputSample, np.ndarray]:
    """Eyes by grade, and the grade that each is called."""
    score, truth = sample.probability, sample.truth.astype(np.int64)
    thresholds = [scenario.threshold, scenario.threshold + SEVERE_SCORES_HIGHER * scenario.separation]
    if metric == WEIGHTED_KAPPA:
        severe = np.random.default_rng(len(truth)).random(sample.columns)[sample.patient] < SEVERE
        truth = truth * (1 + severe)
        score = score + SEVERE_SCORES_HIGHER * scenario.separation * (truth == 2)
    steps = len(GRADES[metric].outputs)
    scores = np.tile(score[:, np.newaxis], (1, steps))
    graded = MultiOutputSample(GRADES[metric], truth, scores, sample.patient, sample.column, sample.columns)
    return graded, graded.called(thresholds[:steps])


def true_values(scenario: Scenario) -> dict[str, float]:
    """What the intervals should hold."""
    spread = np.hypot(SHARED, OWN)
    sensitivity, specificity = TRUE_SENSITIVITY, float(ndtr(scenario.threshold / spread))
    positives = scenario.prevalence * VISIBLE

    def ppv(prevalence: float) -> float:
        found, wrong = prevalence * sensitivity, (1 - prevalence) * (1 - specificity)
        return found / (found + wrong)

    called = positives * sensitivity + (1 - positives) * (1 - specificity)
    missed, passed = PREVALENCE * (1 - sensitivity), (1 - PREVALENCE) * specificity
    alarms = (np.arange(20_000) + 0.5) / 20_000 * (1 - SPECIFICITY_HELD)
    height = float(np.mean(1 - ndtr(-ndtri(alarms) - scenario.separation / spread)))
    at_chance = (1 - SPECIFICITY_HELD) / 2
    everyone = simulate(replace(scenario, patients=200_000), 0)
    log_odds = _log_odds(everyone, scenario)
    kappas = {metric: confusion_of(*_graded(everyone, scenario, metric))[np.newaxis] for metric in GRADES}
    overconfident = expit(1.5 * log_odds)
    gaps = np.bincount(equal_mass_bins(overconfident), expit(log_odds) - overconfident)
    return {
        AUROC: scenario.auroc,
        "sensitivity": sensitivity,
        "ppv": ppv(positives),
        "balanced_accuracy": (sensitivity + specificity) / 2,
        "f1": 2 * positives * sensitivity / (positives + called),
        "mcc": (sensitivity + specificity - 1) * float(np.sqrt(positives * (1 - positives) / (called * (1 - called)))),
        f"ppv@{PREVALENCE}": ppv(PREVALENCE),
        f"npv@{PREVALENCE}": passed / (passed + missed),
        **{metric: float(kappa(found, metric == WEIGHTED_KAPPA)[0]) for metric, found in kappas.items()},
        SENSITIVITY_AT: 1 - float(ndtr(ndtri(SPECIFICITY_HELD) - scenario.separation / spread)),
        PARTIAL_AUROC: (1 + (height - at_chance) / (1 - at_chance)) / 2,
        RIGHT: 0.0,
        OVERCONFIDENT: float(np.abs(gaps).sum() / len(overconfident)),
    }


def _log_odds(sample: Sample, scenario: Scenario) -> np.ndarray:
    """Of being diseased, of each eye given its score: right for every single eye."""
    shift = scenario.separation * (sample.probability - scenario.separation / 2) / (SHARED**2 + OWN**2)
    return np.asarray(logit(scenario.prevalence * VISIBLE) + shift)


def _ends(estimate: Estimate) -> Interval:
    return None if estimate.low is None or estimate.high is None else (estimate.low, estimate.high)


def as_markdown(table: pd.DataFrame) -> str:
    """Percent covered as given, and by resamples alone in brackets: a row per setting, a column per metric."""
    percent = (100 * table.set_index(["scenario", "metric", "method"])["covered"]).round().astype(int)
    metrics = list(dict.fromkeys(table["metric"]))
    lines = ["| setting | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for scenario in dict.fromkeys(table["scenario"]):
        cells = []
        for metric in metrics:
            alone = percent.get((scenario, metric, RESAMPLED))
            cells.append(f"{percent[scenario, metric, GIVEN]}" + ("" if alone is None else f" ({alone})"))
        lines.append(f"| {scenario} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
