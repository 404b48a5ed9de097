"""A verified bundle in ONNX Runtime: photographs in, findings out, no torch anywhere.

Before the first photograph, the graph is held against what bundle.json promises (names, types, the side of a
standard photo, the number of outputs), so that a bundle put together wrongly is refused and not misread.
The graph's probabilities are the network's own; the bundle's calibration is applied to them here, in one place, so
that whatever screens or predicts gets the probabilities that the thresholds were chosen on.
The session's threads sleep between batches instead of spinning, which leaves the cores to whoever decodes.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle import ONNX, Bundle, open_classifier
from eyeground.calibration import calibrated
from eyeground.errors import UserError
from eyeground.familiarity import Reference
from eyeground.imaging.decode import UnreadablePhotoError
from eyeground.imaging.gradability import Gradability, assess
from eyeground.imaging.standard import StandardPhoto, standard_photo
from eyeground.machine import usable_cores
from eyeground.screening.decision import Rule, rule_of
from eyeground.screening.finding import Finding, found, unreadable

if TYPE_CHECKING:
    import onnxruntime

INPUT = "photos"
PROBABILITIES, EMBEDDING, EVIDENCE = "probabilities", "embedding", "evidence"
BATCH_SIZE = 16

Photo = str | Path | NDArray[np.uint8]


@dataclass(frozen=True)
class Examined:
    """A photograph that could be read: its name, its standard photo and how gradable it is."""

    name: str
    standard: StandardPhoto
    gradability: Gradability


def load(name_or_path: str | Path, threads: int | None = None, operating_point: str | None = None) -> "Screener":
    """Open and verify a bundle, ready to screen.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        A bundle's folder, or the name of one that comes with this install.
    threads : int, optional
        Photographs that the network looks at side by side, each on one core; by default as many as there are cores.
    operating_point : str, optional
        Which of the bundle's thresholds decide, by their rule, such as `sensitivity=0.95`; by default the first ones.

    Raises
    ------
    UserError
        If there is no bundle, a file was changed, the ONNX graph is not what bundle.json describes, or there is no such
        operating point.

    Examples
    --------
    >>> model = load("runs/abnormal/bundle")  # doctest: +SKIP
    >>> model("photo.jpg").status  # doctest: +SKIP
    'normal'
    """
    bundle = open_classifier(name_or_path)
    session = new_session(bundle, threads=1)
    _check_graph(bundle, session)
    rule = rule_of(bundle.description, operating_point)
    return Screener(bundle, rule, session, bundle.reference(), threads or usable_cores())


@dataclass(frozen=True, eq=False)
class Screener:
    """A loaded bundle. Calling it with photographs gives findings.

    Attributes
    ----------
    bundle : Bundle
        The verified bundle on disk.
    rule : Rule
        How its probabilities become a status.
    """

    bundle: Bundle
    rule: Rule
    _session: "onnxruntime.InferenceSession" = field(repr=False)
    _reference: Reference | None = field(default=None, repr=False)
    _threads: int = field(default=1, repr=False)

    @overload
    def __call__(self, photos: Photo) -> Finding: ...  # type: ignore[overload-overlap]  # a path as str is also a sequence of str; the first overload wins
    @overload
    def __call__(self, photos: Sequence[Photo]) -> list[Finding]: ...
    def __call__(self, photos: Photo | Sequence[Photo]) -> Finding | list[Finding]:
        """Screen one photograph or several.

        Parameters
        ----------
        photos : path, array, or a sequence of these
            A file (JPEG, PNG, TIFF or DICOM), or uint8 RGB pixels (h, w, 3).

        Returns
        -------
        Finding or list of Finding
            One per photograph, in order. What cannot be read has the status `unreadable`. Each finding keeps
            its standard photo in memory; for whole folders, `eyeground.screening.batch.screen` keeps none.

        Raises
        ------
        UserError
            If an array is not uint8 RGB.
        """
        if isinstance(photos, str | Path | np.ndarray):
            return self([photos])[0]
        findings: list[Finding] = []
        with ThreadPoolExecutor(usable_cores()) as readers:
            for start in range(0, len(photos), BATCH_SIZE):
                chunk = photos[start : start + BATCH_SIZE]
                names = [_name(photo, start + offset) for offset, photo in enumerate(chunk)]
                read = list(readers.map(self._read, chunk, names))
                examined = iter(self.find([photo for photo in read if isinstance(photo, Examined)]))
                findings += [photo if isinstance(photo, Finding) else next(examined) for photo in read]
        return findings

    def find(self, photos: Sequence[Examined]) -> list[Finding]:
        """Findings of photographs that are already standard photos, in one forward pass."""
        if not photos:
            return []
        wanted = [
            PROBABILITIES,
            *([EVIDENCE] if self.gives_evidence else []),
            *([EMBEDDING] if self._reference is not None else []),
        ]
        results = self._run(wanted, np.stack([photo.standard.pixels for photo in photos]))
        probabilities = self._calibrated(results)
        unfamiliarity = self._unfamiliarity(results, len(photos))
        return [
            found(
                photo=photo.name,
                standard=photo.standard,
                gradability=photo.gradability,
                probabilities=dict(zip(self.rule.outputs, map(float, probabilities[row]), strict=True)),
                evidence=results[EVIDENCE][row] if self.gives_evidence else None,
                rule=self.rule,
                model=self.bundle.identity,
                unfamiliarity=unfamiliarity[row],
            )
            for row, photo in enumerate(photos)
        ]

    def probabilities(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Calibrated probabilities (n, outputs) of standard photos (n, side, side, 3), uint8 RGB, without findings around them."""
        return self._calibrated(self._run([PROBABILITIES], pixels))

    def predict(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Calibrated probabilities (n, outputs) and embeddings (n, width) of standard photos, in one forward pass.

        Raises
        ------
        UserError
            If the bundle's graph gives no embedding.
        """
        if EMBEDDING not in {output.name for output in self._session.get_outputs()}:
            raise misfit(self.bundle, f"there is no output '{EMBEDDING}'")
        results = self._run([PROBABILITIES, EMBEDDING], pixels)
        return self._calibrated(results), results[EMBEDDING]

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
        # Photos side by side, each on one core: faster than all together on all cores, in a fraction of the memory, and
        # the same numbers whatever the cores are.
        def run(one: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
            found: list[NDArray[np.float32]] = self._session.run(outputs, {INPUT: one[np.newaxis]})
            return found

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
        return unreadable(name, reason, self.rule, self.bundle.identity)

    @property
    def gives_evidence(self) -> bool:
        """Whether the bundle's graph has an evidence map beside its probabilities."""
        return any(output.name == EVIDENCE for output in self._session.get_outputs())

    def _read(self, photo: Photo, name: str) -> Examined | Finding:
        try:
            source = photo if isinstance(photo, np.ndarray) else Path(photo)
            standard = standard_photo(source, self.bundle.description.preprocessing)
            return Examined(name, standard, assess(standard))
        except UnreadablePhotoError as error:
            return self.unreadable(name, error.reason)


def _name(photo: Photo, position: int) -> str:
    if not isinstance(photo, np.ndarray):
        return str(photo)
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise UserError(
            f"photo {position + 1}: expected uint8 RGB pixels of shape (height, width, 3), got {photo.dtype} {photo.shape}"
        )
    return f"array {position + 1}"


def new_session(bundle: Bundle, threads: int) -> "onnxruntime.InferenceSession":
    """An ONNX Runtime session of a bundle's graph, with so many threads that sleep between batches."""
    import onnxruntime  # 0.2 s, and only needed once a bundle is opened

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(bundle.onnx_path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no public base class
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{bundle.onnx_path}: ONNX Runtime {onnxruntime.__version__} cannot load it: {first_line}"
        ) from error


def _check_graph(bundle: Bundle, session: "onnxruntime.InferenceSession") -> None:
    """Refuse a graph whose input or outputs are not what bundle.json says."""
    description = bundle.description
    side, outputs = description.preprocessing.side, description.outputs
    inputs = {node.name: node for node in session.get_inputs()}
    if list(inputs) != [INPUT]:
        raise misfit(bundle, f"its inputs are {', '.join(inputs) or 'none'}; expected one named '{INPUT}'")
    if inputs[INPUT].type != "tensor(uint8)":
        raise misfit(bundle, f"input '{INPUT}' is {inputs[INPUT].type}; expected tensor(uint8)")
    check_shape(bundle, INPUT, inputs[INPUT].shape, (None, side, side, 3), f"preprocessing.side is {side}")
    found_outputs = {node.name: node for node in session.get_outputs()}
    if PROBABILITIES not in found_outputs:
        raise misfit(bundle, f"there is no output '{PROBABILITIES}'; it has {', '.join(found_outputs)}")
    why = f"it names {len(outputs)} outputs ({', '.join(outputs)})"
    expected: dict[str, tuple[int | None, ...]] = {
        PROBABILITIES: (None, len(outputs)),
        EVIDENCE: (None, len(outputs), None, None),
    }
    for name, shape in expected.items():
        if name in found_outputs:
            if found_outputs[name].type != "tensor(float)":
                raise misfit(bundle, f"output '{name}' is {found_outputs[name].type}; expected tensor(float)")
            check_shape(bundle, name, found_outputs[name].shape, shape, why)


def check_shape(bundle: Bundle, name: str, found: Sequence[Any], expected: tuple[int | None, ...], why: str) -> None:
    """Sizes that the graph leaves open (text or None) fit anything, except the number of photos, which must be open."""
    fits = len(found) == len(expected) and not isinstance(found[0], int)
    fits = fits and all(
        not isinstance(size, int) or wanted is None or size == wanted
        for size, wanted in zip(found[1:], expected[1:], strict=True)
    )
    if not fits:
        shown = ", ".join("any" if size is None else str(size) for size in expected)
        raise misfit(bundle, f"'{name}' has shape ({', '.join(map(str, found))}); expected ({shown}), because {why}")


def misfit(bundle: Bundle, what: str) -> UserError:
    """The error of a graph that is not what bundle.json promises."""
    return UserError(f"{bundle.folder / ONNX}: does not fit bundle.json: {what}")
