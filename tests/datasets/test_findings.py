"""Invariants of the vocabularies and of combining words into labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.datasets.findings import OPEN, vocabulary
from eyeground.errors import UserError

NAMES = ("odir5k", "jsiec", "rfmid")
ODIR = vocabulary("odir5k")


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_a_whole_number_or_open(name: str) -> None:
    for word, cells in vocabulary(name).words.items():
        for label, cell in cells.items():
            assert cell == OPEN or cell.isdigit(), f"{name}: {word}: {label}"


@pytest.mark.parametrize("name", NAMES)
def test_a_word_that_names_a_disease_makes_the_eye_abnormal(name: str) -> None:
    for word, cells in vocabulary(name).words.items():
        diseases = [label for label, cell in cells.items() if label != "abnormal" and cell not in (OPEN, "0")]
        if diseases:
            assert cells["abnormal"] == "1", word


@given(st.lists(st.sampled_from(sorted(ODIR.words)), max_size=5))
def test_labels_do_not_depend_on_the_order_of_words(words: list[str]) -> None:
    assert ODIR.labels_of(words, True) == ODIR.labels_of(words[::-1], True)


@given(st.lists(st.sampled_from(sorted(ODIR.words)), max_size=4), st.sampled_from(sorted(ODIR.words)))
def test_one_more_word_never_takes_a_disease_away(words: list[str], another: str) -> None:
    before, after = ODIR.labels_of(words, True), ODIR.labels_of([*words, another], True)
    for label, value in before.items():
        if value:
            assert (after[label] or 0) >= value


@given(st.lists(st.sampled_from(sorted(ODIR.words)), max_size=4))
def test_nothing_is_negative_where_silence_says_nothing(words: list[str]) -> None:
    labels = ODIR.labels_of(words, unmentioned_is_absent=False)
    stated = {label for word in words for label, cell in ODIR.words[word].items() if cell != OPEN}
    assert {label for label, value in labels.items() if value is not None} == stated


@pytest.mark.parametrize(
    ("words", "label", "expected"),
    [
        (["normal fundus"], "abnormal", 0),
        (["normal fundus", "lens dust"], "abnormal", 0),
        (["normal fundus", "epiretinal membrane"], "abnormal", 1),
        (["low image quality"], "abnormal", None),
        (["low image quality"], "glaucoma", None),
        (["no fundus image"], "diabetic_retinopathy_grade", None),
        (["suspected glaucoma"], "glaucoma", None),
        (["suspected glaucoma"], "glaucoma_suspect", 1),
        (["glaucoma"], "glaucoma_suspect", None),
        (["drusen"], "amd", 0),
        (["laser spot"], "diabetic_retinopathy", None),
        (["laser spot", "severe nonproliferative retinopathy"], "diabetic_retinopathy", 1),
        (["laser spot", "severe nonproliferative retinopathy"], "diabetic_retinopathy_grade", 3),
        (["diabetic retinopathy"], "diabetic_retinopathy_grade", None),
        (["old central retinal vein occlusion"], "retinal_vein_occlusion", 1),
        (["cataract"], "diabetic_retinopathy_grade", 0),
        ([], "abnormal", None),
    ],
)
def test_odir_words_mean_what_the_docs_say(words: list[str], label: str, expected: int | None) -> None:
    assert ODIR.labels_of(words, unmentioned_is_absent=True)[label] == expected


def test_an_unknown_word_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(
        UserError, match=r"list\.csv: 'cataracts' \(did you mean 'cataract'\?\) not in the vocabulary of odir5k"
    ):
        ODIR.require(["cataract", "cataracts"], "list.csv")
