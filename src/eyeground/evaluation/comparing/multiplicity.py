"""Holm's adjustment of several p-values, which holds whatever the tests have in common."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Adjust p-values for their number.

    Args:
        p_values: In 0 to 1; None where there was no test, which then counts for none.

    Returns:
        In the same order; compare each with the level (0.05) as it is.

    References:
        Holm, Scandinavian Journal of Statistics 6 (1979) 65.

    >>> holm([0.01, 0.04, None, 0.03])
    (0.03, 0.06, None, 0.06)
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[place] = largest
    return tuple(adjusted)
