import json
import os
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import eyeground
from eyeground.bundle.calibration import Platt
from eyeground.bundle.files import ONNX
from eyeground.bundle.installed import default_model
from eyeground.bundle.write import copier, write_bundle
from eyeground.config.targets import Target
from eyeground.errors import UserError
from eyeground.screening.runtime import load


def test_probabilities_are_those_of_the_network_on_the_standard_photo(screener, fundus, logits_of):
    finding = screener(fundus(blue=0.2))
    expected = 1 / (1 + np.exp(-logits_of(finding.standard.pixels)))
    assert list(finding.probabilities.values()) == pytest.approx(expected, rel=1e-4)


def test_evidence_averages_to_the_logit_less_a_constant(screener, fundus, logits_of):
    findings = [screener(fundus(blue=blue)) for blue in (0.05, 0.2)]
    for row, output in enumerate(findings[0].probabilities):
        constants = [
            logits_of(finding.standard.pixels)[row] - finding.evidence_of(output).mean() for finding in findings
        ]
        assert constants[0] == pytest.approx(constants[1], abs=1e-4)


def test_a_calibration_is_applied_to_probabilities_and_leaves_the_evidence(
    screener, build_bundle, fundus, logits_of, tmp_path
):
    halved = Platt(outputs=("drusen",), fitted_on="validation", photos=90, positives=(30,), slope=0.5, offsets=(0.25,))
    build_bundle(tmp_path / "bundle", calibrations=(halved,))
    calibrated = load(tmp_path / "bundle")
    photo = fundus(blue=0.2)
    raw, finding = screener(photo), calibrated(photo)
    logits = logits_of(finding.standard.pixels)
    assert finding.probabilities["drusen"] == pytest.approx(1 / (1 + np.exp(-0.5 * logits[1] - 0.25)), rel=1e-4)
    assert finding.probabilities["abnormal"] == raw.probabilities["abnormal"]
    np.testing.assert_array_equal(finding.evidence, raw.evidence)
    alone = calibrated.probabilities(finding.standard.pixels[np.newaxis])[0]
    assert list(finding.probabilities.values()) == pytest.approx(list(alone))


def test_status_holds_the_calibrated_probability_against_the_threshold(screener, build_bundle, fundus, tmp_path):
    photo = fundus(blue=0.2)
    assert screener(photo).status == "abnormal"
    lowered = Platt(
        outputs=("abnormal",), fitted_on="validation", photos=90, positives=(30,), slope=1, offsets=(-20.0,)
    )
    build_bundle(tmp_path / "bundle", calibrations=(lowered,))
    assert load(tmp_path / "bundle")(photo).status == "normal"


def test_a_finding_as_json_is_its_row(screener, fundus):
    for finding in (screener(fundus(blue=0.2)), screener(b"no picture")):
        assert json.loads(finding.to_json()) == finding.as_row()
    assert json.loads(replace(finding, unfamiliarity=float("inf")).to_json())["unfamiliarity"] is None
    assert {"suspected", "reached", "operating_point"} <= finding.as_row().keys()


def test_n_photos_give_n_findings_in_order_and_a_batch_changes_nothing(screener, fundus, tmp_path):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), fundus(seed=1)[..., ::-1])
    photos = [fundus(blue=blue, seed=seed) for seed, blue in enumerate(np.linspace(0, 1, 19))]
    findings = screener([path, *photos, tmp_path / "missing.jpg", str(path)])
    assert len(findings) == 22
    assert [finding.status == "unreadable" for finding in findings].index(True) == 20
    assert findings[0].probabilities == findings[-1].probabilities == screener(path).probabilities
    for photo, finding in zip(photos, findings[1:20], strict=True):
        assert list(screener(photo).probabilities.values()) == pytest.approx(
            list(finding.probabilities.values()), rel=1e-5
        )


def test_one_photo_gives_one_finding_and_none_give_none(screener, fundus):
    assert screener(fundus()).status in ("normal", "abnormal")
    assert screener([]) == []


def test_a_clear_photo_of_a_bluish_cast_is_not_judged_and_told_what_to_check(screener, fundus):
    bluish = np.clip(fundus() * np.array([0.4, 1.0, 2.0]), 0, 255).astype(np.uint8)
    finding = screener(bluish)
    assert finding.status == "ungradable" and finding.suspected == ()
    assert finding.reason == "unusual colours (check white balance and filter); retake the photograph"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"described_side": 96},
            r"'photos' has shape \(n, 64, 64, 3\); expected \(any, 96, 96, 3\).*preprocessing.side is 96",
        ),
        ({"targets": (Target(name="abnormal"),)}, r"'probabilities' has shape \(n, 2\).*names 1 outputs \(abnormal\)"),
        ({"input_name": "pixels"}, r"its inputs are pixels; expected one named 'photos'"),
        ({"input_type": TensorProto.FLOAT}, r"input 'photos' is tensor\(float\); expected tensor\(uint8\)"),
        ({"outputs": ("logits", "evidence")}, r"no output 'probabilities'; it has logits, evidence"),
        ({"batch": 1}, r"'photos' has shape \(1, 64, 64, 3\); expected \(any"),
    ],
)
def test_a_graph_that_does_not_fit_its_description_is_refused_in_words(build_bundle, tmp_path, change, message):
    build_bundle(tmp_path / "bundle", operating_points=(), **change)
    with pytest.raises(UserError, match=message):
        load(tmp_path / "bundle")


def test_a_changed_graph_is_refused(build_bundle, tmp_path):
    bundle = build_bundle(tmp_path / "bundle")
    bundle.onnx_path.write_bytes(bundle.onnx_path.read_bytes() + b"x")
    with pytest.raises(UserError, match="was changed or damaged"):
        load(tmp_path / "bundle")


def test_probabilities_that_are_no_numbers_are_refused(build_bundle, fundus, tmp_path):
    build_bundle(tmp_path / "bundle", constants=np.array([np.nan, 0], np.float32))
    with pytest.raises(UserError, match="a probability that is no number"):
        load(tmp_path / "bundle")(fundus())


def test_a_bundle_without_evidence_still_screens(build_bundle, fundus, tmp_path):
    build_bundle(tmp_path / "bundle", outputs=("probabilities",))
    finding = load(tmp_path / "bundle")(fundus(blue=0.5))
    assert finding.status == "abnormal"
    assert finding.evidence is None
    with pytest.raises(UserError, match="no evidence map"):
        finding.overlay()


def test_without_a_name_the_default_opens():
    assert eyeground.load().bundle.description.name == default_model()


def test_an_operating_point_and_threads_are_taken(bundle, screener, fundus):
    strict = eyeground.load(bundle.folder, operating_point="threshold=0.999", threads=2)
    assert strict(fundus(blue=0.2)).status == "normal" and screener(fundus(blue=0.2)).status == "abnormal"
    with pytest.raises(UserError, match="threads is 0"):
        load(bundle.folder, threads=0)


@pytest.mark.parametrize(
    ("providers", "words"),
    [
        (["CPUExecutionProvidor"], "did you mean 'CPUExecutionProvider'"),
        (["CPUExecutionProvider", "NoSuchProvider"], "has no provider 'NoSuchProvider'.*it has .*CPUExecutionProvider"),
    ],
)
def test_a_provider_that_is_not_there_is_told(bundle, providers, words):
    with pytest.raises(UserError, match=words):
        load(bundle.folder, providers=providers)


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_falls_back_to_the_cpu_is_an_error(bundle, monkeypatch):
    """ONNX Runtime itself only prints a warning, and computes elsewhere than it was asked to."""
    monkeypatch.setattr(
        "onnxruntime.get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    with pytest.raises(UserError, match="cannot start CUDAExecutionProvider"):
        load(bundle.folder, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])


def test_screening_never_imports_torch(bundle, folder_of_photos, tmp_path):
    program = """
import sys
from pathlib import Path
from eyeground.screening.batch import screen
from eyeground.screening.runtime import load
bundle, photos, output = sys.argv[1:]
model = load(bundle)
assert model(sorted(Path(photos).rglob("*.jpg"))[0]).overlay().shape == (64, 64, 3)
assert screen(Path(photos), model, Path(output), jobs=1).photos == 2
heavy = {"torch", "torchvision", "lightning", "timm", "sklearn", "scipy", "matplotlib"} & {name.split(".")[0] for name in sys.modules}
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    arguments = [str(bundle.folder), str(folder_of_photos(2)), str(tmp_path / "output")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_no_heavy_library():
    program = """
import sys, eyeground, eyeground.screening
dir(eyeground)
heavy = {"numpy", "cv2", "onnxruntime", "pandas", "jinja2", "PIL", "pydantic"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_all_that_the_package_names_is_there():
    assert all(getattr(eyeground, name) is not None for name in eyeground.__all__)
    assert set(eyeground.__all__) <= set(dir(eyeground))
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        eyeground.lode  # noqa: B018


def test_a_graph_that_does_not_end_is_stopped(build_bundle, fundus, tmp_path, monkeypatch):
    bundle = build_bundle(tmp_path / "bundle")
    model = onnx.load(bundle.onnx_path)
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["sum"], ["next"])],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(2**62), "forever"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    loop = helper.make_node("Loop", ["forever", "yes", "numbers"], ["looped"], body=body)
    model.graph.node.insert(1, loop)
    model.graph.node[2].input[0] = "looped"
    content = model.SerializeToString()
    bundle = write_bundle(
        bundle.folder,
        bundle.description,
        {name: copier(bundle.folder / name) for name in bundle.description.files}
        | {ONNX: lambda path: path.write_bytes(content)},
    )
    monkeypatch.setattr("eyeground.screening.graph.LONGEST_RUN", 0.5)
    with pytest.raises(UserError, match="took longer than 0 s for a photo, and was stopped"):
        load(bundle.folder, threads=1)(fundus())


def test_opening_a_model_writes_nothing_and_asks_nobody(bundle, tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    program = f"from eyeground.screening.runtime import load; load({str(bundle.folder)!r})"
    subprocess.run(
        [sys.executable, "-c", program], env=kept | {"HOME": str(home), "TMPDIR": str(temporary)}, check=True
    )
    assert list(home.rglob("*")) == list(temporary.rglob("*")) == []
