"""FHIR resources of a result: valid by two checkers, and saying what was found."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("fhir.resources", reason="writing FHIR needs the extra `serve`")

from eyeground.screening.segmenter import load_segmenter
from eyeground.serving.fhir.checks import check, problems
from eyeground.serving.fhir.export import from_dicom
from eyeground.serving.fhir.resources import RELEASES, Subject, fhir_bundle

STATUSES = ("abnormal", "normal", "ungradable", "unreadable")
SECOND = """
const { Fhir } = require('fhir');
let text = ''; process.stdin.on('data', part => text += part).on('end', () => {
  const found = new Fhir().validate(JSON.parse(text), { errorOnUnexpected: true });
  console.log(JSON.stringify(found.messages.filter(one => one.severity === 'error' || one.severity === 'fatal')));
});
"""


@pytest.fixture(params=RELEASES)
def release(request) -> str:
    return request.param


def _of(results, status, release):
    source, result = results[status]
    return fhir_bundle(from_dicom(source), result, release)


def _all(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


@pytest.mark.parametrize("status", STATUSES)
def test_every_bundle_is_valid(results, status, release) -> None:
    check(_of(results, status, release), release)


def test_a_second_checker_finds_nothing_wrong_in_r4(results) -> None:
    modules = (
        subprocess.run(["npm", "root", "-g"], capture_output=True, text=True, check=False)
        if shutil.which("npm")
        else None
    )
    root = Path(modules.stdout.strip()) if modules else Path()
    if not (root / "fhir").is_dir():
        pytest.skip("npm's `fhir` is not installed (npm install -g fhir@4.12.0): FHIR is checked by one library alone")
    for status in STATUSES:
        for one in (entry["resource"] for entry in _of(results, status, "R4")["entry"]):
            ran = subprocess.run(
                ["node", "-e", SECOND],
                input=json.dumps(one),
                capture_output=True,
                text=True,
                check=True,
                env={"NODE_PATH": str(root), "PATH": "/usr/bin:/usr/local/bin"},
            )
            assert json.loads(ran.stdout) == [], one["resourceType"]


def test_everything_is_preliminary(results, release) -> None:
    bundle = _of(results, "abnormal", release)
    found = _all(bundle, "Observation") + _all(bundle, "DiagnosticReport")
    assert len(found) > 2 and {one["status"] for one in found} == {"preliminary"}


def test_each_output_is_an_observation_with_eye_threshold_and_interpretation(results, release) -> None:
    _, result = results["abnormal"]
    observations = {one["code"]["text"]: one for one in _all(_of(results, "abnormal", release), "Observation")}
    codes = {"normal": "N", "abnormal": "A", "normality undetermined": "IND"}
    for output in result.outputs:
        one = observations[f"{output.words}: probability"]
        assert one["valueQuantity"]["value"] == output.probability
        assert one["interpretation"][0]["coding"][0]["code"] == codes[output.normality]
        assert one["bodySite"]["coding"][0]["code"] == "18944008", "the right eye"
        if output.threshold is not None:
            (range_,) = one["referenceRange"]
            assert range_["high"]["value"] == output.threshold and "youden" in range_["text"]


def test_what_is_not_judged_has_no_conclusion_code(results, release) -> None:
    for status in STATUSES:
        (report,) = _all(_of(results, status, release), "DiagnosticReport")
        assert ("conclusionCode" in report) == (status == "abnormal")
        assert "Research use only" in report["conclusion"]


def test_the_photograph_is_referred_to_as_the_release_has_it(results) -> None:
    source, _ = results["normal"]
    (media,) = _all(_of(results, "normal", "R4"), "Media")
    (selection,) = _all(_of(results, "normal", "R5"), "ImagingSelection")
    assert source.instance in media["identifier"][0]["value"]
    assert (selection["studyUid"], selection["instance"][0]["uid"]) == (source.header.StudyInstanceUID, source.instance)


def test_a_photograph_that_is_no_dicom_has_no_patient_and_no_address(results, release) -> None:
    bundle = fhir_bundle(Subject("a.jpg"), results["normal"][1], release)
    check(bundle, release)
    assert not _all(bundle, "Media") + _all(bundle, "ImagingSelection")
    assert not any("subject" in entry["resource"] for entry in bundle["entry"])


def test_device_and_provenance_name_model_version_and_weights(results, release) -> None:
    _, result = results["normal"]
    bundle = _of(results, "normal", release)
    (device,), (provenance,) = _all(bundle, "Device"), _all(bundle, "Provenance")
    assert device["modelNumber"] == result.finding.model
    assert {one["value"] for one in device["version"]} == {result.version, result.weights_sha256}
    assert provenance["agent"][0]["who"]["reference"] == bundle["entry"][0]["fullUrl"]


def test_the_same_result_has_the_same_identifiers(results, release) -> None:
    source, result = results["normal"]
    later = fhir_bundle(from_dicom(source), replace(result, made=result.made.replace(year=2027)), release)
    assert [one["fullUrl"] for one in later["entry"]] == [
        one["fullUrl"] for one in _of(results, "normal", release)["entry"]
    ]


def test_structures_are_observations_too(results, photos, release) -> None:
    source, result = results["abnormal"]
    segmenter = load_segmenter("eyeground-lesions-mobilenetv2", threads=1)
    segmented = {segmenter.bundle.identity: segmenter(photos["abnormal"])}
    bundle = fhir_bundle(from_dicom(source), replace(result, segmented=segmented), release)
    check(bundle, release)
    shares = {
        one["code"]["text"]: one["valueQuantity"]["value"] for one in _all(bundle, "Observation") if "%" in str(one)
    }
    assert len(shares) == 5 and 0 < shares["optic disc: share of the field of view"] < 20


@pytest.mark.parametrize(
    ("kind", "field", "wrong"),
    [
        ("Observation", "status", "nonsense"),
        ("DiagnosticReport", "status", "done"),
        ("Observation", "code", {}),
        ("Device", "status", "on"),
        ("Observation", "device", {"reference": "urn:uuid:00000000-0000-0000-0000-000000000000"}),
    ],
)
def test_what_the_library_lets_pass_is_refused_by_our_tables(results, release, kind, field, wrong) -> None:
    bundle = _of(results, "normal", release)
    _all(bundle, kind)[0][field] = wrong
    assert list(problems(bundle))
    with pytest.raises(ValueError, match=kind):
        check(bundle, release)
