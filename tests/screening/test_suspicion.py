from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.targets import Target
from eyeground.screening.suspicion import likely_grades, suspected

GRADE = Target(name="diabetic_retinopathy_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
TARGETS = (Target(name="abnormal"), GRADE, Target(name="amd"), Target(name="glaucoma"))


def test_diseases_are_named_as_clinicians_do_and_the_likeliest_comes_first() -> None:
    chances = dict.fromkeys([output for target in TARGETS for output in target.outputs], 0.1)
    chances |= {"glaucoma": 0.9, GRADE.outputs[0]: 0.7, GRADE.outputs[1]: 0.6, "amd": 0.5}
    reached = ["abnormal", *GRADE.outputs[:2], "amd", "glaucoma"]
    assert suspected(TARGETS, reached, chances) == (
        "glaucoma",
        "diabetic retinopathy, moderate or worse",
        "age-related macular degeneration",
    )


def test_the_highest_grade_has_nothing_worse() -> None:
    chances = dict(zip(GRADE.outputs, (0.9, 0.9, 0.8, 0.7), strict=True))
    assert suspected([GRADE], GRADE.outputs, chances) == ("diabetic retinopathy, proliferative",)


def test_abnormal_alone_is_said_to_be_of_no_named_kind() -> None:
    assert "no named kind" in suspected(TARGETS, ["abnormal"], {"abnormal": 0.9})[0]
    assert suspected(TARGETS, [], {}) == ()


def test_classes_are_said_by_their_own_words() -> None:
    kind = Target(name="class", kind="multiclass", classes=("Normal", "Drusen", "2"), healthy="Normal")
    chances = {"class=Normal": 0.1, "class=Drusen": 0.5, "class=2": 0.4}
    assert suspected([kind], ["class=Normal", "class=Drusen", "class=2"], chances) == ("Drusen", "class 2")
    declared = Target(name="class", classes=("Non-Glaucoma", "Glaucoma"), healthy="Non-Glaucoma")
    assert suspected([declared], ["class=Glaucoma"], {"class=Glaucoma": 0.9}) == ("Glaucoma",)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_the_grade_that_is_said_is_the_most_probable(chances: list[float]) -> None:
    falling = dict(zip(GRADE.outputs, sorted(chances, reverse=True), strict=True))
    at_least = [1.0, *falling.values(), 0.0]
    shares = [one - other for one, other in pairwise(at_least)]
    words = ("none", "mild", "moderate", "severe", "proliferative")
    [sentence] = likely_grades([GRADE], [GRADE.outputs[0]], falling)
    said = sentence.split("most probably ")[1].split(" (")[0]
    assert shares[words.index(said)] == max(shares)


def test_a_class_that_is_a_mere_degree_keeps_the_name_of_its_disease() -> None:
    dr = Target(name="dr", kind="multiclass", classes=("0_none", "1_mild", "2_moderate"), healthy="0_none")
    assert suspected([dr], ["dr=2_moderate"], {"dr=2_moderate": 0.9}) == ("diabetic retinopathy, moderate",)
    kind = Target(name="class", kind="multiclass", classes=("1_normal", "2_cataract", "2_glaucoma"), healthy="1_normal")
    assert suspected([kind], ["class=2_cataract"], {"class=2_cataract": 0.9}) == ("cataract",)
