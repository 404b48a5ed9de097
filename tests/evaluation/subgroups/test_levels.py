"""Columns become levels without losing or merging a photo."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.errors import UserError
from eyeground.evaluation.subgroups.levels import AGE_BANDS, MOST_LEVELS, breakdown


def table(**columns):
    made = pd.DataFrame(columns)
    return made.assign(patient=[str(row) for row in range(len(made))])


def levels_of(made, column):
    found = breakdown(made, column)
    return [found.levels[place] for place in found.level]


def test_bands_begin_at_their_first_year_and_age_may_be_text():
    ages = [39.9, 40, 49.99, 50, 60, 69, 70, 101, None]
    expected = ["under 40", "40–49", "40–49", "50–59", "60–69", "60–69", "70 and over", "70 and over", "unknown"]
    assert levels_of(table(age=ages), "age") == expected
    assert levels_of(table(age=["39.9", "40", None]), "age") == ["under 40", "40–49", "unknown"]
    assert breakdown(table(age=[75, 20]), "age").levels == ("under 40", "70 and over")
    assert len(AGE_BANDS) == 5


@pytest.mark.parametrize("age", ["old", -3, 200])
def test_what_is_no_age_is_refused(age):
    with pytest.raises(UserError, match=r"'age' is .* years between 0 and 130"):
        breakdown(table(age=[50, age]), "age")


@given(st.lists(st.sampled_from(["a", "b", " b ", "", None, "unknown"]), min_size=1, max_size=30))
def test_every_photo_has_one_level_and_unknown_is_one_level(cells):
    made = table(device=pd.Series(cells, dtype="string"))
    found = breakdown(made, "device")
    assert (found.level >= 0).all()
    assert len(set(found.levels)) == len(found.levels)
    assert sum(np.bincount(found.level, minlength=len(found.levels))) == len(cells)
    unknown = [cell in (None, "", "unknown") for cell in cells]
    assert [found.levels[place] == "unknown" for place in found.level] == unknown
    assert "unknown" not in found.levels[:-1]


def test_numbers_are_ordered_as_numbers_and_gradable_is_told_in_words():
    assert breakdown(table(grade=[10, 9, 2]), "grade").levels == ("2", "9", "10")
    assert levels_of(table(gradable=[1, 0, None]), "gradable") == ["gradable", "ungradable", "unknown"]
    assert levels_of(table(gradable=[True, False]), "gradable") == ["gradable", "ungradable"]
    assert levels_of(table(gradable=["poor", "TRUE"]), "gradable") == ["poor", "gradable"]


def test_too_many_levels_keep_those_with_the_most_patients():
    names = [f"site {number:02}" for number in range(MOST_LEVELS + 3)]
    cells = names + names[3:]
    found = breakdown(table(site=cells), "site")
    assert found.levels == tuple(names[3:])
    assert found.not_shown == 3
    assert (found.level == -1).sum() == 3


def test_wrong_columns_are_told():
    with pytest.raises(UserError, match=r"no column 'sx' \(did you mean 'sex'\?\)"):
        breakdown(table(sex=["male"]), "sx")
    with pytest.raises(UserError, match="'focus' holds numbers with decimals"):
        breakdown(table(focus=[0.1, 0.25]), "focus")
