"""Reporting guidelines, item by item: answered by a section of the report, partly answered, or left to the author.

A checklist that is ticked by hand says what its author hoped. Here an item counts as answered only if every
section it needs is in the report and shows something; the data in `guidelines/` say which sections those are, so a
guideline is corrected without code. Most items of any guideline are about the study and not about figures. No
software can answer those, and each says in a sentence what its author must write.
"""

import functools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

import yaml
from pydantic import Field

from eyeground.config.settings import Settings
from eyeground.evaluation.reporting.methods import METHODS, MethodsSection
from eyeground.evaluation.reporting.section import Section

PROVENANCE = "provenance"
FILES = ("stard_ai.yaml", "tripod_ai.yaml", "claim.yaml")
# Sections that answer in words alone; any other without a table or a figure only says why there is none.
WRITTEN = (METHODS, "data")


class Status(StrEnum):
    """How far a report answers an item."""

    ANSWERED = "answered"
    PARTLY = "partly answered"
    AUTHOR = "author must fill"


class Item(Settings):
    """One item of a guideline, in our own words."""

    number: str = Field(description="As published.")
    topic: str = Field(description="In a few words.")
    asks: str = Field(description="What the item asks for.")
    answered_by: tuple[str, ...] = Field((), description="Topics that answer it together; empty where none can.")
    partly_by: tuple[str, ...] = Field((), description="Topics of which each answers a part.")
    author: str = Field(description="What the author must write as long as it is not answered.")


class Group(Settings):
    """Items under one heading."""

    heading: str = Field(description="As published, or several of them joined.")
    items: tuple[Item, ...] = Field(min_length=1, description="In the guideline's order.")


class Guideline(Settings):
    """A reporting guideline."""

    name: str = Field(description="Short name.")
    subject: str = Field(description="What studies it is for.")
    citation: str = Field(description="The publication the numbers are from.")
    doi: str = Field(description="Of the publication.")
    groups: tuple[Group, ...] = Field(min_length=1, description="In the guideline's order.")


@dataclass(frozen=True)
class Answer:
    """What a report says to one item.

    Attributes:
        sections: Keys of the sections that answer it, as far as they are in the report.
    """

    item: Item
    status: Status
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Checklist:
    """A guideline with a report's answers, heading by heading."""

    guideline: Guideline
    groups: tuple[tuple[str, tuple[Answer, ...]], ...]

    @property
    def counts(self) -> dict[Status, int]:
        """How many items have each status; every status occurs."""
        found = Counter(answer.status for _, answers in self.groups for answer in answers)
        return {status: found[status] for status in Status}


@functools.cache
def guidelines() -> tuple[Guideline, ...]:
    """STARD-AI, TRIPOD+AI and CLAIM (2024 update)."""
    folder = resources.files("eyeground.evaluation.reporting") / "guidelines"
    return tuple(
        Guideline.model_validate(yaml.safe_load((folder / name).read_text(encoding="utf-8"))) for name in FILES
    )


def topics_of(sections: Sequence[Section]) -> frozenset[str]:
    """What a report with these sections covers: keys of sections, and `methods:part` for what is known of the methods.

    A section without table, figure and picture covers nothing, unless it is one of those that answer in words; the report
    itself always covers `provenance`.
    """
    topics = {PROVENANCE}
    for section in sections:
        if section.tables or section.figures or section.gallery or (section.key in WRITTEN and section.paragraphs):
            topics.add(section.key)
        if isinstance(section, MethodsSection):
            topics |= {f"{section.key}:{part}" for part in section.parts}
    return frozenset(topics)


def assess(guideline: Guideline, topics: Collection[str]) -> Checklist:
    """Hold a guideline against what a report covers."""
    return Checklist(
        guideline,
        tuple((group.heading, tuple(_answer(item, topics) for item in group.items)) for group in guideline.groups),
    )


def assess_all(sections: Sequence[Section]) -> tuple[Checklist, ...]:
    """Hold every guideline against a report's sections."""
    topics = topics_of(sections)
    return tuple(assess(guideline, topics) for guideline in guidelines())


def as_json(checklists: Sequence[Checklist]) -> dict[str, Any]:
    """What goes into `checklist.json`."""
    return {"format": 1, "checklists": [_checklist_as_json(checklist) for checklist in checklists]}


def _answer(item: Item, topics: Collection[str]) -> Answer:
    covered = [topic for topic in (*item.answered_by, *item.partly_by) if topic in topics]
    sections = tuple(dict.fromkeys(topic.partition(":")[0] for topic in covered))
    if item.answered_by and all(topic in topics for topic in item.answered_by):
        topics = tuple(dict.fromkeys(topic.partition(":")[0] for topic in item.answered_by))
        return Answer(item, Status.ANSWERED, topics)
    return Answer(item, Status.PARTLY if covered else Status.AUTHOR, sections)


def _checklist_as_json(checklist: Checklist) -> dict[str, Any]:
    guideline = checklist.guideline
    return {
        "guideline": guideline.name,
        "citation": guideline.citation,
        "doi": guideline.doi,
        "counts": {str(status): count for status, count in checklist.counts.items()},
        "items": [
            {
                "heading": heading,
                "number": answer.item.number,
                "topic": answer.item.topic,
                "asks": answer.item.asks,
                "status": str(answer.status),
                "sections": list(answer.sections),
                "author": "" if answer.status is Status.ANSWERED else answer.item.author,
            }
            for heading, answers in checklist.groups
            for answer in answers
        ],
    }
