"""Intervals of an AUROC of 61,007 photos against scikit-learn: the bootstrap, DeLong, and a paired comparison.

Scores are simulated, with the AUROC and prevalence of real predictions. The peer is timed on a few copies and scaled;
all take turns, and seconds are of the processor, since the machine may be shared. Nine sources, a million photos and
150 outputs follow.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation import compare
from eyeground.evaluation.bootstrap import Resampling, drawn_together, one_stratum
from eyeground.evaluation.cohort import cohort_of
from eyeground.evaluation.delong import delong, delong_interval
from eyeground.evaluation.evaluating import evaluate
from eyeground.evaluation.measures import resample
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.groups import auroc_measure
from eyeground.evaluation.subgroups.subgroups import subgroups

PHOTOS, RESAMPLES = 61_007, 2_000
COPIES, ROUNDS = 20, 3
PREVALENCE, AUROC = 0.22, 0.955
SOURCES = 9
MANY_PHOTOS, MANY_OUTPUTS, FEW_PHOTOS = 1_000_000, 150, 200


def measure() -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio."""
    generator = np.random.default_rng(0)
    truth = (generator.random(PHOTOS) < PREVALENCE).astype(float)
    score = generator.normal(size=PHOTOS) + np.sqrt(2) * ndtri(AUROC) * truth
    noise = generator.normal(scale=0.3, size=PHOTOS)
    patient = np.arange(PHOTOS)

    def bootstrap() -> None:
        column = drawn_together(one_stratum(PHOTOS))
        columns = int(column.max()) + 1
        sample = Sample(truth, score, patient, columns, drawn_with=column)
        resample([auroc_measure(sample)], Resampling(one_stratum(columns), RESAMPLES, 0), shown=False)

    def copies() -> None:
        for _ in range(COPIES):
            rows = generator.integers(0, PHOTOS, PHOTOS)
            roc_auc_score(truth[rows], score[rows])

    def analytic() -> None:
        delong_interval(delong(truth, score[np.newaxis], patient))

    def point() -> None:
        roc_auc_score(truth, score)

    models = {name: _predictions(truth, other) for name, other in (("one", score), ("other", score + noise))}

    def paired() -> None:
        compare(models, resamples=RESAMPLES)

    works = (bootstrap, copies, analytic, point, paired)
    seconds = [[_seconds(work) for work in works] for _ in range(ROUNDS)]
    ours, peer, interval, alone, comparison = (np.min(seconds, axis=0) * [1, RESAMPLES / COPIES, 1, 1, 1]).tolist()
    return [
        (
            f"{RESAMPLES:,} bootstrap resamples of AUROC, {PHOTOS:,} photos, one core",
            f"{ours:.2f} s",
            f"{peer:.1f} s, roc_auc_score on resampled copies ({COPIES} timed, scaled)",
            peer / ours,
        ),
        (
            f"DeLong interval of AUROC, {PHOTOS:,} photos, one core",
            f"{interval:.3f} s",
            f"{alone:.3f} s, roc_auc_score without interval",
            alone / interval,
        ),
        (
            f"paired comparison of two models, {RESAMPLES:,} resamples, {PHOTOS:,} photos, AUROC and AUPRC, tests and BCa",
            f"{comparison:.1f} s",
            f"{2 * peer:.1f} s, roc_auc_score alone on resampled copies (scaled)",
            2 * peer / comparison,
        ),
        _nine_sources(truth, score, peer),
        _many_photos(generator),
        _many_outputs(generator),
    ]


def _nine_sources(truth: np.ndarray, score: np.ndarray, peer: float) -> tuple[str, str, str, float]:
    table = _table(truth, {"dr": score}).assign(source=[f"camera {row % SOURCES}" for row in range(PHOTOS)])
    predictions = validated_predictions(table, "simulated")

    def work() -> None:
        evaluate(predictions, resamples=RESAMPLES)
        subgroups(cohort_of(predictions, (), RESAMPLES))

    ours = min(_seconds(work) for _ in range(ROUNDS))
    # All photos, each source, and all others: ten times all photos.
    others = (SOURCES + 1) * peer
    return (
        f"all metrics, and subgroups by {SOURCES} sources with gaps, {RESAMPLES:,} resamples, {PHOTOS:,} photos",
        f"{ours:.1f} s",
        f"{others:.0f} s, roc_auc_score alone on resampled copies (scaled)",
        others / ours,
    )


def _many_photos(generator: np.random.Generator) -> tuple[str, str, str, float]:
    truth = (generator.random(MANY_PHOTOS) < PREVALENCE).astype(float)
    score = generator.normal(size=MANY_PHOTOS) + np.sqrt(2) * ndtri(AUROC) * truth
    predictions = validated_predictions(_table(truth, {"dr": score}), "simulated")
    ours = _seconds(lambda: evaluate(predictions, resamples=RESAMPLES))
    peer = RESAMPLES * _seconds(lambda: roc_auc_score(truth, score))
    return (
        f"all metrics, {RESAMPLES:,} resamples, {MANY_PHOTOS:,} photos",
        f"{ours:.1f} s",
        f"{peer:.0f} s, roc_auc_score alone on resampled copies (one timed, scaled)",
        peer / ours,
    )


def _many_outputs(generator: np.random.Generator) -> tuple[str, str, str, float]:
    truth = (generator.random(FEW_PHOTOS) < PREVALENCE).astype(float)
    scores = {f"d{index}": truth + generator.normal(size=FEW_PHOTOS) for index in range(MANY_OUTPUTS)}
    predictions = validated_predictions(_table(truth, scores), "simulated")
    ours = _seconds(lambda: evaluate(predictions, resamples=RESAMPLES))

    def copies() -> None:
        for score in scores.values():
            roc_auc_score(truth, score)

    peer = RESAMPLES * _seconds(copies)
    return (
        f"all metrics of {MANY_OUTPUTS} outputs, {RESAMPLES:,} resamples, {FEW_PHOTOS} photos",
        f"{ours:.1f} s",
        f"{peer:.0f} s, roc_auc_score alone on resampled copies (one timed, scaled)",
        peer / ours,
    )


def _predictions(truth: np.ndarray, score: np.ndarray) -> Predictions:
    return validated_predictions(_table(truth, {"dr": score}), "simulated")


def _table(truth: np.ndarray, scores: dict[str, np.ndarray]) -> pd.DataFrame:
    names = [f"{index:07}" for index in range(len(truth))]
    columns = {"photo": names, "patient": names}
    for output, score in scores.items():
        columns |= {f"truth_{output}": truth, f"probability_{output}": expit(score)}
    return pd.DataFrame(columns)


def _seconds(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
