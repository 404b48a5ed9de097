"""Records in a bundle which photographs are familiar: the embeddings of its training photos, by its own graph.

See docs/screening.md. The limit is set for positive and negative photos apart, since embeddings of diseased eyes lie
farther out: one limit for all would call three times as many of them unfamiliar.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.familiarity import FEWEST_PHOTOS, REFERENCE, Reference, fit_reference, write_reference
from eyeground.bundle.files import ONNX
from eyeground.bundle.measured import Familiarity
from eyeground.bundle.open import Bundle
from eyeground.bundle.write import extend_bundle
from eyeground.core.machine import usable_cores
from eyeground.core.progress import track
from eyeground.imaging.cache import prepared_to_assess, read_prepared_standard
from eyeground.imaging.gradability import assess
from eyeground.imaging.packed import UNGRADABLE, is_packed
from eyeground.imaging.prepared_photos import PreparedPhotos
from eyeground.probing.embedding import Embed, embeddings
from eyeground.screening.runtime import load

FLAGGED = 0.0125
MOST_PHOTOS = 2000  # in the reference: many times its main directions, in minutes of work


def embedder(bundle: Bundle) -> Embed:
    """A function that embeds standard photos by a bundle's own graph, the one that screens."""
    screener = load(bundle.folder)
    return lambda pixels: screener.predict(pixels)[1]


def with_familiarity(bundle: Bundle, photos: PreparedPhotos, cache: Path, seed: int = 0) -> Bundle:
    """Add the reference of familiar photographs to a bundle, in place.

    Args:
        bundle: A classifier.
        photos: With the splits train, of which at most 2,000 photos are sampled by `seed`, and validation.
        cache: Folder in which embeddings are kept.

    Returns:
        The bundle; unchanged where either split has fewer than 20 gradable photos.
    """
    sampled = np.sort(np.random.default_rng(seed).permutation(photos.rows("train"))[:MOST_PHOTOS])
    chosen, held_out = (_gradable(bundle, photos, rows, cache) for rows in (sampled, photos.rows("validation")))
    if min(len(chosen), len(held_out)) < FEWEST_PHOTOS:
        return bundle
    standard = [photos.standard[row] for row in (*chosen, *held_out)]
    embedded = embeddings(lambda: embedder(bundle), bundle.description.files[ONNX], standard, cache)
    reference = fit_reference(embedded[: len(chosen)])
    distances = reference.distance(embedded[len(chosen) :])
    groups = _by_health(bundle, photos.truth[held_out])
    limit = max([_limit(distances), *(_limit(distances[rows]) for rows in groups.values())])
    beyond = {name: float((distances[rows] >= limit).mean()) for name, rows in groups.items()}
    familiarity = Familiarity(limit=limit, flagged=FLAGGED, photos=len(chosen), held_out=len(held_out), beyond=beyond)
    return _extended(bundle, reference, familiarity)


def _limit(distances: NDArray[np.float64]) -> float:
    """The least limit that no more than the share `FLAGGED` of these distances reaches."""
    return float(np.nextafter(np.quantile(distances, 1 - FLAGGED, method="higher"), np.inf))


def _gradable(bundle: Bundle, photos: PreparedPhotos, rows: NDArray[np.intp], cache: Path) -> NDArray[np.intp]:
    """The rows of gradable photos: screening rejects the others before embedding them."""
    table = photos.manifest.table
    if is_packed(photos.manifest).all():  # assessed when they were packed
        return np.asarray(rows[table[UNGRADABLE].isna().to_numpy()[rows]])
    paths, jobs = photos.manifest.photo_paths(), usable_cores()
    standard = [photos.standard[row] for row in rows]
    preprocessing = bundle.description.preprocessing
    assessed = prepared_to_assess([paths[row] for row in rows], standard, preprocessing, cache, jobs)
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda path: assess(read_prepared_standard(path)).gradable, assessed)
        kept = np.fromiter(track(found, "assessing", len(rows)), dtype=bool, count=len(rows))
    return np.asarray(rows[kept])


def _by_health(bundle: Bundle, truth: NDArray[np.float32]) -> dict[str, NDArray[np.intp]]:
    """Positions of diseased and healthy photos among truths (photos, outputs), of groups that are large enough.

    A photo is diseased if any known truth is positive, healthy if it has a known truth and none is.
    """
    healthy = [output in bundle.description.healthy_outputs for output in bundle.description.outputs]
    diseased = (truth == np.where(healthy, 0, 1)).any(axis=1)
    groups = {"sick": diseased, "healthy": ~diseased & np.isfinite(truth).any(axis=1)}
    return {name: np.flatnonzero(of) for name, of in groups.items() if of.sum() >= FEWEST_PHOTOS}


def with_familiarity_of(bundle: Bundle, source: Bundle, embedded: NDArray[np.float32]) -> Bundle:
    """Copy the reference of a probe's source into the probe, in place; its own photos count as familiar, too.

    Args:
        bundle: A probe on the embedding of `source`.
        embedded: Embeddings `(n, width)` of the probe's photos; at most one in 80 of them lies beyond the limit.

    Returns:
        The bundle; unchanged where the source has no reference.
    """
    reference, known = source.reference(), source.description.familiarity
    if reference is None or known is None:
        return bundle
    limit = max(known.limit, _limit(reference.distance(embedded)))
    familiarity = Familiarity(limit=limit, flagged=FLAGGED, photos=known.photos, held_out=len(embedded))
    return _extended(bundle, reference, familiarity)


def _extended(bundle: Bundle, reference: Reference, familiarity: Familiarity) -> Bundle:
    description = bundle.description.model_copy(update={"familiarity": familiarity})
    return extend_bundle(bundle, description, {REFERENCE: lambda path: write_reference(reference, path)})
