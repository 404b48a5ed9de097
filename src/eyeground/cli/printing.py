"""What commands print: lines as they are, whatever the names in them."""

from collections.abc import Mapping

from eyeground.core.console import Console

MOST_LEFT_OUT_SHOWN = 5


def print_lines(*lines: str) -> None:
    """Print lines without markup or highlighting; the terminal wraps them."""
    for line in lines:
        Console(soft_wrap=True).print(line, markup=False, highlight=False)


def print_left_out(reasons: Mapping[str, str]) -> None:
    """Print the first photos that were left out, with the reason of each."""
    print_lines(*(f"left out: {photo}: {reason}" for photo, reason in list(reasons.items())[:MOST_LEFT_OUT_SHOWN]))
