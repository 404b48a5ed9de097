import pytest

from eyeground.config.label_words import healthy_among, known_order, means_health


@pytest.mark.parametrize(
    "word",
    ["0", "No", "NONE", "normal", "Healthy", "negative", "absent", "No DR", "no_dr", "NoDR", "Non-Glaucoma", "non glaucoma", "without AMD", "without_retinopathy", "0 - No DR", "Non-referable", "AMD absent", "Sano", "sin retinopatía", "정상", "Normal Fundus", "Healthy Retina", "healthy_eyes", "normal_control", "1_normal", "0.0.Normal", "w/o DR", "WNL"],
)  # fmt: skip
def test_words_for_health_are_known(word: str) -> None:
    assert means_health(word)


@pytest.mark.parametrize(
    "word",
    ["1", "Glaucoma", "yes", "non-proliferative", "Nonproliferative DR", "non-exudative AMD", "normal tension glaucoma", "no grade", "not gradable", "No diagnosis", "unknown", "mild", "abnormal", "notch", "no view", "non-central involving", "Not recorded", "no consensus", "not applicable", "non-specific changes", "non-ischemic CRVO", "non-severe", "not healthy", "no normal", "foveal reflex absent", "F", "2_cataract", "0.1.Tessellated fundus"],
)  # fmt: skip
def test_words_for_a_disease_or_for_no_answer_are_not_taken_for_health(word: str) -> None:
    assert not means_health(word)


def test_a_joined_no_is_health_beside_the_class_that_it_denies() -> None:
    assert healthy_among(["NonGlaucoma", "Glaucoma"]) == ("NonGlaucoma",)
    assert healthy_among(["nonpathologic", "Glaucoma"]) == ()
    assert healthy_among(["Normal", "Healthy", "AMD"]) == ("Normal", "Healthy")
    assert healthy_among(["healthy", "not healthy"]) == ("healthy",)
    assert healthy_among(["RG", "NRG"]) == ()


@pytest.mark.parametrize(
    ("classes", "order"),
    [
        (
            ["Severe", "none", "Mild", "Proliferative", "Moderate"],
            ("none", "Mild", "Moderate", "Severe", "Proliferative"),
        ),
        (["PDR", "NPDR", "none"], ("none", "NPDR", "PDR")),
        (["PDR", "Mild NPDR", "No DR", "Severe NPDR"], ("No DR", "Mild NPDR", "Severe NPDR", "PDR")),
        (
            ["Severe", "No_DR", "Proliferate_DR", "Mild", "Moderate"],
            ("No_DR", "Mild", "Moderate", "Severe", "Proliferate_DR"),
        ),
        (["2 - Moderate", "0 - No DR", "1 - Mild"], ("0 - No DR", "1 - Mild", "2 - Moderate")),
        (["late", "Normal", "early AMD"], ("Normal", "early AMD", "late")),
        (["10", "9", "0"], ("0", "9", "10")),
        (["none", "some", "much"], None),
        (["mild", "moderate"], ("mild", "moderate")),
        (["none", "NPDR", "mild"], None),
    ],
)
def test_only_orders_that_are_known_are_given(classes: list[str], order: tuple[str, ...] | None) -> None:
    assert known_order(classes) == order
