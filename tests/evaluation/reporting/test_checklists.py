"""An item is answered only by sections that are there, and the guidelines are complete."""

import itertools
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.evaluation.reporting.checklists import (
    PROVENANCE,
    Status,
    as_json,
    assess,
    assess_all,
    guidelines,
    topics_of,
)
from eyeground.evaluation.reporting.methods import PARTS, MethodsSection
from eyeground.evaluation.reporting.section import Section, TableBlock

SECTIONS = [
    "flow",
    "data",
    "discrimination",
    "operating_points",
    "calibration",
    "decision_curve",
    "subgroups",
    "shortcuts",
    "external",
    "robustness",
    "failures",
    "comparison",
    "methods",
    "provenance",
]
TOPICS = sorted({*SECTIONS, *(f"methods:{part}" for part in PARTS)})
ITEMS = [item for guideline in guidelines() for group in guideline.groups for item in group.items]
RANK = {Status.AUTHOR: 0, Status.PARTLY: 1, Status.ANSWERED: 2}


def shown(key: str) -> Section:
    return Section(key, key, ("Text.",), (TableBlock(key, pd.DataFrame({"a": ["1"]}), "Caption."),))


def statuses(topics) -> list[Status]:
    return [
        answer.status
        for guideline in guidelines()
        for _, answers in assess(guideline, topics).groups
        for answer in answers
    ]


@pytest.mark.parametrize(
    ("name", "last", "lettered"),
    [
        ("STARD-AI", 40, {15: "abcd", 16: "abc", 17: "ab", 26: "ab", 40: "ab"}),
        (
            "TRIPOD+AI",
            27,
            {
                3: "abc",
                5: "ab",
                6: "abc",
                8: "abc",
                9: "abc",
                12: "abcdefg",
                18: "abcdef",
                20: "abc",
                23: "ab",
                27: "abc",
            },
        ),
        ("CLAIM 2024", 44, {}),
    ],
)
def test_a_guideline_has_the_numbers_of_the_published_one(name, last, lettered):
    guideline = next(guideline for guideline in guidelines() if guideline.name == name)
    found = [item.number for group in guideline.groups for item in group.items]
    expected = [f"{n}{letter}" for n in range(1, last + 1) for letter in lettered.get(n, [""])]
    assert found == expected


def test_every_guideline_is_cited_and_every_item_is_described():
    for guideline in guidelines():
        assert re.match(r"10\.\d{4,}/\S+", guideline.doi)
        assert re.search(r"20\d\d", guideline.citation)
    for item in ITEMS:
        for text in (item.topic, item.asks, item.author):
            assert text.strip()
        assert item.asks.endswith(".") and item.author.endswith(".")


def test_items_name_only_topics_that_a_report_can_have():
    named = {topic for item in ITEMS for topic in (*item.answered_by, *item.partly_by)}
    assert named <= set(TOPICS)


def test_an_empty_report_answers_nothing():
    topics = topics_of(())
    assert topics == {PROVENANCE}
    found = statuses(topics)
    assert Status.ANSWERED not in found
    partly = [item for item, status in zip(ITEMS, found, strict=True) if status is Status.PARTLY]
    assert partly and all(PROVENANCE in (*item.answered_by, *item.partly_by) for item in partly)


def test_a_full_report_still_leaves_to_the_author_what_no_software_can_know():
    found = dict(zip([(item.topic, item.number) for item in ITEMS], statuses(TOPICS), strict=True))
    for topic, status in found.items():
        if topic[0] in ("Ethics", "Ethical approval", "Funding", "Registration", "Limitations", "Involvement", "Title"):
            assert status is Status.AUTHOR
    assert Status.ANSWERED in found.values()


@given(st.sets(st.sampled_from(TOPICS)), st.sampled_from(TOPICS))
def test_more_in_the_report_never_answers_less(topics, another):
    for before, after in zip(statuses(topics), statuses(topics | {another}), strict=True):
        assert RANK[after] >= RANK[before]


@given(st.sets(st.sampled_from(TOPICS)))
def test_answered_means_that_every_topic_it_needs_is_there(topics):
    for item, status in zip(ITEMS, statuses(topics), strict=True):
        needed = set(item.answered_by)
        assert (status is Status.ANSWERED) == (bool(needed) and needed <= topics)
        if status is Status.AUTHOR:
            assert not topics & {*item.answered_by, *item.partly_by}


def test_a_section_that_only_says_why_it_is_empty_answers_nothing():
    empty = Section("calibration", "Calibration", ("Not estimable: no validation photos.",))
    assert "calibration" not in topics_of((empty,))
    assert "calibration" in topics_of((shown("calibration"),))


def test_methods_answer_only_by_the_parts_they_state():
    section = MethodsSection("methods", "Methods", ("Model. A network.",), parts=("model",))
    assert topics_of((section,)) == {"methods", "methods:model", PROVENANCE}
    claim = next(checklist for checklist in assess_all((section,)) if checklist.guideline.name == "CLAIM 2024")
    found = {answer.item.number: answer.status for _, answers in claim.groups for answer in answers}
    assert found["27"] is Status.ANSWERED
    assert found["22"] is Status.PARTLY
    assert found["25"] is Status.AUTHOR


def test_an_answer_names_only_sections_of_the_report():
    for count in (1, 2):
        for keys in itertools.combinations(SECTIONS[:-2], count):
            for checklist in assess_all([shown(key) for key in keys]):
                for _, answers in checklist.groups:
                    for answer in answers:
                        assert set(answer.sections) <= {*keys, PROVENANCE}
                        assert bool(answer.sections) == (answer.status is not Status.AUTHOR)


def test_the_file_leaves_a_hint_wherever_something_is_left_to_do():
    content = json.loads(json.dumps(as_json(assess_all([shown("discrimination"), shown("failures")]))))
    assert [checklist["guideline"] for checklist in content["checklists"]] == ["STARD-AI", "TRIPOD+AI", "CLAIM 2024"]
    for checklist in content["checklists"]:
        for item in checklist["items"]:
            assert (item["author"] == "") == (item["status"] == "answered")
        counted = [item["status"] for item in checklist["items"]]
        assert checklist["counts"] == {str(status): counted.count(status) for status in Status}
