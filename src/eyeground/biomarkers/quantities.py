"""What is measured, in which unit: the columns of tables and the entries of JSON files; see docs/biomarkers.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

PIXELS, RATIO, DEGREES, DIAMETERS, PER_AREA, NUMBER = (
    "px",
    "",
    "degrees",
    "disc diameters",
    "1 / disc diameter²",
    "count",
)
IN_DIAMETERS, IN_MM = "_disc_diameters", "_mm"
LOW, HIGH = "_low", "_high"


@dataclass(frozen=True)
class Quantity:
    """One measurement.

    Attributes:
        value: The measured number.
        unit: Of value and interval; empty of a ratio.
        low, high: A 95 % interval, where one is known.
    """

    value: float
    unit: str = RATIO
    low: float | None = None
    high: float | None = None


def lengths(name: str, pixels: float, disc_diameter: float | None, mm_per_pixel: float | None) -> dict[str, Quantity]:
    """A length in pixels of the photograph and, where they are known, in disc diameters and mm."""
    found = {name: Quantity(pixels, PIXELS)}
    if disc_diameter is not None:
        found[name + IN_DIAMETERS] = Quantity(pixels / disc_diameter, DIAMETERS)
    if mm_per_pixel is not None:
        found[name + IN_MM] = Quantity(pixels * mm_per_pixel, "mm")
    return found


def cells(quantities: Mapping[str, Quantity]) -> dict[str, float]:
    """Quantities as cells of a table's row; an interval takes two further columns."""
    return dict(_cells(quantities))


def _cells(quantities: Mapping[str, Quantity]) -> Iterator[tuple[str, float]]:
    for name, quantity in quantities.items():
        yield name, quantity.value
        if quantity.low is not None and quantity.high is not None:
            yield name + LOW, quantity.low
            yield name + HIGH, quantity.high
