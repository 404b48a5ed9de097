"""Layers of structures over a photograph: which there are, what each shows, and how the store holds what was drawn."""

from collections.abc import Mapping

# What no other layer names is a lesion.
LAYERS = {"disc": "Disc and fovea", "vessels": "Vessels", "lesions": "Lesions"}
_SHOWN = {"optic_disc": "disc", "optic_cup": "disc", "fovea": "disc", "vessel": "vessels"}


def layer_of(structure: str) -> str:
    """The layer that shows a structure."""
    return _SHOWN.get(structure, "lesions")


def as_text(structures: Mapping[str, str]) -> str:
    """Structures and their colours, for the store.

    >>> as_text({"vessel": "#009e73", "fovea": "#cc79a7"})
    'vessel=#009e73 fovea=#cc79a7'
    """
    return " ".join(f"{name}={colour}" for name, colour in structures.items())


def from_text(text: str | None) -> dict[str, str]:
    """The reverse of `as_text`; nothing of what was not drawn yet.

    >>> from_text("vessel=#009e73 fovea=#cc79a7")
    {'vessel': '#009e73', 'fovea': '#cc79a7'}
    """
    return dict(one.split("=", 1) for one in (text or "").split())
