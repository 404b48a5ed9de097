import pytest

from eyeground.config.operating_point import DecisionRule, Share
from eyeground.config.targets import Target
from eyeground.screening.decision import Rule
from eyeground.screening.suspicion import describe_disease
from eyeground.screening.words import (
    describe_origin,
    describe_performance,
    describe_quality,
    describe_strength,
    headline,
)


def decision(rule: str, chosen_on: str = "validation", **more: object) -> DecisionRule:
    return DecisionRule(
        rule=rule, thresholds={"abnormal": 0.4}, chosen_on=chosen_on, positives=1200, negatives=60, **more
    )


@pytest.mark.parametrize(
    "rule, said",
    [
        ("youden", "as high as can be"),
        ("sensitivity=0.95", "95 of 100 abnormal photographs are found"),
        ("specificity=0.9", "90 of 100 normal photographs are passed"),
        ("specificity=0.975", "97.5 of 100"),
        ("something=else", "something=else"),
    ],
)
def test_the_origin_of_thresholds_is_a_sentence_that_needs_no_statistics(rule, said):
    words = describe_origin(decision(rule))
    assert said in words and "1,200 abnormal and 60 normal photographs" in words
    assert "youden" not in words.lower()


def test_thresholds_given_by_hand_say_so():
    assert "by hand" in describe_origin(decision("threshold=0.3", "given"))


def test_thresholds_of_a_site_say_so_also_where_no_photograph_was_labelled():
    share = Share(value=0.8, low=0.7, high=0.9, photos=50)
    labelled = decision("youden", "site", sensitivity=share, specificity=share)
    assert "of the place where it is used" in describe_origin(labelled)
    assert "of the place where it is used it found" in describe_performance(labelled)
    assert "unlabelled" in describe_origin(labelled.model_copy(update={"positives": 0, "negatives": 0}))


def test_what_a_rule_did_on_test_photographs_is_said_with_its_interval_or_that_nobody_measured_it():
    share = Share(value=0.8, low=0.7, high=0.9, photos=50)
    assert "80 % of 50 abnormal ones (70 % to 90 %)" in describe_performance(
        decision("youden", sensitivity=share, specificity=share)
    )
    assert "not measured" in describe_performance(decision("youden"))


@pytest.mark.parametrize(
    "status, said",
    [
        ("abnormal", "suspected: glaucoma"),
        ("normal", "nothing suspected"),
        ("ungradable", "retake: too dark"),
        ("unfamiliar", "look at it yourself: too dark"),
        ("unreadable", "check the file: too dark"),
    ],
)
def test_a_result_is_said_in_one_line(status, said):
    assert headline(status, "glaucoma", "too dark; retake the photograph") == said or "too dark" in said


def test_findings_are_named_as_clinicians_do_and_never_by_signs():
    grade = Target(name="diabetic_retinopathy_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
    kinds = Target(name="kind", kind="multiclass", classes=("normal", "amd"), healthy="normal")
    targets = (Target(name="abnormal"), grade, kinds)
    outputs = tuple(output for target in targets for output in target.outputs)
    rule = Rule(outputs, decision("youden"), targets=targets)
    words = [describe_disease(rule.targets, output) for output in outputs]
    assert words[:3] == [
        "any abnormality",
        "diabetic retinopathy, mild or worse",
        "diabetic retinopathy, moderate or worse",
    ]
    assert words[-1] == "age-related macular degeneration"
    assert not set("≥=>_") & set("".join(words))


@pytest.mark.parametrize(
    "measure, value, word",
    [
        ("focus", 0.03, "good"),
        ("focus", 0.01, "fair"),
        ("focus", -0.01, "poor"),
        ("illumination", 0.5, "good"),
        ("illumination", 0.1, "poor"),
        ("illumination", 0.95, "poor"),
        ("contrast", 0.3, "good"),
        ("completeness", 0.5, "poor"),
    ],
)
def test_quality_is_said_in_words(measure, value, word):
    usual = {"focus": 0.03, "illumination": 0.5, "contrast": 0.3, "completeness": 1.0}
    said = dict(zip(usual, describe_quality(usual | {measure: value}), strict=True))
    assert said[measure][1:] == (word, value)


def test_of_a_photograph_that_could_not_be_read_no_quality_is_said():
    assert describe_quality(dict.fromkeys(("focus", "illumination", "contrast", "completeness"))) == []


def test_strength_grows_with_the_scale():
    assert [describe_strength(scale) for scale in (2.0, 3.0, 8.0, 20.0)] == [
        "weak",
        "moderate",
        "strong",
        "very strong",
    ]
