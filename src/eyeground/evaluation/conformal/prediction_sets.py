"""Split conformal prediction with a stated coverage for every class, calibrated on photos of which several may be of a patient."""

import math

import numpy as np


def class_limits(probability: np.ndarray, truth: np.ndarray, patient: np.ndarray, coverage: float) -> np.ndarray:
    """How improbable a class may be and still stand in a set, shape (classes,): 1 minus its least probability.

    Each class is calibrated on its own photos, so that it has the coverage however rare it is. Patients are the unit: each
    has the weight of one, spread over the patient's photos of the class. A photo of the class of a new patient then has its class
    in its set with at least the stated probability, if the patient is like those of the calibration. With one photo for each patient
    this is the usual rank among n + 1.

    Args:
        probability: Shape (photos, classes), of calibration photos.
        truth: Shape (photos,): index of each photo's class.
        patient: Shape (photos,): each photo's patient, as any integer.
        coverage: Above 0 and below 1.

    Returns:
        Infinite for a class with fewer than `fewest_patients` patients, which then stands in every set.

    References:
        Class by class: Vovk, Asian Conference on Machine Learning (2012) 475. Patients: Lee, Barber and Willett,
        Distribution-free inference with hierarchical data, arXiv 2306.06342 (2023).

    >>> class_limits(np.linspace(0.05, 0.95, 10)[:, np.newaxis], np.zeros(10, int), np.arange(10), 0.9).round(2).tolist()
    [0.95]
    """
    limits = np.full(probability.shape[1], math.inf)
    for index in range(probability.shape[1]):
        of_class = truth == index
        if not of_class.any():
            continue
        number = np.unique(patient[of_class], return_inverse=True)[1]
        photos = np.bincount(number)
        order = np.argsort(1 - probability[of_class, index], kind="stable")
        reached = np.cumsum(1 / photos[number[order]]) / (len(photos) + 1)
        place = int(np.searchsorted(reached, coverage - 1e-12))
        if place < len(order):
            limits[index] = 1 - probability[of_class, index][order[place]]
    return limits


def prediction_sets(probability: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Which classes stand in each photo's set, bool of shape (photos, classes); `limits` from `class_limits`."""
    return np.asarray(1 - probability <= limits)


def fewest_patients(coverage: float) -> int:
    """How many patients of a class a calibration needs, so that a set may leave the class out.

    >>> fewest_patients(0.9), fewest_patients(0.95)
    (9, 19)
    """
    return math.ceil(coverage / (1 - coverage) - 1e-9)
