from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.config.operating_point import DecisionRule
from eyeground.config.targets import Target
from eyeground.screening.decision import STATUSES, Rule
from eyeground.screening.eye_results import RESULT_OF, RESULTS, eye_result, patient_result
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.results import Finished
from eyeground.screening.rollup import write_rollup

# Photographs of one patient, as eye and status, and what the patient comes to.
CASES = {
    "all normal": ("left normal, right normal", "none"),
    "one abnormal of many": ("left normal, left abnormal, right normal", "refer"),
    "abnormal beats what could not be judged": ("left abnormal, right ungradable", "refer"),
    "one good photo is an answer for an eye": ("left normal, left ungradable, left unreadable", "none"),
    "one eye without an answer": ("left normal, right ungradable", "retake"),
    "one eye unfamiliar": ("left unfamiliar, right normal", "look"),
    "a good but unfamiliar photo needs no other": ("left unfamiliar, left ungradable", "look"),
    "one eye to retake, one to look at": ("left unfamiliar, right ungradable", "retake"),
    "a missing file recalls nobody": ("left unreadable", "check the file"),
    "one file missing, the other eye normal": ("left unreadable, right normal", "check the file"),
    "one eye to retake, one file missing": ("left ungradable, right unreadable", "retake"),
    "of one eye a bad photo and a missing file": ("left ungradable, left unreadable", "retake"),
    "one eye only": ("left normal", "none"),
    "eyes unknown, all judged": ("- normal, - normal", "none"),
    "eyes unknown, one not judged": ("- normal, - ungradable", "retake"),
    "eyes unknown, one unfamiliar": ("- normal, - unfamiliar", "look"),
    "eyes unknown, one file missing": ("- normal, - unreadable", "check the file"),
    "one eye known, the other photo not judged": ("left normal, - unreadable", "check the file"),
}
GRADE = Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
THRESHOLDS = {"amd": 0.5, "dr_grade>=1": 0.5, "dr_grade>=2": 0.5}


def rule_of(thresholds: dict[str, float] = THRESHOLDS, healthy: set[str] = frozenset()) -> Rule:
    decision = DecisionRule(rule="youden", thresholds=thresholds, chosen_on="validation", positives=20, negatives=20)
    targets = (Target(name="amd"), GRADE)
    outputs = tuple(output for target in targets for output in target.outputs)
    return Rule(outputs, decision, frozenset(healthy), targets)


def row_of(photo: str, status: str, reason: str, probabilities: dict[str, float], rule: Rule) -> dict:
    reached = [output for output in rule.deciding if probabilities.get(output, 0.0) >= rule.thresholds[output]]
    return {
        "photo": photo,
        "status": status,
        "reason": reason,
        "reached": "; ".join(reached) or None,
        **{f"probability_{output}": probabilities.get(output, 0.0) for output in rule.outputs},
    }


def write(bundle, folder: Path, photographs: list[tuple], rule: Rule | None = None) -> dict:
    """Roll photographs up that are given as patient, eye, status, and the probability of amd or of every output."""
    rule = rule or rule_of()
    photos, records = [], []
    for index, (patient, eye, status, probability) in zip(count(), photographs, strict=False):
        photos.append(PhotoFile(f"{index:02d}.jpg", "", "1", patient, eye))
        known = probability if isinstance(probability, dict) else {"amd": probability}
        row = row_of(photos[-1].name, status, f"why {index}", known, rule)
        output = None if status == "unreadable" else max(known, key=known.get)
        records.append(Record("1", row, None, output, content=f"{index}"))
    with Ledger(folder / "ledger", bundle) as ledger:
        ledger.add(records)
        return write_rollup(folder, Finished(photos, ledger), rule)


@pytest.mark.parametrize("case", CASES)
def test_what_photographs_come_to(bundle, tmp_path, case):
    photographs, expected = CASES[case]
    words = [one.split() for one in photographs.split(", ")]
    given_ = [("007", None if eye == "-" else eye, status, 0.3) for eye, status in words]
    assert write(bundle, tmp_path, given_) == {expected: 1}


@given(st.lists(st.sampled_from(STATUSES), min_size=1), st.sampled_from(["left", "right", "unknown"]))
def test_a_result_is_that_of_one_of_the_photographs_and_whoever_is_abnormal_is_referred(statuses, eye):
    result = eye_result(eye, statuses)
    assert result in {RESULT_OF[status] for status in statuses}
    assert (result == "refer") == ("abnormal" in statuses)
    if result == "retake":
        assert "ungradable" in statuses


@given(st.lists(st.sampled_from(RESULTS), min_size=1))
def test_a_patient_has_the_most_urgent_result_of_the_eyes_in_whatever_order(results):
    assert RESULTS.index(patient_result(results)) == min(map(RESULTS.index, results))


def test_a_row_per_patient_and_eye_says_how_many_which_decides_and_the_highest_probability_judged(bundle, tmp_path):
    photographs = [
        ("b", "right", "abnormal", 0.7),
        ("b", "left", "ungradable", 0.99),
        ("b", "right", "abnormal", 0.8),
        ("a", None, "normal", 0.1),
        (None, "left", "abnormal", 1.0),
        ("b", "right", "unreadable", 0.0),
        ("b", "left", "unfamiliar", 0.9),
    ]
    assert write(bundle, tmp_path, photographs) == {"refer": 1, "none": 1}
    eyes = pd.read_csv(tmp_path / "eyes.csv", keep_default_na=False)
    shown = ["patient", "eye", "result", "suspected", "photos", "gradable", "photo", "reason", "probability_amd"]
    assert eyes[shown].to_numpy().tolist() == [
        ["a", "unknown", "none", "", 1, 1, "03.jpg", "why 3", "0.1"],
        ["b", "left", "look", "", 2, 1, "06.jpg", "why 6", ""],
        ["b", "right", "refer", "age-related macular degeneration", 3, 2, "02.jpg", "why 2", "0.8"],
    ]
    patients = pd.read_csv(tmp_path / "patients.csv", keep_default_na=False)
    shown = ["patient", "result", "eyes", "retake", "photos", "gradable", "photo", "probability_amd"]
    assert patients[shown].to_numpy().tolist() == [
        ["a", "none", "unknown", "", 1, 1, "03.jpg", 0.1],
        ["b", "refer", "left right", "", 5, 3, "02.jpg", 0.8],
    ]
    assert (patients["threshold_amd"] == 0.5).all()
    assert patients["threshold_dr_grade>=3"].eq("").all()
    assert eyes.set_index("patient")["key"].to_dict() == patients.set_index("patient")["key"].to_dict()
    assert all(key.startswith(f"{whose}.") for key, whose in zip(eyes["photo_key"], eyes["key"], strict=True))


def test_what_is_suspected_of_a_patient_is_what_any_photograph_says_the_gravest_grade_once(bundle, tmp_path):
    mild = {"dr_grade>=1": 0.8, "dr_grade>=2": 0.2}
    moderate = {"dr_grade>=1": 0.9, "dr_grade>=2": 0.6}
    photographs = [
        ("a", "left", "abnormal", mild),
        ("a", "right", "abnormal", moderate),
        ("a", "right", "abnormal", {"amd": 0.95}),
        ("a", "left", "ungradable", {"dr_grade>=1": 1.0, "dr_grade>=2": 1.0, "amd": 0.99}),
    ]
    write(bundle, tmp_path, photographs)
    eyes = pd.read_csv(tmp_path / "eyes.csv").set_index("eye")
    assert eyes.loc["left", "suspected"] == "diabetic retinopathy, mild or worse"
    row = pd.read_csv(tmp_path / "patients.csv").iloc[0]
    assert row["suspected"] == "age-related macular degeneration; diabetic retinopathy, moderate or worse"
    assert row["grades"].startswith("diabetic retinopathy: most probably moderate (60 %)")


def test_of_an_output_that_means_health_the_lowest_decides(bundle, tmp_path):
    photographs = [("a", "left", "abnormal", 0.4), ("a", "left", "abnormal", 0.1)]
    write(bundle, tmp_path, photographs, rule_of({"amd": 0.5}, healthy={"amd"}))
    row = pd.read_csv(tmp_path / "eyes.csv").iloc[0]
    assert (row["photo"], row["probability_amd"]) == ("01.jpg", 0.1)


def test_the_eye_to_retake_is_named_also_of_a_patient_who_is_referred(bundle, tmp_path):
    write(bundle, tmp_path, [("a", "left", "abnormal", 0.7), ("a", "right", "ungradable", 0.1)])
    row = pd.read_csv(tmp_path / "patients.csv").iloc[0]
    assert (row["result"], row["retake"], row["photo"], row["reason"]) == ("refer", "right", "00.jpg", "why 0")


def test_without_patients_an_earlier_roll_up_is_removed(bundle, tmp_path):
    write(bundle, tmp_path, [("a", "left", "normal", 0.4)])
    assert write(bundle, tmp_path, [(None, None, "normal", 0.4)]) == {}
    assert not (tmp_path / "eyes.csv").exists()
    assert not (tmp_path / "patients.csv").exists()
