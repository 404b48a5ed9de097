"""Intervals of an AUROC of 61,007 photos against scikit-learn: the bootstrap, DeLong, and a paired comparison.

Scores are simulated, with the AUROC and prevalence of real predictions. The peer is timed on a few copies and scaled;
all take turns, since the machine may be shared.
"""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri
from sklearn.metrics import roc_auc_score

from eyeground.data.predictions import Predictions, validated_predictions
from eyeground.evaluation import compare
from eyeground.evaluation.bootstrap import Resampling, one_stratum
from eyeground.evaluation.delong import delong, delong_interval
from eyeground.evaluation.ranking import rank

PHOTOS, RESAMPLES = 61_007, 2_000
COPIES, ROUNDS = 20, 3
PREVALENCE, AUROC = 0.22, 0.955


def measure() -> list[tuple[str, str, str, float]]:
    """Rows: what, ours, peer, ratio."""
    generator = np.random.default_rng(0)
    truth = (generator.random(PHOTOS) < PREVALENCE).astype(float)
    score = generator.normal(size=PHOTOS) + np.sqrt(2) * ndtri(AUROC) * truth
    noise = generator.normal(scale=0.3, size=PHOTOS)
    patient = np.arange(PHOTOS)

    def bootstrap() -> None:
        ranking = rank(truth, score, patient)
        for weights in Resampling(one_stratum(PHOTOS), RESAMPLES, 0).weights():
            ranking.auroc(weights)

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
    ]


def _predictions(truth: np.ndarray, score: np.ndarray) -> Predictions:
    names = [f"{index:05}" for index in range(len(truth))]
    table = {"photo": names, "patient": names, "truth_dr": truth, "probability_dr": expit(score)}
    return validated_predictions(pd.DataFrame(table), "simulated")


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
