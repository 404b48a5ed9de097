"""Reporting guidelines, item by item: answered by the report, partly answered, or left to the author.

An item is answered only if every section that it needs is in the report and shows something. The files in `guidelines/`
name those sections, so a guideline is corrected without code.
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

PROVENANCE = "provenance"  # a topic that every report covers
FILES = ("stard_ai.yaml", "tripod_ai.yaml", "claim.yaml")
# Sections that answer in text alone; any other without a table or a figure only says why it has none.
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
    author: str = Field(description="What the author must write unless it is answered.")


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
    """How a report answers one item; `sections` are the keys of those that do."""

    item: Item
    status: Status
    sections: tuple[str, ...]


@dataclass(frozen=True)
class Checklist:
    """A guideline with a report's answers under each heading."""

    guideline: Guideline
    groups: tuple[tuple[str, tuple[Answer, ...]], ...]

    @property
    def counts(self) -> dict[Status, int]:
        """Items of each status, 0 included."""
        found = Counter(answer.status for _, answers in self.groups for answer in answers)
        return {status: found[status] for status in Status}


@functools.cache
def guidelines() -> tuple[Guideline, ...]:
    """STARD-AI, TRIPOD+AI and CLAIM (2024 update)."""
    folder = resources.files("eyeground.evaluation.reporting") / "guidelines"
    # libyaml, where PyYAML was built with it, is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    texts = ((folder / name).read_text(encoding="utf-8") for name in FILES)
    return tuple(Guideline.model_validate(yaml.load(text, Loader=loader)) for text in texts)


def topics_of(sections: Sequence[Section]) -> frozenset[str]:
    """What a report covers: `provenance`, keys of sections, and `methods:part` for each part of the methods.

    A section without table, figure or picture covers nothing, unless it answers in text.
    """
    topics = {PROVENANCE}
    for section in sections:
        if section.tables or section.figures or section.gallery or (section.key in WRITTEN and section.paragraphs):
            topics.add(section.key)
        if isinstance(section, MethodsSection):
            topics |= {f"{section.key}:{part}" for part in section.parts}
    return frozenset(topics)


def assess(guideline: Guideline, topics: Collection[str]) -> Checklist:
    """Check a guideline against the topics of a report."""
    return Checklist(
        guideline,
        tuple((group.heading, tuple(_answer(item, topics) for item in group.items)) for group in guideline.groups),
    )


def assess_all(sections: Sequence[Section]) -> tuple[Checklist, ...]:
    """Check every guideline against the sections of a report."""
    topics = topics_of(sections)
    return tuple(assess(guideline, topics) for guideline in guidelines())


def as_json(checklists: Sequence[Checklist]) -> dict[str, Any]:
    """The content of `checklist.json`."""
    return {"format": 1, "checklists": [_checklist_as_json(checklist) for checklist in checklists]}


def _answer(item: Item, topics: Collection[str]) -> Answer:
    covered = [topic for topic in (*item.answered_by, *item.partly_by) if topic in topics]
    status = Status.PARTLY if covered else Status.AUTHOR
    if item.answered_by and all(topic in topics for topic in item.answered_by):
        status, covered = Status.ANSWERED, list(item.answered_by)
    return Answer(item, status, tuple(dict.fromkeys(topic.partition(":")[0] for topic in covered)))


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
