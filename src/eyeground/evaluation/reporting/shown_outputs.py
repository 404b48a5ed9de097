"""Which outputs figures show where there are too many to read: those with the most positive photos."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

MOST_SHOWN = 12


class HasPositives(Protocol):
    """An output's results."""

    @property
    def positives(self) -> int:
        """Positive photos."""
        ...


Output = TypeVar("Output", bound=HasPositives)


def shown_outputs(outputs: Sequence[Output]) -> list[Output]:
    """At most `MOST_SHOWN` outputs, in their order."""
    ranked = sorted(range(len(outputs)), key=lambda place: -outputs[place].positives)
    return [outputs[place] for place in sorted(ranked[:MOST_SHOWN])]


def how_many_shown(outputs: Sequence[Output]) -> str:
    """A sentence for the caption; empty where all are shown.

    Ends with a blank, so that another sentence may follow.
    """
    if len(outputs) <= MOST_SHOWN:
        return ""
    return f"Of {len(outputs)} outputs, the {MOST_SHOWN} with the most positive photos are shown; the tables beside the report hold all. "
