"""The pictures that can be laid over a photograph: what is there is offered, the evidence first."""

from dataclasses import dataclass

from eyeground.serving.findings import FindingView


@dataclass(frozen=True)
class Layer:
    """A picture of the photograph's square with opacity; `picture` is its name in the API, `words` says what it shows."""

    picture: str
    words: str


def layers_of(view: FindingView) -> tuple[Layer, ...]:
    """The layers of a photograph."""
    return (Layer("evidence", "Evidence"),) if view.has_evidence else ()
