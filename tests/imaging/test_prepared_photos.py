"""Labels become truths, and what is no label is refused by name."""

import numpy as np
import pandas as pd
import pytest

from eyeground.config.targets import Target
from eyeground.data.manifest import Manifest, validated
from eyeground.errors import UserError
from eyeground.imaging.prepared_photos import labelled, truth_table, with_classes


def manifest(**labels: list[object]) -> Manifest:
    count = len(next(iter(labels.values())))
    table = pd.DataFrame(
        {"photo": [f"{i}.jpg" for i in range(count)], "patient": [str(i) for i in range(count)], **labels}
    )
    return validated(table, "labels.csv")


def test_truths_of_all_targets_stand_side_by_side() -> None:
    table = truth_table(
        manifest(abnormal=[1, 0, None], grade=[2, None, 0]),
        [Target(name="abnormal"), Target(name="grade", kind="ordinal", classes=("0", "1", "2"))],
    )
    assert list(table.columns) == ["abnormal", "grade>=1", "grade>=2"]
    np.testing.assert_array_equal(table, [[1, 1, 1], [0, np.nan, np.nan], [np.nan, 0, 0]])


def test_a_target_that_is_no_label_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"no label 'abnornal' \(did you mean 'abnormal'\?\)"):
        truth_table(manifest(abnormal=[1, 0]), [Target(name="abnornal")])


def test_classes_are_read_from_the_labels_in_order() -> None:
    grades = manifest(grade=[10, 2, 0, None])
    assert with_classes(Target(name="grade", kind="ordinal"), grades).classes == ("0", "2", "10")
    with pytest.raises(UserError, match="nothing to tell apart"):
        with_classes(Target(name="grade", kind="ordinal"), manifest(grade=[1, 1]))


def test_a_photo_with_any_of_the_labels_is_kept() -> None:
    some = manifest(dr=[1, None, None, 0], amd=[None, None, 1, 0], glaucoma=[1, 1, 1, 1])
    found = labelled(some, [Target(name="dr"), Target(name="amd")])
    assert list(found.table["photo"]) == ["0.jpg", "2.jpg", "3.jpg"]


@pytest.mark.parametrize("healthy", [None, "no", "No", "0"])
@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_a_column_of_yes_and_no_is_binary_whatever_its_healthy_class_is_called(kind: str, healthy: str | None) -> None:
    table = pd.DataFrame({"photo": ["a", "b"], "patient": ["1", "2"], "dr": ["yes", "No"]})
    said = {} if healthy is None else {"healthy": healthy}
    target = with_classes(Target(name="dr", kind=kind).model_copy(update=said), validated(table, "table"))
    assert target.kind == "binary" and target.healthy == "0"
    assert truth_table(validated(table, "table"), [target]).to_numpy().tolist() == [[1.0], [0.0]]


def describe_output(*words: str) -> Manifest:
    return manifest(dx=[word for word in words for _ in range(2)])


def test_of_two_classes_in_words_the_healthy_one_is_as_the_user_says() -> None:
    target = with_classes(Target(name="dx", healthy="B"), describe_output("A", "B"))
    assert (target.kind, target.classes, target.healthy, target.outputs) == ("binary", ("B", "A"), "B", ("dx=A",))


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_two_classes_none_of_which_means_health_do_not_decide(kind: str) -> None:
    for labels in (describe_output("A", "B"), manifest(dx=[0, 1])):
        target = with_classes(Target(name="dx", kind=kind, healthy="none"), labels)
        assert (target.kind, target.healthy, target.healthy_outputs) == ("multiclass", None, frozenset())


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_of_a_column_called_normal_1_means_health(kind: str) -> None:
    target = with_classes(Target(name="normal", kind=kind), manifest(normal=[0, 1]))
    assert (target.kind, target.healthy, target.healthy_outputs) == ("binary", "1", {"normal"})


def test_a_class_that_0_and_1_do_not_have_is_not_taken_for_health() -> None:
    with pytest.raises(UserError, match="no class 'B'"):
        with_classes(Target(name="dx", healthy="B"), manifest(dx=[0, 1]))


def test_the_lowest_of_grades_in_words_is_not_taken_for_health_unsaid() -> None:
    with pytest.raises(UserError, match="none of the grades mild, severe means health"):
        with_classes(Target(name="dx", kind="ordinal"), describe_output("severe", "mild"))
    said = with_classes(
        Target(name="dx", kind="ordinal", classes=("mild", "severe")), describe_output("severe", "mild")
    )
    assert said.healthy == "mild"
