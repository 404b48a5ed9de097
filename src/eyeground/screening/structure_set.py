"""Which segmenters draw which structures, where none is named: every structure that an installed or pulled bundle knows, once.

Where several know a structure, the one that draws most of its group does (vessels with arteries and veins; the disc with cup and
fovea), then the newest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eyeground.bundle.description import BundleDescription, read_description
from eyeground.bundle.installed import DESCRIPTION, models
from eyeground.errors import UserError
from eyeground.screening.segmenter import Segmenter, load_segmenter

GROUPS = (frozenset({"vessel", "artery", "vein"}), frozenset({"optic_disc", "optic_cup", "fovea"}))


@dataclass(frozen=True, eq=False)
class StructureSet:
    """Segmenters, and which structures each is asked for; every structure once.

    Attributes:
        segmenters: In the order in which they draw.
        wanted: For each, the structures that are kept of it.
    """

    segmenters: tuple[Segmenter, ...]
    wanted: tuple[tuple[str, ...], ...]

    @property
    def structures(self) -> tuple[str, ...]:
        """All structures, in order."""
        return tuple(name for names in self.wanted for name in names)


def named_set(segmenters: Sequence[Segmenter]) -> StructureSet:
    """The structures of segmenters that somebody named, each of which only one may draw.

    Raises:
        UserError: If two segmenters draw one structure.
    """
    structures = [name for segmenter in segmenters for name in segmenter.structures]
    repeated = next((name for name in structures if structures.count(name) > 1), None)
    if repeated is not None:
        raise UserError(f"two of the segmenters segment '{repeated}'; name one of them")
    return StructureSet(tuple(segmenters), tuple(segmenter.structures for segmenter in segmenters))


def installed_set(threads: int | None = None) -> StructureSet:
    """All structures that installed and pulled segmenters draw.

    Raises:
        UserError: If there is no segmenter, or one is damaged.
    """
    chosen = preferred(_described())
    if not chosen:
        raise UserError("no segmenter comes with this install or was pulled; name one with --bundle")
    return StructureSet(tuple(load_segmenter(name, threads) for name in chosen), tuple(chosen.values()))


def installed_for(structures: Sequence[str], threads: int | None = None) -> Segmenter | None:
    """The installed or pulled segmenter that draws all of these structures rather than the others; None where there is none."""
    chosen = preferred(_described())
    name = next((name for name, drawn in chosen.items() if set(structures) <= set(drawn)), None)
    return None if name is None else load_segmenter(name, threads)


def _described() -> dict[str, BundleDescription]:
    found = {name: read_description(folder / DESCRIPTION) for name, folder in models().items()}
    return {name: one for name, one in found.items() if one.decoder is not None}


def preferred(descriptions: dict[str, BundleDescription]) -> dict[str, tuple[str, ...]]:
    """For each segmenter that is needed, by name, the structures that it draws rather than the others."""

    def rank(name: str, structure: str) -> tuple[int, str, str]:
        group = next((one for one in GROUPS if structure in one), frozenset({structure}))
        return len(group & set(descriptions[name].outputs)), descriptions[name].created, name

    by_structure: dict[str, str] = {}
    for structure in dict.fromkeys(name for one in descriptions.values() for name in one.outputs):
        knowing = [name for name, one in descriptions.items() if structure in one.outputs]
        by_structure[structure] = max(knowing, key=lambda name: rank(name, structure))
    return {
        name: structures
        for name, one in descriptions.items()
        if (structures := tuple(structure for structure in one.outputs if by_structure[structure] == name))
    }
