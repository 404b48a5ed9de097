"""Joining manifests: labels of all, patients of different sources apart, licences and citations along."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.data.joining import Terms, join, patients_apart, terms_of, with_source, with_terms
from eyeground.data.manifest import Manifest, read_manifest, validated
from eyeground.errors import UserError


def manifest_of(folder: Path, content: str, name: str = "labels.csv") -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
    return read_manifest(folder / name)


def cells(manifest: Manifest, column: str) -> list[object]:
    return [None if pd.isna(cell) else cell for cell in manifest.table[column]]


def test_joining_partially_labelled_tables_keeps_unknown_unknown(tmp_path: Path) -> None:
    one = manifest_of(tmp_path / "one", "photo,patient,abnormal\na.jpg,1,1\nb.jpg,2,0\n")
    two = manifest_of(tmp_path / "two", "photo,patient,grade\na.jpg,3,4\n../one/a.jpg,1,2\n")
    joined = join([one, two], tmp_path)
    assert cells(joined, "photo") == ["one/a.jpg", "one/b.jpg", "two/a.jpg"]
    assert cells(joined, "abnormal") == [1, 0, None]
    assert cells(joined, "grade") == [2, None, 4]
    assert joined.root == tmp_path


def test_joining_a_manifest_with_itself_changes_nothing(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient,eye,abnormal\na.jpg,007,left,1\nb.jpg,2,,\n")
    pd.testing.assert_frame_equal(join([one, one], tmp_path).table, one.table)


def test_manifests_that_disagree_are_not_joined(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient,abnormal\na.jpg,1,1\n")
    two = manifest_of(tmp_path, "photo,patient,abnormal\na.jpg,1,0\n", "two.csv")
    with pytest.raises(UserError, match=r"photo 'a\.jpg': 'abnormal' is '1' in one manifest and '0' in another"):
        join([one, two], tmp_path)
    with pytest.raises(UserError, match="at least one"):
        join([], tmp_path)


def test_no_patient_identifier_is_in_an_error(tmp_path: Path) -> None:
    secret = "Mustermann-1950"
    one = manifest_of(tmp_path, f"photo,patient\na.jpg,{secret}\n")
    other = manifest_of(tmp_path, "photo,patient\na.jpg,2\n", "other.csv")
    with pytest.raises(UserError, match="'patient' differs between two manifests") as caught:
        join([one, other], tmp_path)
    assert secret not in str(caught.value)
    with pytest.raises(UserError, match="1 patient identifiers in common") as caught:
        patients_apart(
            {"one.csv": one, "two.csv": manifest_of(tmp_path, f"photo,patient\nb.jpg,{secret}\n", "two.csv")}
        )
    assert secret not in str(caught.value)


def test_patients_of_two_sources_are_two_and_of_one_source_one(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient\na.jpg,001\nb.jpg,north-2\n")
    two = manifest_of(tmp_path, "photo,patient\nc.jpg,001\nd.jpg,3\n", "two.csv")
    with pytest.raises(UserError, match=r"one\.csv and two\.csv have 1 .* --source NAME=one\.csv"):
        patients_apart({"one.csv": one, "two.csv": two})
    north, south = with_source(one, "north", "one.csv"), with_source(two, "south", "two.csv")
    apart = join(patients_apart({"one.csv": north, "two.csv": south}), tmp_path)
    assert cells(apart, "patient") == ["north-001", "north-2", "south-001", "south-3"]
    assert cells(apart, "source") == ["north", "north", "south", "south"]
    again = patients_apart({"apart.csv": apart, "one.csv": north})
    assert join(again, tmp_path).patients == 4
    same = join(patients_apart({"one.csv": north, "two.csv": with_source(two, "north", "two.csv")}), tmp_path)
    assert cells(same, "patient") == ["001", "north-2", "001", "3"]


def test_one_patient_typed_in_two_ways_is_one_over_two_manifests(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient,dr\na.jpg,AB-1,1\n")
    two = manifest_of(tmp_path, "photo,patient,amd\na.jpg,ab-1,0\nb.jpg,ab-1.0,0\nc.jpg,ab-1,1\n", "two.csv")
    assert join([one, two], tmp_path).patients == 2


@given(st.lists(st.sampled_from("ab"), min_size=2, max_size=8), st.lists(st.sampled_from("xy"), min_size=8, max_size=8))
def test_no_patient_is_ever_split_by_being_kept_apart(patients: list[str], sources: list[str]) -> None:
    table = pd.DataFrame(
        {
            "photo": [f"{row}.jpg" for row in range(len(patients))],
            "patient": patients,
            "source": sources[: len(patients)],
        }
    )
    (apart,) = patients_apart({"one": validated(table, "table")})
    pairs = pd.DataFrame({"before": patients, "after": apart.table["patient"]}).drop_duplicates()
    assert pairs["before"].is_unique and pairs["after"].is_unique


def test_a_source_that_contradicts_the_manifest_is_refused(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient,source\na.jpg,1,idrid\nb.jpg,2,\n")
    with pytest.raises(UserError, match="says idrid"):
        with_source(one, "clinic", "labels.csv")
    assert cells(with_source(one, "idrid", "labels.csv"), "source") == ["idrid", "idrid"]


def test_licence_and_citation_travel_with_the_photos(tmp_path: Path) -> None:
    one = manifest_of(tmp_path, "photo,patient,source\na.jpg,1,idrid\nb.jpg,2,clinic\n")
    noted = with_terms(one, {"clinic": Terms("own data", "Mwangi 2026"), "idrid": Terms(licence="CC BY 4.0")})
    assert cells(noted, "note_licence") == ["CC BY 4.0", "own data"]
    assert cells(noted, "note_citation") == [None, "Mwangi 2026"]
    assert terms_of(noted) == {"clinic": Terms("own data", "Mwangi 2026"), "idrid": Terms("CC BY 4.0")}
    assert terms_of(one) == {}
    with pytest.raises(UserError, match=r"source 'clinc' \(did you mean 'clinic'\?\)"):
        with_terms(one, {"clinc": Terms("own data")})
