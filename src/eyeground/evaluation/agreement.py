"""Metrics of k x k confusion matrices: rows are truths, columns are decisions, both in the order of the classes.

All functions take counts of shape (matrices, k, k) and return shape (matrices,), NaN where a metric is undefined.
"""

import numpy as np


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Element by element, NaN where `below` is not positive."""
    quotient: np.ndarray = np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)
    return quotient


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Share of photos on the diagonal, 0 to 1."""
    return ratio(_hits(counts).sum(axis=1), counts.sum(axis=(1, 2)))


def balanced_accuracy(counts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Mean over `classes` (indices) of the share of a class's photos that are called so, 0 to 1."""
    recall = ratio(_hits(counts), counts.sum(axis=2))
    return _mean_over(recall, classes)


def macro_f1(counts: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Mean over `classes` (indices) of the F1 score of each class against the others, 0 to 1."""
    f1 = ratio(2 * _hits(counts), counts.sum(axis=1) + counts.sum(axis=2))
    return _mean_over(f1, classes)


def matthews(counts: np.ndarray) -> np.ndarray:
    """Matthews correlation coefficient, -1 to 1; for two classes that of Matthews (1975).

    Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient", equation 8.
    NaN where all photos are of one class or are called one class.
    """
    total = counts.sum(axis=(1, 2))
    true, called = counts.sum(axis=2), counts.sum(axis=1)
    covariance = _hits(counts).sum(axis=1) * total - (true * called).sum(axis=1)
    spread = (total**2 - (true**2).sum(axis=1)) * (total**2 - (called**2).sum(axis=1))
    return ratio(covariance, np.sqrt(spread))


def kappa(counts: np.ndarray, quadratic: bool = False) -> np.ndarray:
    """Cohen's kappa, at most 1; with `quadratic`, disagreement weighs the square of its distance in classes.

    Cohen (1960, 1968). NaN where truth and decisions leave no disagreement to be expected by chance.
    """
    classes = np.arange(counts.shape[1])
    distance = np.abs(classes[:, np.newaxis] - classes)
    weight = distance**2 if quadratic else distance > 0
    by_chance = counts.sum(axis=2)[:, :, np.newaxis] * counts.sum(axis=1)[:, np.newaxis, :]
    observed = (weight * counts).sum(axis=(1, 2)) * counts.sum(axis=(1, 2))
    return 1 - ratio(observed, (weight * by_chance).sum(axis=(1, 2)))


def _mean_over(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.asarray(values[:, classes].mean(axis=1)) if len(classes) else np.full(len(values), np.nan)


def _hits(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=1, axis2=2)
