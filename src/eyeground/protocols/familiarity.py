"""Teaching a bundle which photographs are familiar: the embeddings of its training photos, by its own graph.

The reference is made of training photos, the limit so that 2 % of the held-out photos of the same cameras (the
validation split) lie beyond it. Embeddings come from the graph that screens, so that nothing differs between the two.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle import REFERENCE, Bundle, extend_bundle
from eyeground.description import Familiarity
from eyeground.familiarity import FEWEST_PHOTOS, fit_reference, write_reference
from eyeground.imaging.cache import read_prepared
from eyeground.progress import track
from eyeground.screening.runtime import BATCH_SIZE, load

FLAGGED = 0.02
MOST_PHOTOS = 2000  # of which the reference is made; more do not change it


def embeddings_of(bundle: Bundle, standard: Sequence[Path], what: str) -> NDArray[np.float32]:
    """Embeddings `(n, width)` of cached standard photos, by a bundle's graph.

    Parameters
    ----------
    bundle : Bundle
    standard : sequence of path
    what : str
        What the progress bar calls it.
    """
    screener = load(bundle.folder)
    parts, batch = [np.empty((0, bundle.description.embedding_size), np.float32)], []
    for index, path in enumerate(track(standard, what), start=1):
        batch.append(read_prepared(path))
        if len(batch) == BATCH_SIZE or index == len(standard):
            parts.append(screener.predict(np.stack(batch))[1])
            batch = []
    return np.concatenate(parts)


def with_familiarity(bundle: Bundle, training: Sequence[Path], held_out: Sequence[Path], seed: int = 0) -> Bundle:
    """The same bundle, in its place, knowing which photographs are familiar.

    Parameters
    ----------
    bundle : Bundle
        A classifier.
    training : sequence of path
        Cached standard photos it was trained on; at most 2,000 of them, drawn by `seed`, are looked at.
    held_out : sequence of path
        Cached standard photos of the same cameras that no weight was fitted to.
    seed : int

    Returns
    -------
    Bundle
        Unchanged where either are fewer than 20, too few to say what is familiar.
    """
    if min(len(training), len(held_out)) < FEWEST_PHOTOS:
        return bundle
    drawn = np.random.default_rng(seed).permutation(len(training))[:MOST_PHOTOS]
    chosen = [training[index] for index in sorted(drawn)]
    reference = fit_reference(embeddings_of(bundle, chosen, "familiar photos"))
    distances = reference.distance(embeddings_of(bundle, held_out, "held-out photos"))
    familiarity = Familiarity(
        limit=float(np.quantile(distances, 1 - FLAGGED)), flagged=FLAGGED, photos=len(chosen), held_out=len(held_out)
    )
    description = bundle.description.model_copy(update={"familiarity": familiarity})
    return extend_bundle(bundle, description, {REFERENCE: lambda path: write_reference(reference, path)})
