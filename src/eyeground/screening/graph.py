"""The graph of a bundle in ONNX Runtime, checked against bundle.json before the first photograph.

Names, types, the side of a standard photo and the number of outputs must fit, so that a wrong bundle is refused.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eyeground.bundle.files import ONNX
from eyeground.bundle.open import Bundle
from eyeground.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import onnxruntime

INPUT = "photos"
PROBABILITIES, EMBEDDING, EVIDENCE = "probabilities", "embedding", "evidence"
CPU = "CPUExecutionProvider"
LONGEST_RUN = 300.0  # seconds for one photo; our slowest network takes a few on an old core


def new_session(
    bundle: Bundle, threads: int, providers: Sequence[str] = (CPU,), keep_memory: bool = True
) -> "onnxruntime.InferenceSession":
    """An ONNX Runtime session of a bundle's graph, with this number of threads.

    They sleep between batches instead of spinning, which leaves the cores to the decoders. With `keep_memory`, what a run
    needed is kept for the next; without it, several sessions with large maps fit beside one another.

    Raises:
        UserError: If the graph cannot be loaded, or a provider is not there or cannot start.
    """
    import onnxruntime  # 0.2 s, and only needed once a bundle is opened

    available = onnxruntime.get_available_providers()
    for provider in providers:
        if provider not in available:
            raise UserError(
                f"this ONNX Runtime has no provider '{provider}'{did_you_mean(provider, available)}; it has {', '.join(available)}"
            )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = keep_memory
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(bundle.onnx_path, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's own errors share no public base class
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{bundle.onnx_path}: ONNX Runtime {onnxruntime.__version__} cannot load it: {first_line}"
        ) from error
    # It falls back to the CPU silently where a provider's libraries or device are missing.
    if absent := [provider for provider in providers if provider not in session.get_providers()]:
        raise UserError(f"ONNX Runtime cannot start {absent[0]} here: its device, driver or libraries are missing")
    return session


def run_within_limit(
    bundle: Bundle, session: "onnxruntime.InferenceSession", outputs: Sequence[str], photos: NDArray[np.uint8]
) -> list[NDArray[np.float32]]:
    """The outputs of a graph for standard photos (n, side, side, 3), unless it takes longer than `LONGEST_RUN`.

    Raises:
        UserError: If it does; such a graph was not exported by eyeground, or the machine has no memory left.
    """
    import onnxruntime

    options = onnxruntime.RunOptions()
    late = threading.Event()

    def stop() -> None:
        late.set()
        options.terminate = True

    timer = threading.Timer(LONGEST_RUN, stop)
    timer.daemon = True
    timer.start()
    try:
        found: list[NDArray[np.float32]] = session.run(outputs, {INPUT: photos}, options)
    except Exception as error:  # ONNX Runtime's own errors share no public base class
        if not late.is_set():
            raise
        raise UserError(
            f"{bundle.onnx_path}: took longer than {LONGEST_RUN:.0f} s for a photo, and was stopped; take another model or machine"
        ) from error
    finally:
        timer.cancel()
    return found


def check_graph(bundle: Bundle, session: "onnxruntime.InferenceSession") -> None:
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
    """The error of a graph that does not fit bundle.json."""
    return UserError(f"{bundle.folder / ONNX}: does not fit bundle.json: {what}")
