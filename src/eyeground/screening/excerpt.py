"""What a report shows of a screening that is too long to be shown whole: what is most urgent, and a sample of the rest."""

import hashlib
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

MOST_SHOWN_WHOLE = 2_000  # photographs; some 12 MB of report
URGENT, SAMPLED = 100, 60  # photographs of one kind

Item = TypeVar("Item")
Order = TypeVar("Order")


@dataclass
class _Kind(Generic[Item]):
    urgent: list[tuple[tuple[object, ...], str, Item]] = field(default_factory=list)
    sampled: list[tuple[bytes, str, Item]] = field(default_factory=list)


class Excerpt(Generic[Item]):
    """The most urgent items of each kind, and some of the others by a hash of their names; memory does not grow.

    The choice depends on neither the order in which items come nor on chance.

    Args:
        urgent, sampled: How many photographs of each kind are shown because they are urgent, and how many of the others.
    """

    def __init__(self, urgent: int = URGENT, sampled: int = SAMPLED) -> None:
        self._urgent, self._sampled = urgent, sampled
        self._kinds: dict[str, _Kind[Item]] = {}

    def add(self, kind: str, urgency: tuple[object, ...], name: str, item: Item) -> None:
        """Consider an item.

        Args:
            kind: What it is shown among, such as its status.
            urgency: Sorts the items of a kind, the most urgent first.
            name: Unlike that of any other item.
        """
        of_kind = self._kinds.setdefault(kind, _Kind())
        _keep(of_kind.urgent, (urgency, name, item), self._urgent)
        # As many more as may turn out to be shown as urgent ones.
        place = hashlib.blake2b(name.encode(), digest_size=8).digest()
        _keep(of_kind.sampled, (place, name, item), self._urgent + self._sampled)

    def chosen(self, photos: Callable[[Item], int] = lambda _: 1) -> list[Item]:
        """The items to show: of each kind the most urgent, and a sample, until each has as many photographs as it may."""
        found: list[Item] = []
        for of_kind in self._kinds.values():
            urgent = _first([(name, item) for _, name, item in of_kind.urgent], self._urgent, photos)
            others = [(name, item) for _, name, item in of_kind.sampled if name not in urgent]
            found += [*urgent.values(), *_first(others, self._sampled, photos).values()]
        return found


def _keep(kept: list[tuple[Order, str, Item]], new: tuple[Order, str, Item], most: int) -> None:
    """Insert into a sorted list, whose last item goes where it would be longer than `most`."""
    if len(kept) == most and not new[:2] < kept[-1][:2]:
        return
    insort(kept, new, key=lambda one: one[:2])
    del kept[most:]


def _first(items: list[tuple[str, Item]], most: int, photos: Callable[[Item], int]) -> dict[str, Item]:
    """The first items by name, until they have `most` photographs."""
    found: dict[str, Item] = {}
    held = 0
    for name, item in items:
        if held >= most:
            break
        found[name] = item
        held += photos(item)
    return found
