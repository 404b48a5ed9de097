import os
import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.screening.keys import content_of, keys_of, patient_key
from eyeground.screening.photos import PhotoFile

FORM = re.compile(r"[CDFGHJKMNPQRTWXY][34679]-[34679CDFGHJKMNPQRTWXY]{2,}")
MISTAKABLE = set("0O1IL2Z5S8BUVAE")


def photo(name: str, patient: str | None = None) -> PhotoFile:
    return PhotoFile(name, "", "", patient)


contents = st.lists(st.sampled_from(["", "a", "b", "c", "d" * 32, "e" * 32]), min_size=1, max_size=40)
patients = st.sampled_from([None, "1", "007", "K7", "4711-Müller"])


@given(contents, st.data())
def test_photographs_have_different_keys_and_a_patient_has_one(found, data):
    photos = [photo(f"{place}.jpg", data.draw(patients)) for place in range(len(found))]
    keys = keys_of(photos, found)
    assert len(set(keys)) == len(keys)
    assert all(FORM.fullmatch(patient_key(key)) and not set(patient_key(key)) & MISTAKABLE for key in keys)
    whose: dict[str, str] = {}
    for one, key in zip(photos, keys, strict=True):
        assert ("." in key) == (one.patient is not None)
        assert whose.setdefault(one.patient or one.name, patient_key(key)) == patient_key(key)
    assert len(set(whose.values())) == len(whose)


def test_a_key_rests_on_the_content_and_never_on_a_name_or_record_number():
    for names, patient in product((["a.jpg", "b.jpg"], ["021_L.jpg", "007_R.jpg"]), ("021", "007")):
        assert keys_of([photo(name, patient) for name in names], ["x", "y"]) == keys_of(
            [photo("p", "q"), photo("r", "q")], ["x", "y"]
        )
    assert keys_of([photo("a")], ["x"]) != keys_of([photo("a")], ["y"])


def test_a_patient_keeps_the_key_when_others_join_and_photographs_are_named_anew():
    alone = keys_of([photo("7_L", "7"), photo("7_R", "7")], ["l", "r"])
    others = [photo(f"0_{index}", f"0{index}") for index in range(50)]
    joined = keys_of([*others, photo("x", "MRN 7"), photo("y", "MRN 7")], [*(f"o{n}" for n in range(50)), "r", "l"])
    assert joined[-2:] == alone


def test_no_key_is_or_holds_an_identifier():
    first = keys_of([photo("a", "p")], ["x"])[0].partition(".")[0]
    plain = first.replace("-", "")
    for identifier in (first, first.lower(), plain, plain[1:], f" {plain[:3]}"):
        taken = patient_key(keys_of([photo("a", identifier)], ["x"])[0])
        assert identifier.strip().upper().replace("-", "") not in taken.replace("-", "")


@pytest.mark.parametrize("count, length", [(500, 4), (600, 6), (5_000, 6)])
def test_keys_grow_longer_only_with_how_many_there_are(count, length):
    keys = keys_of([photo(str(index)) for index in range(count)], [f"c{index}" for index in range(count)])
    assert len(set(keys)) == count
    assert {len(key.replace("-", "")) for key in keys} == {length}


def test_missing_files_have_keys_by_their_place():
    keys = keys_of([photo("a"), photo("b")], ["", ""])
    assert len(set(keys)) == 2
    assert keys == keys_of([photo("c"), photo("d")], ["", ""])


@pytest.mark.parametrize("size", [0, 1, 2**16, 2**20 + 1, 3 * 2**20])
def test_the_content_of_a_file_tells_it_from_others_of_its_size_and_beginning(tmp_path, size):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(bytes(size))
    other.write_bytes(bytes(size // 2) + b"\1" * 1000 + bytes(size)[size // 2 : size])
    assert content_of(one) != content_of(other)
    (tmp_path / "copy").write_bytes(one.read_bytes())
    assert content_of(one) == content_of(tmp_path / "copy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_what_is_no_file_has_no_content(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "missing", tmp_path):
        assert content_of(path) == ""


def test_copies_of_a_photograph_have_keys_of_their_own_and_do_not_take_ever_longer():
    copies = [photo(f"{index}.jpg") for index in range(20_000)]
    keys = keys_of(copies, ["the same"] * len(copies))
    assert len(set(keys)) == len(copies)
    assert keys_of(copies[:9_000], ["the same"] * 9_000) == keys[:9_000]
