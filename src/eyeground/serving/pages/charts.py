"""Small charts of shares over weeks, as numbers that a template draws in SVG; a table beside each holds the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from eyeground.core.proportions import wilson_interval

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 420, 170, 40, 10, 24, 10


@dataclass(frozen=True)
class WeekShare:
    """Of `total` photographs of a week, `count`; `words` names the week."""

    words: str
    count: int
    total: int

    @property
    def share(self) -> float:
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %."""
        return wilson_interval(self.count, self.total)


@dataclass(frozen=True)
class Dot:
    """A week's share in the chart, its interval, and all in words."""

    x: float
    y: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Chart:
    """A chart in pixels: dots, the line between them, marks of the axis with their words, first and last week."""

    dots: tuple[Dot, ...]
    line: str
    ticks: tuple[tuple[float, str], ...]
    ends: tuple[str, str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def chart_of(weeks: Sequence[WeekShare]) -> Chart | None:
    """The chart of some weeks; None where none has a photograph. The axis ends at the next of 10, 20, 50 or 100 %."""
    shown = [week for week in weeks if week.total]
    if not shown:
        return None
    top = next(
        limit for limit in (0.1, 0.2, 0.5, 1.0) if limit >= max(week.interval[1] for week in shown) or limit == 1.0
    )
    step = (WIDTH - LEFT - RIGHT) / max(1, len(shown) - 1)

    def y(share: float) -> float:
        return round(HEIGHT - BOTTOM - min(1.0, share / top) * (HEIGHT - TOP - BOTTOM), 1)

    dots = tuple(
        Dot(
            x=round(LEFT + place * step if len(shown) > 1 else (WIDTH + LEFT) / 2, 1),
            y=y(week.share),
            low=y(week.interval[0]),
            high=y(week.interval[1]),
            words=f"{week.words}: {week.count} of {week.total}",
        )
        for place, week in enumerate(shown)
    )
    ticks = tuple((y(top * part), f"{100 * top * part:g} %") for part in (0.0, 0.5, 1.0))
    return Chart(dots, " ".join(f"{dot.x},{dot.y}" for dot in dots), ticks, (shown[0].words, shown[-1].words))
