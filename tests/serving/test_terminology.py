"""Codes: each as the standard has it, each within what DICOM allows."""

import csv
from importlib.resources import files

import pytest

from eyeground.errors import UserError
from eyeground.serving.terminology import LONGEST_CODE, LONGEST_MEANING, PRIVATE, concept, concept_for

concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts

ROWS = list(csv.DictReader(files("eyeground.serving").joinpath("terminology.csv").read_text("utf-8").splitlines()))
STANDARD = {
    (scheme, code): meaning
    for scheme, named in concepts.items()
    for codes in named.values()
    for code, (meaning, _) in codes.items()
}


@pytest.mark.parametrize("row", [row for row in ROWS if "DICOM" in row["source"]], ids=lambda row: row["name"])
def test_codes_of_the_dicom_standard_are_in_it(row) -> None:
    assert (row["scheme"], row["code"]) in STANDARD


def test_every_code_has_a_source_and_fits_into_dicom() -> None:
    for row in ROWS:
        assert row["source"], row["name"]
        assert 0 < len(row["code"]) <= LONGEST_CODE and 0 < len(row["meaning"]) <= LONGEST_MEANING


def test_an_output_that_nobody_coded_gets_a_private_code_of_its_own() -> None:
    one, other = concept_for("a label of ours"), concept_for("another label")
    assert one.scheme == other.scheme == PRIVATE and one.code != other.code
    long = concept_for("x" * 300)
    assert len(long.code) <= LONGEST_CODE and len(long.meaning) <= LONGEST_MEANING


def test_a_name_that_the_table_lacks_is_an_error() -> None:
    with pytest.raises(UserError):
        concept("no such thing")
