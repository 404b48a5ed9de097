"""Whether a photograph resembles those that a model was trained on: the distance of its embedding from theirs.

See "Unfamiliar photographs" in docs/screening.md.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from eyeground.errors import UserError

REFERENCE = "reference.safetensors"
MOST_DIRECTIONS = 64
FEWEST_PHOTOS = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """Where the embeddings of familiar photographs lie.

    Attributes:
        mean: `(width,)`, of embeddings of unit length.
        directions: `(directions, width)`, orthonormal, the largest variance first.
        variances: `(directions,)`: variance along each.
        rest: Variance along every other direction.
    """

    mean: Floats
    directions: Floats
    variances: Floats
    rest: float

    def distance(self, embeddings: NDArray[np.floating]) -> Floats:
        """Mahalanobis distance `(n,)` of embeddings `(n, width)`, per root of width: about 1 for familiar ones."""
        deviation = _unit_length(embeddings) - self.mean
        along = deviation @ self.directions.T
        beyond = np.maximum((deviation**2).sum(axis=1) - (along**2).sum(axis=1), 0.0)
        square = (along**2 / self.variances).sum(axis=1) + beyond / self.rest
        distance: Floats = np.sqrt(square / len(self.mean))
        return distance


def fit_reference(embeddings: NDArray[np.floating]) -> Reference:
    """Fit the reference to embeddings `(n, width)` of familiar photographs.

    A Gaussian that is exact along the main directions and round beyond them (probabilistic principal components,
    Tipping and Bishop, 1999), of embeddings of unit length (Mueller and Hein, "Mahalanobis++", 2025).

    Raises:
        UserError: If there are fewer than 20 photographs.
    """
    if len(embeddings) < FEWEST_PHOTOS:
        raise UserError(
            f"{len(embeddings)} photographs are too few to say what is familiar; {FEWEST_PHOTOS} are needed"
        )
    scaled = _unit_length(embeddings)
    mean = scaled.mean(axis=0)
    _, lengths, directions = np.linalg.svd(scaled - mean, full_matrices=False)
    variances = lengths**2 / len(scaled)
    kept = min(MOST_DIRECTIONS, len(scaled) // 4, len(mean) - 1)
    floor = float(variances[:kept].sum()) * 1e-9 + np.finfo(np.float64).tiny
    rest = max(float(variances[kept:].sum()) / (len(mean) - kept), floor)
    return Reference(mean, directions[:kept], np.maximum(variances[:kept], rest), rest)


def write_reference(reference: Reference, path: Path) -> None:
    """Write a reference as safetensors in float32."""
    arrays = {
        "mean": reference.mean,
        "directions": reference.directions,
        "variances": reference.variances,
        "rest": np.array([reference.rest]),
    }
    save_file({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}, path)


def read_reference(path: Path, width: int) -> Reference:
    """Read a reference to embeddings of some width.

    Raises:
        UserError: If the file is not one, or not of that width.
    """
    try:
        arrays = {name: array.astype(np.float64) for name, array in load_file(path).items()}
        mean, directions, variances = arrays["mean"], arrays["directions"], arrays["variances"]
        (rest,) = arrays["rest"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a reference of familiar photographs: {type(error).__name__}") from error
    fits = mean.shape == (width,) and directions.shape == (len(variances), width) and variances.ndim == 1
    if not fits or not (np.isfinite(mean).all() and np.isfinite(directions).all() and min(rest, *variances) > 0):
        raise UserError(f"{path}: does not fit embeddings of {width} numbers")
    return Reference(mean, directions, variances, float(rest))


def _unit_length(embeddings: NDArray[np.floating]) -> Floats:
    exact = np.asarray(embeddings, np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.maximum(lengths, np.finfo(np.float64).tiny), np.float64)
