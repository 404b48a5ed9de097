"""From the words of a dataset's annotators to labels, by a table that anyone can check: `vocabularies/<dataset>.csv`.

A row per word, a column per label; a cell is a value, `?` (the word leaves the label open: a suspicion, a treated eye) or
empty. A word without a row is an error, so that a new release of a dataset never loses a disease silently.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from eyeground.core.tables import read_table
from eyeground.errors import UserError, did_you_mean

VOCABULARIES = Path(__file__).parent / "vocabularies"
OPEN = "?"


@dataclass(frozen=True)
class Vocabulary:
    """Every word of a dataset and what it says about each label.

    Attributes:
        name: The dataset.
        labels: Label columns, `abnormal` first.
        words: Word, in lower case, to its cells that are not empty, by label.
        names: Word, as published, to its name as a label of its own; empty where words get none.
    """

    name: str
    labels: tuple[str, ...]
    words: dict[str, dict[str, str]]
    names: dict[str, str]

    def unknown(self, words: Iterable[str]) -> list[str]:
        """The words without a row, each once, in alphabetical order."""
        return sorted({word for word in words if word.lower() not in self.words})

    def require(self, words: Iterable[str], place: str) -> None:
        """Check that every word has a row.

        Raises:
            UserError: Naming the words that have none.
        """
        unknown = self.unknown(words)
        if unknown:
            named = ", ".join(f"'{word}'{did_you_mean(word.lower(), self.words)}" for word in unknown[:5])
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise UserError(
                f"{place}: {named}{more} not in the vocabulary of {self.name}; "
                f"add a row for each to {VOCABULARIES / (self.name + '.csv')}"
            )

    def labels_of(self, words: Sequence[str], unmentioned_is_absent: bool) -> dict[str, int | None]:
        """Labels of one eye from the words that its annotators wrote.

        A value beats an open question, and the highest value wins.

        Args:
            words: All of them in the vocabulary (see `require`).
            unmentioned_is_absent: True where annotators listed everything they saw, so that a disease they do not name is
                absent (0), provided that they could judge the eye at all (`abnormal` is known). False where a photo was
                filed under one heading, which says nothing about other diseases.

        Returns:
            None is unknown.

        >>> odir = vocabulary("odir5k")
        >>> labels = odir.labels_of(["suspected glaucoma", "drusen"], unmentioned_is_absent=True)
        >>> labels["abnormal"], labels["glaucoma"], labels["glaucoma_suspect"], labels["cataract"]
        (1, None, 1, 0)
        """
        stated = [self.words[word.lower()] for word in words]
        values: dict[str, int | None] = {}
        for label in self.labels:
            cells = [row[label] for row in stated if label in row]
            known = [int(cell) for cell in cells if cell != OPEN]
            absent = unmentioned_is_absent and not cells and values.get("abnormal") is not None
            values[label] = max(known) if known else (0 if absent else None)
        return values


@cache
def vocabulary(name: str) -> Vocabulary:
    """Read the packaged vocabulary of a dataset."""
    table = read_table(VOCABULARIES / f"{name}.csv")
    labels = tuple(column for column in table.columns if column not in ("word", "name", "comment"))
    words = {
        str(row["word"]).lower(): {label: str(row[label]) for label in labels if pd.notna(row[label])}
        for _, row in table.iterrows()
    }
    names = dict(zip(table["word"], table["name"], strict=True)) if "name" in table else {}
    return Vocabulary(name, labels, words, names)
