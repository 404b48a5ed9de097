"""Teaching a bundle which photographs are familiar: the embeddings of its training photos, by its own graph.

The reference is made of training photos, the limit so that 2 % of the held-out photos of the same cameras (the
validation split) lie beyond it. Embeddings come from the graph that screens, so that nothing differs between the two.
A probe has the network of the bundle it was fitted on, and so that one's reference; its own photos, which may come
from a camera of their own, count as familiar, too.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle import ONNX, REFERENCE, Bundle, extend_bundle
from eyeground.description import Familiarity
from eyeground.familiarity import FEWEST_PHOTOS, Reference, fit_reference, write_reference
from eyeground.prepared_photos import PreparedPhotos
from eyeground.probing.embedding import Embed, embeddings
from eyeground.screening.runtime import load

FLAGGED = 0.02
MOST_PHOTOS = 2000  # of which the reference is made: many times its main directions, and minutes of work


def embedder(bundle: Bundle) -> Embed:
    """A bundle's graph as what gives embeddings of standard photos."""
    screener = load(bundle.folder)
    return lambda pixels: screener.predict(pixels)[1]


def with_familiarity(bundle: Bundle, photos: PreparedPhotos, cache: Path, seed: int = 0) -> Bundle:
    """The same bundle, in its place, knowing which photographs are familiar.

    Parameters
    ----------
    bundle : Bundle
        A classifier.
    photos : PreparedPhotos
        With the splits train, of which at most 2,000 photos are drawn by `seed`, and validation.
    cache : pathlib.Path
        Folder in which embeddings are kept.
    seed : int

    Returns
    -------
    Bundle
        Unchanged where either split has fewer than 20 photos, too few to say what is familiar.
    """
    training, held_out = photos.rows("train"), photos.rows("validation")
    if min(len(training), len(held_out)) < FEWEST_PHOTOS:
        return bundle
    chosen = np.sort(np.random.default_rng(seed).permutation(training)[:MOST_PHOTOS])
    standard = [photos.standard[row] for row in (*chosen, *held_out)]
    embedded = embeddings(lambda: embedder(bundle), bundle.description.files[ONNX], standard, cache)
    reference = fit_reference(embedded[: len(chosen)])
    distances = reference.distance(embedded[len(chosen) :])
    limit = float(np.quantile(distances, 1 - FLAGGED))
    familiarity = Familiarity(limit=limit, flagged=FLAGGED, photos=len(chosen), held_out=len(held_out))
    return _extended(bundle, reference, familiarity)


def with_familiarity_of(bundle: Bundle, source: Bundle, embedded: NDArray[np.float32]) -> Bundle:
    """The same bundle, in its place, knowing what its source knows, and the photos it was fitted to.

    Parameters
    ----------
    bundle : Bundle
        A probe on the embedding of `source`.
    source : Bundle
    embedded : numpy.ndarray
        Embeddings `(n, width)` of the probe's photos; no more than 2 % of them lie beyond the limit.

    Returns
    -------
    Bundle
        Unchanged where the source does not know.
    """
    reference, known = source.reference(), source.description.familiarity
    if reference is None or known is None:
        return bundle
    limit = max(known.limit, float(np.quantile(reference.distance(embedded), 1 - FLAGGED)))
    familiarity = Familiarity(limit=limit, flagged=FLAGGED, photos=known.photos, held_out=len(embedded))
    return _extended(bundle, reference, familiarity)


def _extended(bundle: Bundle, reference: Reference, familiarity: Familiarity) -> Bundle:
    description = bundle.description.model_copy(update={"familiarity": familiarity})
    return extend_bundle(bundle, description, {REFERENCE: lambda path: write_reference(reference, path)})
