"""AUROC and AUPRC of many photos as functions of sums over patients, so that resamples need no sorted scores.

The AUROC is taken without the part of its sampling error that belongs to pairs of photos and not to single ones (Hoeffding's
decomposition); where that part matters, `linear_areas` gives nothing, and `ranking` is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eyeground.evaluation.agreement import ratio
from eyeground.evaluation.bootstrap import MOST_DRAWN_APART
from eyeground.evaluation.metrics import per_patient
from eyeground.evaluation.samples import Sample

# Of the variance, by the pairs: standard errors are then short of half a percent at most.
MOST_NEGLECTED = 0.01
FEWEST_POSITIVES = 5000
SUMS = 5


@dataclass(frozen=True)
class LinearAreas:
    """AUROC and AUPRC within parts of the photos.

    Attributes:
        sums: Shape (columns, 5 x parts): by part, of its positives the placements and the number, of its negatives the
            placements and the number, and of both their influence on the AUPRC.
        points: Shape (2, parts): AUROC and AUPRC of each part.
    """

    sums: np.ndarray
    points: np.ndarray

    def auroc(self, sums: np.ndarray) -> np.ndarray:
        """Shape (parts, resamples), for sums of shape (resamples, 5 x parts); NaN where a class has no weight."""
        below, positives, above, negatives, _ = self._by_kind(sums)
        return np.asarray(ratio(below, positives) + ratio(above, negatives) - self.points[0][:, np.newaxis])

    def auprc(self, sums: np.ndarray) -> np.ndarray:
        """As `auroc`."""
        _, positives, _, negatives, influence = self._by_kind(sums)
        return np.asarray(self.points[1][:, np.newaxis] + np.where(negatives > 0, ratio(influence, positives), np.nan))

    def pairs(self, sums: np.ndarray) -> np.ndarray:
        """Pairs of a positive and a negative, shape (parts, resamples), for sums as in `auroc`."""
        _, positives, _, negatives, _ = self._by_kind(sums)
        return np.asarray(positives * negatives)

    def _by_kind(self, sums: np.ndarray) -> np.ndarray:
        return sums.reshape(len(sums), self.points.shape[1], SUMS).transpose(2, 1, 0)


def linear_areas(parts: Sequence[Sample], by_pairs: bool = False, with_auprc: bool = False) -> LinearAreas | None:
    """The areas within parts that all have both classes; None where they are to be computed exactly.

    Args:
        by_pairs: Whether parts count by their pairs, and not alike.
        with_auprc: Whether the AUPRC is wanted, which is near to linear only where there are many positives.
    """
    if sum(part.photos for part in parts) <= MOST_DRAWN_APART:
        return None
    if with_auprc and min(part.positives for part in parts) < FEWEST_POSITIVES:
        return None
    found = [_Part.of(part, with_auprc) for part in parts]
    weights = np.array([part.positives * (part.photos - part.positives) if by_pairs else 1 for part in parts], float)
    kept, neglected = weights**2 @ [one.variances for one in found]
    if neglected > MOST_NEGLECTED * kept:
        return None
    return LinearAreas(np.hstack([one.sums for one in found]), np.array([one.points for one in found]).T)


@dataclass(frozen=True)
class _Part:
    """Sums and points of one part, and its AUROC's variance: by single photos, and by pairs of photos."""

    sums: np.ndarray
    points: tuple[float, float]
    variances: tuple[float, float]

    @classmethod
    def of(cls, sample: Sample, with_auprc: bool) -> "_Part":
        positive = sample.truth == 1
        positives, negatives = sample.positives, sample.photos - sample.positives
        scores = _Scores.of(sample.probability, positive)
        placed = scores.placements(positive)
        auroc = float(placed[positive].mean())
        influence, auprc = scores.influence_on_auprc(positive) if with_auprc else (np.zeros(len(positive)), np.nan)
        terms = [placed * positive, positive, placed * ~positive, ~positive, influence]
        by_positives, by_negatives = float(placed[positive].var()), float(placed[~positive].var())
        by_pairs = max(0.0, auroc * (1 - auroc) - by_positives - by_negatives)
        return cls(
            per_patient(np.stack(terms, axis=1), sample.column, sample.columns),
            (auroc, auprc),
            (by_positives / positives + by_negatives / negatives, by_pairs / positives / negatives),
        )


@dataclass(frozen=True)
class _Scores:
    """Distinct scores, falling.

    Attributes:
        of_photo: Shape (photos,): the place of each photo's score.
        found, wrong: Shape (scores,): how many positives, and negatives, reach a score.
        positives, negatives: Shape (scores,): how many have it.
    """

    of_photo: np.ndarray
    found: np.ndarray
    wrong: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, positive: np.ndarray) -> "_Scores":
        falling = np.argsort(-score)
        place = np.cumsum(np.diff(score[falling], prepend=score[falling[:1]]) != 0)
        of_photo = np.empty(len(score), dtype=np.int64)
        of_photo[falling] = place
        positives, negatives = (np.bincount(of_photo[one], minlength=place[-1] + 1) for one in (positive, ~positive))
        return cls(of_photo, np.cumsum(positives), np.cumsum(negatives), positives, negatives)

    def placements(self, positive: np.ndarray) -> np.ndarray:
        """Of each positive the share of negatives below it, of each negative the share of positives above it; ties half."""
        below = 1 - (self.wrong - self.negatives / 2) / self.wrong[-1]
        above = (self.found - self.positives / 2) / self.found[-1]
        return np.asarray(np.where(positive, below[self.of_photo], above[self.of_photo]))

    def influence_on_auprc(self, positive: np.ndarray) -> tuple[np.ndarray, float]:
        """Each photo's influence on average precision, times the positives, and average precision itself."""
        called = self.found + self.wrong
        precision = self.found / called
        area = float(self.positives @ precision / self.found[-1])

        def from_here_down(term: np.ndarray) -> np.ndarray:
            return np.asarray(np.cumsum((self.positives * term)[::-1])[::-1])

        of_positive = precision - area + from_here_down(self.wrong / called**2)
        of_negative = -from_here_down(self.found / called**2)
        return np.where(positive, of_positive[self.of_photo], of_negative[self.of_photo]), area
