"""Splits, folds and label fractions: by patient, nested, balanced, and the same whatever the order of rows."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eyeground.data.manifest import Manifest, validated
from eyeground.data.splits import (
    LABEL_FRACTIONS,
    fold_patients,
    hold_out,
    label_fraction,
    shots,
    split_patients,
)
from eyeground.errors import UserError

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}


def cohort(patients: int, seed: int = 0, prevalence: float = 0.1) -> Manifest:
    """One to four photographs of each patient; one common label, one rare, one with unknowns."""
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), random.integers(1, 5, patients))
    grade = random.integers(0, 5, len(owner)).astype(object)
    grade[random.random(len(owner)) < 0.4] = None
    table = pd.DataFrame(
        {
            "photo": [f"{number}.jpg" for number in range(len(owner))],
            "patient": [f"p{number}" for number in owner],
            "abnormal": (random.random(patients) < 0.4).astype(int)[owner],
            "rare": (random.random(patients) < prevalence).astype(int)[owner],
            "grade": grade,
        }
    )
    return validated(table, "cohort")


cohorts = st.builds(cohort, st.integers(40, 80), st.integers(0, 10_000), st.sampled_from([0.02, 0.1, 0.5]))


def photos(manifest: Manifest) -> set[str]:
    return set(manifest.table["photo"])


@given(manifest=cohorts, seed=st.integers(0, 1000))
def test_no_patient_is_on_both_sides_of_a_split(manifest: Manifest, seed: int) -> None:
    split = split_patients(manifest, SHARES, seed=seed).table
    assert split["split"].notna().all()
    assert (split.groupby("patient")["split"].nunique() == 1).all()


@given(manifest=cohorts)
def test_held_out_folds_cover_the_training_photos_once_and_no_test_photo(manifest: Manifest) -> None:
    whole = fold_patients(split_patients(manifest, SHARES), 3)
    parts = [hold_out(whole, fold) for fold in range(3)]
    assert sorted(photo for part in parts for photo in photos(part.in_split("test"))) == sorted(
        photos(whole.in_split("train"))
    )
    for part in parts:
        assert photos(part.in_split("validation")) == photos(whole.in_split("validation"))
        assert (part.table.groupby("patient")["split"].nunique() == 1).all()
        assert len(part) + len(whole.in_split("test")) == len(whole)


def test_holding_out_says_what_is_missing() -> None:
    split = split_patients(cohort(40), SHARES)
    with pytest.raises(UserError, match="no column 'fold'; `eyeground split"):
        hold_out(split, 0)
    with pytest.raises(UserError, match="no training photo is of this fold; the manifest has 0, 1, 2"):
        hold_out(fold_patients(split, 3), 3)


@given(manifest=cohorts, folds=st.integers(2, 10))
def test_folds_partition_the_patients_evenly(manifest: Manifest, folds: int) -> None:
    table = fold_patients(manifest, folds).table
    assert (table.groupby("patient")["fold"].nunique() == 1).all()
    sizes = table.drop_duplicates("patient")["fold"].value_counts()
    assert set(sizes.index) == set(range(folds))
    assert sizes.sum() == manifest.patients
    assert sizes.max() - sizes.min() <= 1


def test_there_can_be_as_many_folds_as_patients() -> None:
    manifest = cohort(7)
    assert fold_patients(manifest, 7).table.groupby("fold")["patient"].nunique().tolist() == [1] * 7


@settings(max_examples=12)
@given(manifest=cohorts, seed=st.integers(0, 1000))
def test_each_label_fraction_holds_every_smaller_one(manifest: Manifest, seed: int) -> None:
    nested = [photos(label_fraction(manifest, fraction, seed=seed)) for fraction in LABEL_FRACTIONS]
    for smaller, larger in pairwise(nested):
        assert smaller <= larger
    assert nested[-1] == photos(manifest)


@pytest.mark.parametrize("fraction", LABEL_FRACTIONS)
def test_a_label_fraction_is_that_share_of_every_stratum(fraction: float) -> None:
    manifest = cohort(1000, prevalence=0.2)
    everyone, kept = (
        part.table.drop_duplicates("patient")["rare"].value_counts()
        for part in (manifest, label_fraction(manifest, fraction, ["rare"]))
    )
    for value in (0, 1):
        assert abs(kept[value] - fraction * everyone[value]) <= 1


@given(manifest=cohorts, fraction=st.floats(0.001, 1))
def test_a_label_fraction_holds_whole_patients_and_some_of_every_class(manifest: Manifest, fraction: float) -> None:
    part = label_fraction(manifest, fraction, ["rare"])
    kept = manifest.table["patient"].isin(part.table["patient"].unique())
    assert photos(part) == photos(manifest.where(kept))
    assert set(part.table["rare"]) == set(manifest.table["rare"])


@settings(max_examples=8)
@given(manifest=cohorts, seed=st.integers(0, 1000), data=st.data())
def test_the_outcome_does_not_depend_on_the_order_of_rows(manifest: Manifest, seed: int, data: st.DataObject) -> None:
    shuffled = validated(manifest.table.sample(frac=1, random_state=data.draw(st.integers(0, 1000))), "shuffled")
    for column, divide in (
        ("split", lambda one: split_patients(one, SHARES, seed=seed)),
        ("fold", lambda one: fold_patients(one, 5, seed=seed)),
    ):
        one, other = (divide(each).table.set_index("photo")[column].sort_index() for each in (manifest, shuffled))
        assert one.equals(other)
    assert photos(label_fraction(manifest, 0.25, seed=seed)) == photos(label_fraction(shuffled, 0.25, seed=seed))
    assert photos(shots(manifest, "abnormal", 4, seed)) == photos(shots(shuffled, "abnormal", 4, seed))


@given(seed=st.integers(0, 10_000))
def test_every_split_has_its_share_of_patients_and_of_a_rare_label(seed: int) -> None:
    patients = split_patients(cohort(600, seed=seed, prevalence=0.05), SHARES, ["rare"], seed).table
    patients = patients.drop_duplicates("patient")
    for split, share in SHARES.items():
        inside = patients["split"] == split
        assert abs(inside.sum() - 600 * share) <= 2
        assert abs(patients.loc[inside, "rare"].sum() - patients["rare"].sum() * share) <= 1


@given(seed=st.integers(0, 10_000))
def test_many_small_strata_do_not_distort_the_shares(seed: int) -> None:
    classes = [f"disease {number // 3}" for number in range(240)]
    manifest = validated(
        pd.DataFrame({"photo": [f"{n}.jpg" for n in range(240)], "patient": range(240), "diagnosis": classes}), "rare"
    )
    split = split_patients(manifest, SHARES, seed=seed).table["split"].value_counts()
    for name, share in SHARES.items():
        assert abs(split[name] - 240 * share) <= 4


def test_another_share_of_validation_leaves_the_test_patients_as_they_are() -> None:
    manifest = cohort(200)
    test = [
        photos(split_patients(manifest, {"train": 0.8 - share, "validation": share, "test": 0.2}).in_split("test"))
        for share in (0.05, 0.1, 0.3)
    ]
    assert test[0] == test[1] == test[2]


def test_another_seed_is_another_split_and_the_same_seed_the_same() -> None:
    manifest = cohort(100)
    one, again, other = (split_patients(manifest, SHARES, seed=seed).table["split"] for seed in (0, 0, 1))
    assert one.equals(again)
    assert not one.equals(other)


def test_a_split_is_the_same_on_every_machine() -> None:
    manifest = validated(pd.DataFrame({"photo": list("abcdefghij"), "patient": list("abcdefghij")}), "ten")
    split = split_patients(manifest, {"train": 0.5, "test": 0.5}, seed=3).table["split"]
    fold = fold_patients(manifest, 3, seed=3).table["fold"]
    assert "".join(name[1] for name in split) == "ererrreeer"
    assert "".join(str(number) for number in fold) == "1002210102"


def test_a_patient_whose_eyes_differ_counts_for_the_rarer_class() -> None:
    rows = [(f"{n}{eye}.jpg", f"p{n}", int(eye == "r" and n < 10)) for n in range(100) for eye in "lr"]
    manifest = validated(pd.DataFrame(rows, columns=["photo", "patient", "rare"]), "eyes")
    test = split_patients(manifest, SHARES).in_split("test").table
    assert test.loc[test["rare"] == 1, "patient"].nunique() == 2


@given(manifest=cohorts, seed=st.integers(0, 1000))
def test_shots_are_nested_and_each_of_another_patient(manifest: Manifest, seed: int) -> None:
    few, more = (shots(manifest, "abnormal", count, seed) for count in (2, 5))
    assert photos(few) <= photos(more)
    assert more.table["abnormal"].value_counts().to_dict() == {0: 5, 1: 5}
    assert not more.table["patient"].duplicated().any()


def test_a_class_whose_patients_all_serve_a_rarer_one_is_named() -> None:
    table = pd.DataFrame({"photo": list("abcd"), "patient": list("1122"), "label": [0, 1, 0, 1]})
    with pytest.raises(UserError, match="label 'label' has 0 patients of class 1; 1 shots need as many"):
        shots(validated(table, "table"), "label", 1)


@pytest.mark.parametrize(
    ("divide", "message"),
    [
        (lambda m: split_patients(m, {"train": 0.8, "val": 0.2}), "no split 'val'"),
        (lambda m: split_patients(m, {"train": 0.8, "test": 0.3}), "add up to 1"),
        (lambda m: split_patients(m, {"train": 1.2, "test": -0.2}), "positive"),
        (lambda m: split_patients(m, {"train": 0.999, "test": 0.001}), "leaves 'test' without any"),
        (lambda m: split_patients(m, SHARES, ["rar"]), "no label 'rar' .did you mean 'rare'"),
        (lambda m: fold_patients(m, 1), "at least 2"),
        (lambda m: fold_patients(m, 31), "at least 31 patients; the manifest has 30"),
        (lambda m: label_fraction(m, 0), "above 0 and at most 1"),
        (lambda m: label_fraction(m, 5), "above 0 and at most 1"),
        (lambda m: shots(m, "abnormal", 0), "at least 1"),
        (lambda m: shots(m, "abnormal", 1000), "1000 shots need as many"),
        (lambda m: shots(m, "abnrmal", 1), "did you mean 'abnormal'"),
    ],
)
def test_what_cannot_be_divided_says_why(divide: Callable[[Manifest], object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        divide(cohort(30))
