"""The map of one output for one photo, at the standard photo's resolution, by the given method.

The evidence map is the decision itself and is only enlarged here. For the methods, see docs/explanation.md.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from eyeground.errors import UserError, unknown
from eyeground.explanation.gradient_maps import GRADIENT_FREE, GRADIENT_MAPS, gradient_map
from eyeground.explanation.rollout import attention_rollout
from eyeground.explanation.tracing import trace
from eyeground.models.classifier import Classifier

EVIDENCE, TRACED, ROLLOUT = "evidence", "traced", "rollout"
METHODS = (EVIDENCE, TRACED, *GRADIENT_MAPS, ROLLOUT)
SIGNED = (EVIDENCE, TRACED)
"""Methods whose maps are in logits, above 0 for an output and below against it; all others are in 0-1."""


@dataclass(frozen=True)
class Explained:
    """A map and what it cost.

    Attributes:
        values: float32 (side, side), over the standard photo. In logits for methods in `SIGNED`; else in 0-1.
        milliseconds: Wall-clock time from the standard photo to the map.
        forward_passes, backward_passes: Through the backbone, one for each view; that of `traced` ends early.
    """

    values: NDArray[np.float32]
    milliseconds: float
    forward_passes: int
    backward_passes: int


def explain(classifier: Classifier, pixels: NDArray[np.uint8], output: str, method: str = EVIDENCE) -> Explained:
    """Explain one output for one photo.

    Args:
        classifier: In evaluation mode.
        pixels: uint8 RGB (side, side, 3): a standard photo of the classifier's side.
        output: Name of one of the classifier's outputs.
        method: One of `METHODS`.

    Raises:
        UserError: If there is no such output or method, the photo has another side, or the backbone has nothing to
            trace or roll out.
    """
    index = output_index(classifier, output)
    compute, views = method_named(method), len(classifier.views)
    side = classifier.preprocessing.side
    if pixels.shape != (side, side, 3):
        raise UserError(f"a standard photo of shape {pixels.shape}; the model takes ({side}, {side}, 3)")
    photo = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(classifier.mean.device)
    start = time.perf_counter()
    found = compute(classifier, photo, index)
    values = np.asarray(cv2.resize(found.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR))
    milliseconds = 1000 * (time.perf_counter() - start)
    forward = 1 if method == ROLLOUT else views
    backward = 0 if method in (EVIDENCE, ROLLOUT, *GRADIENT_FREE) else views
    return Explained(values, milliseconds, forward, backward)


def output_index(classifier: Classifier, output: str) -> int:
    """The place of an output among the classifier's logits.

    Raises:
        UserError: If it has no such output.
    """
    outputs = [name for target in classifier.targets for name in target.outputs]
    if output not in outputs:
        raise unknown("output", output, outputs, "the model")
    return outputs.index(output)


Computation = Callable[[Classifier, torch.Tensor, int], NDArray[np.float32]]


def method_named(method: str) -> Computation:
    """The function behind a method's name.

    Raises:
        UserError: If there is no such method.
    """
    if method == EVIDENCE:
        return _evidence
    if method == TRACED:
        return lambda classifier, photo, index: trace(classifier, photo, index).placed(photo.shape[1])
    if method == ROLLOUT:
        return lambda classifier, photo, _: attention_rollout(classifier, photo)
    if method in GRADIENT_MAPS:
        return lambda classifier, photo, index: gradient_map(classifier, photo, index, method)
    raise unknown("method", method, METHODS)


def _evidence(classifier: Classifier, photo: torch.Tensor, index: int) -> NDArray[np.float32]:
    with torch.inference_mode():
        evidence = classifier.explain(photo)[3]
    found: NDArray[np.float32] = evidence[0, index].float().cpu().numpy()
    return found
