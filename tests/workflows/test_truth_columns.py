"""Which label column is the truth of which output: matched by name, else asked for or reported."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.data.manifest import Manifest, validated
from eyeground.errors import UserError
from eyeground.workflows.truth_columns import match_truths

GRADED = Target(name="diabetic_retinopathy_grade", kind="ordinal", classes=("0", "1", "2"))
TARGETS = (Target(name="abnormal"), GRADED)
FIRST, SECOND = GRADED.outputs


def manifest_of(**labels: object) -> Manifest:
    rows = len(next(iter(labels.values())))  # type: ignore[arg-type]
    named = {"photo": [f"{row}.jpg" for row in range(rows)], "patient": [str(row) for row in range(rows)]}
    return validated(pd.DataFrame(named | labels), "table")


def test_a_yes_or_no_column_is_the_first_step_of_the_grades_of_its_name() -> None:
    found = match_truths(manifest_of(diabetic_retinopathy=["yes", "no", None]), TARGETS)
    np.testing.assert_array_equal(found.table[FIRST], [1, 0, np.nan])
    assert found.table[SECOND].isna().all() and found.table["abnormal"].isna().all()
    assert found.used == {"diabetic_retinopathy"}
    assert FIRST in found.messages[0] and SECOND in found.messages[1] and "abnormal" in found.messages[1]


def test_grades_are_the_truth_of_the_output_that_has_their_name_alone() -> None:
    found = match_truths(manifest_of(diabetic_retinopathy_grade=[0, 3, None]), [Target(name="diabetic_retinopathy")])
    np.testing.assert_array_equal(found.table["diabetic_retinopathy"], [0, 1, np.nan])


@given(st.lists(st.sampled_from([0, 1, 2, None]), min_size=1, max_size=8))
def test_the_column_of_the_targets_own_name_goes_before_any_other(grades: list[int | None]) -> None:
    both = manifest_of(diabetic_retinopathy_grade=grades, diabetic_retinopathy=[0] * len(grades))
    found = match_truths(both, TARGETS)
    assert found.used == {"diabetic_retinopathy_grade"}
    assert found.table[[FIRST, SECOND]].dropna().sum(axis=1).tolist() == [
        grade for grade in grades if grade is not None
    ]


@pytest.mark.parametrize("name", ["Abnormal", "ABNORMAL "])
def test_capitals_and_blanks_of_a_column_do_not_matter(name: str) -> None:
    assert match_truths(manifest_of(**{name: [1, 0]}), TARGETS).table["abnormal"].tolist() == [1, 0]


def test_grades_under_the_name_of_the_disease_are_asked_about() -> None:
    graded = manifest_of(diabetic_retinopathy=[0, 2, 1])
    with pytest.raises(UserError, match="--truth diabetic_retinopathy_grade=diabetic_retinopathy"):
        match_truths(graded, TARGETS)
    found = match_truths(graded, TARGETS, {"diabetic_retinopathy_grade": "diabetic_retinopathy"})
    assert found.table[SECOND].tolist() == [0, 1, 0]


def test_what_is_given_goes_before_names_and_the_rest_is_reported() -> None:
    found = match_truths(
        manifest_of(abnormal=[0, 0], referable=[1, 0], race=["a", "b"]), TARGETS, {SECOND: "referable"}
    )
    assert found.table[SECOND].tolist() == [1, 0] and found.table[FIRST].isna().all()
    assert found.used == {"abnormal", "referable"}
    assert "race" in found.messages[-1] and "--truth" in found.messages[-1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"abnormla": "abnormal"}, "no output 'abnormla'.*did you mean 'abnormal'"),
        ({"abnormal": "abnormla"}, "no label 'abnormla'.*did you mean 'abnormal'"),
        ({FIRST: "race"}, "label 'race' is 'a'.*expects 0, 1"),
    ],
)
def test_what_is_given_has_to_be_there(given: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        match_truths(manifest_of(abnormal=[0, 1], race=["a", "b"]), TARGETS, given)


def test_grades_say_nothing_of_an_output_that_means_health_or_bears_words() -> None:
    graded = manifest_of(diabetic_retinopathy_grade=[0, 2])
    healthy = Target(name="diabetic_retinopathy", healthy="1")
    worded = Target(name="diabetic_retinopathy", classes=("none", "treated"))
    for target in (healthy, worded):
        assert match_truths(graded, [target]).table.isna().all(axis=None)
