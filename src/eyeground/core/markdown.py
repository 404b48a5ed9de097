"""Tables as Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table.

    >>> markdown_table(["output", "n"], [["a|b", 3]])
    ['| output | n |', '| --- | --- |', '| a\\\\|b | 3 |']
    """
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(markdown_cell(cell) for cell in line) + " |" for line in lines]


def markdown_cell(text: object) -> str:
    """Text on one line, in which a pipe ends no cell."""
    return str(text).replace("|", "\\|").replace("\n", " ")
