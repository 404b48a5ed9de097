"""Rooms, floors, circles and lines of `src/eyeground`; run it with --write after moving a module, to renew docs/architecture.md."""

import argparse
from collections import Counter
from configparser import ConfigParser
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "eyeground"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- Begin: written by scripts/house.py -->", "<!-- End: written by scripts/house.py -->"


def rooms() -> list[str]:
    """Files and folders at the top of the package."""
    return sorted(path.name for path in SOURCE.iterdir() if path.name != "__pycache__")


def floors() -> list[str]:
    """Lines of the contract that import-linter checks, from the top down."""
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return contracts["importlinter:contract:floors"]["layers"].split("\n")[1:]


def imports() -> set[tuple[str, str]]:
    """Every pair of modules of which the first imports the second while it runs; asking the package for its version aside."""
    graph = grimp.build_graph("eyeground", exclude_type_checking_imports=True, cache_dir=None)
    return {
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported != "eyeground"
    }


def circles(arrows: set[tuple[str, str]]) -> list[set[str]]:
    """Groups of names that reach each other along the arrows."""
    names = sorted({name for arrow in arrows for name in arrow})
    place = {name: index for index, name in enumerate(names)}
    pairs = np.array([(place[start], place[end]) for start, end in arrows if start != end])
    matrix = csr_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    _, component = connected_components(matrix, connection="strong")
    sizes = Counter(component)
    return [{name for name in names if component[place[name]] == one} for one in sizes if sizes[one] > 1]


def between_rooms(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows of modules as arrows of the rooms that they stand in."""
    pairs = {(start.split(".")[1], end.split(".")[1]) for start, end in arrows if start != "eyeground"}
    return {(start, end) for start, end in pairs if start != end}


def lines() -> int:
    """Lines of all Python files of the package."""
    return sum(len(file.read_bytes().splitlines()) for file in SOURCE.rglob("*.py"))


def drawing(arrows: set[tuple[str, str]]) -> str:
    """What docs/architecture.md shows: floors from the top down, and what each room imports."""
    reached = between_rooms(arrows)
    names = {name for arrow in reached for name in arrow}
    rows = [
        "| floor | room | imports |",
        "| --- | --- | --- |",
    ]
    for height, floor in zip(range(len(floors()), 0, -1), floors(), strict=True):
        for room in sorted(part.strip(" ()") for part in floor.split("|")):
            if room not in names:
                rows.append(f"| {height} | `{room}` | planned |")
                continue
            below = ", ".join(sorted(end for start, end in reached if start == room)) or "none"
            rows.append(f"| {height} | `{room}` | {below} |")
    return "\n".join([BEGIN, "", f"{len(reached)} arrows between rooms.", "", *rows, "", END])


def page(text: str, arrows: set[tuple[str, str]]) -> str:
    """docs/architecture.md with its drawing as the house is now."""
    before, rest = text.split(BEGIN)
    return before + drawing(arrows) + rest.split(END)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="draw the house in docs/architecture.md")
    write = parser.parse_args().write
    arrows = imports()
    found = [*circles(arrows), *circles(between_rooms(arrows))]
    for circle in found:
        print("circle:", ", ".join(sorted(circle)))
    if write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), arrows), encoding="utf-8")
    print(f"rooms {len(rooms())} floors {len(floors())} circles {len(found)} lines {lines()}")


if __name__ == "__main__":
    main()
