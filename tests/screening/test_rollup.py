from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.results import Finished
from eyeground.screening.rollup import write_rollup

# Photographs of one patient, as eye and status, and what the patient comes to.
CASES = {
    "all normal": ("left normal, right normal", "normal"),
    "one abnormal of many": ("left normal, left abnormal, right normal", "abnormal"),
    "abnormal beats what could not be judged": ("left abnormal, right ungradable", "abnormal"),
    "one good photo is an answer for an eye": ("left normal, left ungradable, left unreadable", "normal"),
    "one eye without an answer": ("left normal, right ungradable", "incomplete"),
    "one eye unfamiliar": ("left unfamiliar, right normal", "incomplete"),
    "no eye with an answer": ("left ungradable, right unreadable", "retake"),
    "one eye only": ("left normal", "normal"),
    "eyes unknown, all judged": ("- normal, - normal", "normal"),
    "eyes unknown, one not judged": ("- normal, - ungradable", "incomplete"),
    "eyes unknown, none judged": ("- ungradable", "retake"),
    "one eye known, the other photo not judged": ("left normal, - unreadable", "incomplete"),
}


def write(
    bundle, folder: Path, photographs: list[tuple[str | None, str | None, str, float]], healthy=frozenset()
) -> dict:
    """Roll photographs up that are given as patient, eye, status and probability."""
    photos, records = [], []
    for index, (patient, eye, status, probability) in zip(count(), photographs, strict=False):
        photos.append(PhotoFile(f"{index:02d}.jpg", "", "1", patient, eye))
        known = None if status == "unreadable" else probability
        row = {
            "photo": photos[-1].name,
            "status": status,
            "reason": f"why {index}",
            "probability_amd": known,
            "threshold_amd": 0.5,
        }
        records.append(Record("1", row, None, None if status == "unreadable" else "amd"))
    with Ledger(folder / "ledger", bundle) as ledger:
        ledger.add(records)
        return write_rollup(folder, Finished(photos, ledger), frozenset(healthy))


@pytest.mark.parametrize("case", CASES)
def test_what_photographs_come_to(bundle, tmp_path, case):
    photographs, expected = CASES[case]
    words = [one.split() for one in photographs.split(", ")]
    given = [("007", None if eye == "-" else eye, status, 0.3) for eye, status in words]
    assert write(bundle, tmp_path, given) == {expected: 1}


def test_a_row_per_patient_and_eye_says_how_many_which_decides_and_the_highest_probability_judged(bundle, tmp_path):
    given = [
        ("b", "right", "abnormal", 0.7),
        ("b", "left", "ungradable", 0.99),
        ("b", "right", "abnormal", 0.8),
        ("a", None, "normal", 0.1),
        (None, "left", "abnormal", 1.0),
        ("b", "right", "unreadable", 0.0),
    ]
    assert write(bundle, tmp_path, given) == {"normal": 1, "abnormal": 1}
    eyes = pd.read_csv(tmp_path / "eyes.csv")
    assert list(eyes.columns) == [
        "patient",
        "eye",
        "status",
        "photos",
        "gradable",
        "photo",
        "reason",
        "probability_amd",
    ]
    assert eyes.astype(object).where(eyes.notna(), None).to_numpy().tolist() == [
        ["a", "unknown", "normal", 1, 1, "03.jpg", "why 3", 0.1],
        ["b", "left", "retake", 1, 0, "01.jpg", "why 1", None],
        ["b", "right", "abnormal", 3, 2, "02.jpg", "why 2", 0.8],
    ]
    patients = pd.read_csv(tmp_path / "patients.csv", keep_default_na=False)
    assert patients.to_numpy().tolist() == [
        ["a", "normal", "unknown", "", 1, 1, "03.jpg", "why 3", 0.1],
        ["b", "abnormal", "left right", "left", 4, 2, "02.jpg", "why 2", 0.8],
    ]


def test_of_an_output_that_means_health_the_lowest_decides(bundle, tmp_path):
    given = [("a", "left", "abnormal", 0.4), ("a", "left", "abnormal", 0.1)]
    write(bundle, tmp_path, given, healthy={"amd"})
    assert pd.read_csv(tmp_path / "eyes.csv")["photo"].tolist() == ["01.jpg"]


def test_of_an_incomplete_patient_the_eye_to_retake_decides(bundle, tmp_path):
    write(bundle, tmp_path, [("a", "left", "normal", 0.4), ("a", "right", "ungradable", 0.1)])
    row = pd.read_csv(tmp_path / "patients.csv").iloc[0]
    assert (row["status"], row["retake"], row["photo"], row["reason"]) == ("incomplete", "right", "01.jpg", "why 1")


def test_without_patients_an_earlier_roll_up_is_removed(bundle, tmp_path):
    write(bundle, tmp_path, [("a", "left", "normal", 0.4)])
    assert write(bundle, tmp_path, [(None, None, "normal", 0.4)]) == {}
    assert not (tmp_path / "eyes.csv").exists()
    assert not (tmp_path / "patients.csv").exists()
