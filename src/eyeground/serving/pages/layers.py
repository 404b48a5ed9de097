"""The pictures that can be laid over a photograph: what is there is offered, the evidence first."""

from dataclasses import dataclass

from eyeground.config.label_words import disease_name
from eyeground.serving.findings import FindingView
from eyeground.serving.layers import LAYERS, layer_of


@dataclass(frozen=True)
class Layer:
    """A picture of the photograph's square with opacity.

    Attributes:
        picture: Its name in the API.
        words: What it shows.
        structures: What has a colour of its own in it, in words, and the colour.
    """

    picture: str
    words: str
    structures: tuple[tuple[str, str], ...] = ()


def layers_of(view: FindingView) -> tuple[Layer, ...]:
    """The layers of a photograph; evidence for an answer that does not count is none."""
    found = [Layer("evidence", "Evidence")] if view.has_evidence and view.status in ("normal", "abnormal") else []
    for picture, words in LAYERS.items():
        shown = [(disease_name(name), colour) for name, colour in view.structures.items() if layer_of(name) == picture]
        if shown:
            found.append(Layer(picture, words, tuple(shown)))
    return tuple(found)
