"""How much an embedding contains of a camera, a sex or an age: a cross-validated linear probe without settings to tune.

A photo is ranked only within its fold, whose probe has not seen its patient. See docs/statistics.md.
"""

import numpy as np

from eyeground.core.progress import track
from eyeground.evaluation.estimates import Support
from eyeground.evaluation.measures import Measure
from eyeground.evaluation.samples import Sample
from eyeground.evaluation.subgroups.stratified_auroc import stratified_auroc_measure
from eyeground.evaluation.weighted_sums import combined

PROBE = "probe_macro_auroc"
FOLDS = 5
COMPONENTS = 64
C = 0.01
MOST_ITERATIONS = 1000


def probe_measure(
    embeddings: np.ndarray, classes: np.ndarray, patient: np.ndarray, column: np.ndarray, seed: int
) -> Measure:
    """Macro one-versus-rest AUROC with which a probe separates classes of photos; 0.5 is chance.

    Args:
        embeddings: Shape (photos, components).
        classes: Shape (photos,): whole numbers from 0 without gaps, each with at least five patients.
        patient: Shape (photos,): each photo's patient.
        column: Shape (patients,): each patient's column in the patient weights.
        seed: Of the folds and the randomised principal components.
    """
    fold = patient_folds(classes, patient, seed)
    scores = out_of_fold_scores(embeddings, classes, fold, seed)
    one_versus_rest = [
        stratified_auroc_measure(
            Sample(
                (classes == place).astype(float),
                score,
                patient,
                int(column.max()) + 1,
                drawn_with=column,
            ),
            fold,
            PROBE,
        )
        for place, score in enumerate(scores.T)
    ]

    of = combined([measure.of for measure in one_versus_rest], lambda aurocs: aurocs.mean(axis=0, keepdims=True))
    scarcest = min(len(np.unique(patient[classes == place])) for place in range(len(scores.T)))
    return Measure((PROBE,), ("",), (Support(scarcest, "patients of a level"),), (False,), of)


def patient_folds(classes: np.ndarray, patient: np.ndarray, seed: int) -> np.ndarray:
    """Assign every patient to one of five folds, balanced by class as far as possible.

    Args:
        classes: Shape (photos,): whole numbers, each with at least five patients.
        patient: Shape (photos,): numbers of patients.

    Returns:
        Shape (photos,): 0 to 4.
    """
    fold = np.empty(len(classes), dtype=np.int64)
    # Imported here, since only tables with embeddings need it: scikit-learn takes longer to import than many reports to compute.
    from sklearn.model_selection import StratifiedGroupKFold

    divider = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(divider.split(np.zeros(len(classes)), classes, patient)):
        fold[held_out] = number
    return fold


def out_of_fold_scores(embeddings: np.ndarray, classes: np.ndarray, fold: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities of each class from the probe that has not seen the photo's fold.

    Args:
        embeddings: Shape (photos, components).
        classes: Shape (photos,): whole numbers from 0 without gaps, all of them in every set of training folds.
        fold: Shape (photos,).
        seed: Of the randomised principal components.

    Returns:
        Shape (photos, classes), rows that add up to 1.
    """
    # As in `patient_folds`.
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    scores = np.zeros((len(classes), int(classes.max()) + 1))
    for number in track(np.unique(fold).tolist(), "probing the embeddings", unit="folds"):
        held_out = fold == number
        training = embeddings[~held_out]
        probe = make_pipeline(
            StandardScaler(),
            PCA(min(COMPONENTS, *training.shape), svd_solver="randomized", random_state=seed),
            LogisticRegression(C=C, max_iter=MOST_ITERATIONS),
        )
        probe.fit(training, classes[~held_out])
        scores[held_out] = probe.predict_proba(embeddings[held_out])
    return scores
