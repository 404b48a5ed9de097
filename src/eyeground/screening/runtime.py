"""A verified bundle in ONNX Runtime, without torch: photographs in, findings out.

The graph gives the network's own probabilities. The bundle's calibration is applied here, in one place, so that screening and
predicting get the probabilities that the thresholds were chosen on.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.calibration import calibrated
from eyeground.bundle.familiarity import Reference
from eyeground.bundle.installed import default_model
from eyeground.bundle.open import Bundle, open_classifier
from eyeground.core.machine import usable_cores
from eyeground.errors import UserError
from eyeground.screening.anatomy import UNREADABLE, anatomy_segmenter, find_anatomy
from eyeground.screening.decision import Rule, rule_of
from eyeground.screening.finding import Finding, found, unreadable
from eyeground.screening.graph import (
    CPU,
    EMBEDDING,
    EVIDENCE,
    PROBABILITIES,
    check_graph,
    misfit,
    new_session,
    run_within_limit,
)
from eyeground.screening.inputs import (
    Examined,
    Photo,
    Photos,
    Unread,
    as_many,
    batches,
    examine,
    is_one,
    read_ahead,
)
from eyeground.screening.segmenter import Segmenter

if TYPE_CHECKING:
    import onnxruntime


def load(
    name_or_path: str | Path | None = None,
    *,
    operating_point: str | None = None,
    threads: int | None = None,
    providers: Sequence[str] = (CPU,),
    anatomy: bool | None = False,
) -> "Screener":
    """Open and verify a bundle, ready to screen, without torch.

    Args:
        name_or_path: A bundle's folder, or the name of a model that is installed or was pulled (`eyeground models`
            lists them); by default the model that `eyeground screen` uses by default.
        operating_point: Which of the bundle's thresholds decide, by their rule, such as `sensitivity=0.95`; by default
            the first ones.
        threads: Photographs that the network processes in parallel, each on one core; by default as many as there are
            cores.
        providers: ONNX Runtime's execution providers, the preferred one first. One that cannot start is an error, and
            not replaced by the CPU.
        anatomy: Also find which eye it is, disc, cup and fovea, by the installed segmenter; None where there is one and the
            model's photos are large enough for it.

    Returns:
        Call it with a photo for a finding, or with any iterable of photos for a list of findings. `stream` gives the
        findings of any number one by one, `embed` gives embeddings.

    Raises:
        UserError: If there is no bundle, a file was changed, the ONNX graph is not what bundle.json describes, there is
            no such operating point, a provider is missing or cannot start, or the anatomy cannot be found.

    ```python
    model = eyeground.load()
    finding = model("photo.jpg")
    finding.status, finding.probabilities, finding.overlay()
    ```
    """
    if threads is not None and threads < 1:
        raise UserError(f"threads is {threads}; at least one has to work")
    bundle = open_classifier(default_model() if name_or_path is None else name_or_path)
    session = new_session(bundle, threads=1, providers=providers)
    check_graph(bundle, session)
    rule = rule_of(bundle.description, operating_point)
    side = bundle.description.preprocessing.side
    segmenter = None if anatomy is False else anatomy_segmenter(side, required=anatomy is True)
    return Screener(bundle, rule, session, bundle.reference(), threads or usable_cores(), segmenter)


@dataclass(frozen=True, eq=False)
class Screener:
    """A loaded bundle. Calling it with photographs gives findings.

    It is immutable: any number of threads may use it at the same time, with the same results. Forked processes each load
    their own.

    Attributes:
        bundle: The verified bundle on disk.
        rule: How its probabilities become a status.
        anatomy: What finds eye, disc, cup and fovea; None where they were not asked for.
    """

    bundle: Bundle
    rule: Rule
    _session: "onnxruntime.InferenceSession" = field(repr=False)
    _reference: Reference | None = field(default=None, repr=False)
    _threads: int = field(default=1, repr=False)
    anatomy: Segmenter | None = field(default=None, repr=False)

    @property
    def bundles(self) -> tuple[Bundle, ...]:
        """All that its findings rest on."""
        return (self.bundle,) if self.anatomy is None else (self.bundle, self.anatomy.bundle)

    @overload
    def __call__(self, photos: Photo) -> Finding: ...  # type: ignore[overload-overlap]  # a path as str is also an iterable of str; the first overload wins
    @overload
    def __call__(self, photos: Iterable[Photo]) -> list[Finding]: ...
    def __call__(self, photos: Photos) -> Finding | list[Finding]:
        """Screen one photograph or several.

        Args:
            photos: JPEG, PNG, TIFF, BMP, PPM or DICOM; an array is uint8 RGB (h, w, 3), or several of one size (n, h,
                w, 3).

        Returns:
            One per photograph, in order. What cannot be read has the status `unreadable`. Each finding keeps its
            standard photo in memory; for more than some hundred, `stream` gives them one by one.

        Raises:
            UserError: If something is no photograph at all, or an array is not uint8 RGB.
        """
        if is_one(photos):
            return self([photos])[0]
        return [finding for read in self._read(photos) for finding in self.findings(read)]

    def stream(self, photos: Photos, jobs: int | None = None) -> Iterator[Finding]:
        """Screen any number of photographs, giving their findings one by one and keeping none.

        Args:
            photos: As for a call. It may be endless; about 16 more than `jobs` are taken in advance.
            jobs: Processes that read photographs, each under a limit of time (60 s a photo) and memory (2 GB); by
                default one per usable core.

        Yields:
            One per photograph, in order.

        Raises:
            UserError: If something is no photograph at all, or an array is not uint8 RGB.
        """
        with closing(read_ahead(as_many(photos), self.bundle.description.preprocessing, jobs)) as read:
            for batch in batches(read):
                yield from self.findings(batch)

    def embed(self, photos: Photos) -> NDArray[np.float32]:
        """Embeddings of photographs (the features before the head), for a classifier or a search of your own.

        Args:
            photos: As for a call.

        Returns:
            float32 (width,) for one photograph and (n, width) for several; NaN where one cannot be read.

        Raises:
            UserError: If something is no photograph at all, or the bundle's graph gives no embedding.
        """
        parts = [self.embedding(read) for read in self._read(photos)]
        embeddings = np.concatenate([np.empty((0, self.bundle.description.embedding_size), np.float32), *parts])
        return embeddings[0] if is_one(photos) else embeddings

    def embedding(self, photos: Sequence[Examined | Unread]) -> NDArray[np.float32]:
        """Embeddings (n, width) of photographs that were read, in one forward pass; NaN of those that could not be."""
        embeddings = np.full((len(photos), self.bundle.description.embedding_size), np.nan, np.float32)
        readable = [row for row, photo in enumerate(photos) if isinstance(photo, Examined)]
        if readable:
            pixels = [photo.standard.pixels for photo in photos if isinstance(photo, Examined)]
            embeddings[readable] = self.predict(np.stack(pixels))[1]
        return embeddings

    def find(self, photos: Sequence[Examined]) -> list[Finding]:
        """Findings of photographs that are already standard photos, in one forward pass."""
        if not photos:
            return []
        wanted = [
            PROBABILITIES,
            *([EVIDENCE] if self.gives_evidence else []),
            *([EMBEDDING] if self._reference is not None else []),
        ]
        return self._found_in(photos, self._run(wanted, np.stack([photo.standard.pixels for photo in photos])))

    def find_and_embed(self, photos: Sequence[Examined]) -> tuple[list[Finding], NDArray[np.float32]]:
        """Findings without evidence maps, and embeddings (n, width), of one or more standard photos, in one forward pass.

        Raises:
            UserError: If the bundle's graph gives no embedding.
        """
        results = self._run_with_embedding(np.stack([photo.standard.pixels for photo in photos]))
        return self._found_in(photos, results), results[EMBEDDING]

    def _found_in(self, photos: Sequence[Examined], results: dict[str, NDArray[np.float32]]) -> list[Finding]:
        probabilities = self._calibrated(results)
        unfamiliarity = self._unfamiliarity(results, len(photos))
        findings = [
            found(
                photo=photo.name,
                standard=photo.standard,
                gradability=photo.gradability,
                probabilities=dict(zip(self.rule.outputs, map(float, probabilities[row]), strict=True)),
                evidence=results[EVIDENCE][row] if EVIDENCE in results else None,
                rule=self.rule,
                model=self.bundle.identity,
                unfamiliarity=unfamiliarity[row],
            )
            for row, photo in enumerate(photos)
        ]
        if (segmenter := self.anatomy) is None:
            return findings
        with ThreadPoolExecutor(min(self._threads, len(photos))) as pool:
            seen = pool.map(lambda photo: find_anatomy(segmenter, photo.standard, photo.gradability), photos)
            return [replace(finding, anatomy=one) for finding, one in zip(findings, seen, strict=True)]

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities (n, outputs) of standard photos (n, side, side, 3), uint8 RGB."""
        return self._calibrated(self._run([PROBABILITIES], pixels))

    def predict(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Calibrated probabilities (n, outputs) and embeddings (n, width) of standard photos, in one forward pass.

        Raises:
            UserError: If the bundle's graph gives no embedding.
        """
        results = self._run_with_embedding(pixels)
        return self._calibrated(results), results[EMBEDDING]

    def _run_with_embedding(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        if EMBEDDING not in {output.name for output in self._session.get_outputs()}:
            raise misfit(self.bundle, f"there is no output '{EMBEDDING}'")
        return self._run([PROBABILITIES, EMBEDDING], pixels)

    def _unfamiliarity(self, results: dict[str, NDArray[np.float32]], photos: int) -> list[float] | list[None]:
        familiarity = self.bundle.description.familiarity
        if self._reference is None or familiarity is None:
            return [None] * photos
        distances: list[float] = (self._reference.distance(results[EMBEDDING]) / familiarity.limit).tolist()
        return distances

    def _calibrated(self, results: dict[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        description = self.bundle.description
        return calibrated(results[PROBABILITIES], description.outputs, description.calibrations)

    def _run(self, outputs: list[str], pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        # Photos in parallel, each on one core: faster than a batch on all cores, in a fraction of the memory, and with
        # the same numbers on any number of cores.
        def run(one: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
            return run_within_limit(self.bundle, self._session, outputs, one[np.newaxis])

        with ThreadPoolExecutor(min(self._threads, len(pixels))) as pool:
            single = list(pool.map(run, pixels))
        results = {
            name: np.concatenate(values) for name, values in zip(outputs, zip(*single, strict=True), strict=True)
        }
        if not np.isfinite(results[PROBABILITIES]).all():
            raise UserError(
                f"{self.bundle.onnx_path}: gave a probability that is no number; the bundle is damaged or mis-exported"
            )
        return results

    def unreadable(self, name: str, reason: str) -> Finding:
        """The finding of a photograph that could not be read."""
        finding = unreadable(name, reason, self.rule, self.bundle.identity)
        return finding if self.anatomy is None else replace(finding, anatomy=UNREADABLE)

    @property
    def gives_evidence(self) -> bool:
        """Whether the bundle's graph gives an evidence map."""
        return any(output.name == EVIDENCE for output in self._session.get_outputs())

    def _read(self, photos: Photos) -> Iterator[list[Examined | Unread]]:
        """Read photographs in threads of this process, batch by batch."""
        preprocessing = self.bundle.description.preprocessing
        with ThreadPoolExecutor(usable_cores()) as threads:
            for batch in batches(enumerate(as_many(photos), start=1)):
                yield list(threads.map(lambda numbered: examine(numbered[1], numbered[0], preprocessing), batch))

    def findings(self, photos: Sequence[Examined | Unread]) -> list[Finding]:
        """Findings of photographs that were read, and of those that could not be, in order."""
        found = iter(self.find([photo for photo in photos if isinstance(photo, Examined)]))
        return [
            self.unreadable(photo.name, photo.reason) if isinstance(photo, Unread) else next(found) for photo in photos
        ]
