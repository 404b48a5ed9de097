"""Bundles: complete or refused. Any change after writing is found before a weight is used."""

import json
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from pydantic import ValidationError
from safetensors.numpy import save_file

from eyeground.bundle.calibration import Platt, Temperature, Uncalibrated
from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.bundle.familiarity import REFERENCE, fit_reference, write_reference
from eyeground.bundle.files import CARD, INT8, ONNX, WEIGHTS
from eyeground.bundle.installed import DESCRIPTION
from eyeground.bundle.measured import Familiarity, MeasuredMetric, Quantisation, QuantisedOutput, Rounding
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.bundle.write import extend_bundle, now, place_bundle, write_bundle
from eyeground.config.operating_point import DecisionRule, OperatingPoint, Share
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.core.files import sha256_of
from eyeground.errors import UserError

TENSORS = {"head.weight": np.ones((1, 4), np.float32), "head.bias": np.zeros(1, np.float32)}

FIGURE = {"output": "abnormal", "metric": "auroc", "value": 0.9, "scope": "test", "photos": 16, "patients": 8}
QUANTISATION = {
    "method": "any",
    "calibration_photos": 8,
    "photos": 200,
    "size": 9,
    "gated": ["abnormal"],
    "outputs": [{"output": "abnormal", "flipped": 0}],
    "released": True,
}


def description(**changes: Any) -> BundleDescription:
    settings: dict[str, Any] = {
        "name": "tiny",
        "created": now(),
        "made_by": "",
        "architecture": Architecture(),
        "preprocessing": Preprocessing(),
        "targets": (Target(name="abnormal"),),
        "embedding_size": 4,
        "tensors": {name: tensor.shape for name, tensor in TENSORS.items()},
        "operating_points": (
            OperatingPoint(
                output="abnormal", threshold=0.4, rule="youden", chosen_on="validation", positives=5, negatives=7
            ),
        ),
        "training": TrainingRecord(
            manifest_fingerprint="0" * 64,
            photos=12,
            patients=8,
            initialisation="scratch",
            method="pretrain",
            epochs=1,
            seed=0,
        ),
        "licence": "Apache-2.0",
    }
    return BundleDescription(**settings | changes)


def graph(name: str = "tiny", **tensors: np.ndarray) -> onnx.ModelProto:
    """A graph without operators that keeps the weights of `TENSORS`, or others in their place."""
    kept = [numpy_helper.from_array(tensor, key) for key, tensor in (TENSORS | tensors).items()]
    return helper.make_model(helper.make_graph([], name, [], [], kept))


def writers(
    tensors: dict[str, np.ndarray] | None = None, model: onnx.ModelProto | None = None
) -> dict[str, Callable[[Path], None]]:
    content = (model or graph()).SerializeToString()
    return {
        WEIGHTS: lambda path: save_file(tensors or TENSORS, path),
        ONNX: lambda path: path.write_bytes(content) and None,
        CARD: lambda path: path.write_text("# tiny\n") and None,
    }


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path / "tiny", description(), writers())


def rewrite(bundle: Bundle, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `bundle.json` as somebody with a text editor would."""
    path = bundle.folder / DESCRIPTION
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def only_entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_opens_as_it_was_written(bundle: Bundle, tmp_path: Path) -> None:
    opened = open_bundle(bundle.folder)
    assert opened == bundle
    assert opened.description.outputs == ("abnormal",)
    assert opened.description.threshold("abnormal") == 0.4
    assert opened.description.threshold("glaucoma") is None
    assert opened.identity == f"tiny@{sha256_of(opened.folder / DESCRIPTION)[:12]}"
    assert only_entries(tmp_path) == ["tiny"]


@given(name=st.sampled_from([WEIGHTS, ONNX, CARD]), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_in_any_file_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, name: str, where: float, bit: int
) -> None:
    bundle = write_bundle(tmp_path_factory.mktemp("flip") / "tiny", description(), writers())
    content = bytearray((bundle.folder / name).read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    (bundle.folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: SHA-256 is .* the file was changed or damaged"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", [WEIGHTS, ONNX, CARD])
def test_a_missing_file_is_noticed(bundle: Bundle, name: str) -> None:
    (bundle.folder / name).unlink()
    with pytest.raises(UserError, match=rf"{name}: missing; the bundle is incomplete"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", [WEIGHTS, ONNX, CARD])
def test_a_file_that_is_not_listed_is_noticed(bundle: Bundle, name: str) -> None:
    rewrite(bundle, lambda content: content["files"].pop(name))
    with pytest.raises(UserError, match=f"'files' does not list {name}"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({**TENSORS, "extra": np.ones(1, np.float32)}, "tensor 'extra' is not in bundle.json"),
        ({"head.weight": TENSORS["head.weight"]}, "tensor 'head.bias' is missing"),
        ({**TENSORS, "head.bias": np.zeros(2, np.float32)}, r"'head.bias' has shape \(2,\), bundle.json says \(1,\)"),
    ],
)
def test_weights_that_are_not_those_described_are_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], message: str
) -> None:
    bundle = write_bundle(tmp_path / "other", description(), writers(tensors))
    with pytest.raises(UserError, match=message):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"PK\x03\x04pickle", (2**62).to_bytes(8, "little") + b"{}"])
def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path, content: bytes) -> None:
    forged = writers() | {WEIGHTS: lambda path: path.write_bytes(content) and None}
    bundle = write_bundle(tmp_path / "forged", description(), forged)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "sub/file", "..", "", "a\\b", "a\0b", "plugin.py", "Model.onnx", DESCRIPTION]
)
def test_files_that_no_bundle_has_are_never_looked_at(bundle: Bundle, name: str) -> None:
    (bundle.folder.parent / "secret").write_text("secret")
    rewrite(bundle, lambda content: content["files"].update({name: "0" * 64}))
    with pytest.raises(UserError, match="which is not a file of a bundle"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(format=4), "format 4 is not known to eyeground .*update eyeground"),
        (lambda content: content.pop("format"), "not the description of an eyeground bundle"),
        (lambda content: content.pop("targets"), "'targets': Field required"),
        (lambda content: content.update(surprise=1), "'surprise': Extra inputs are not permitted"),
        (lambda content: content["preprocessing"].update(std=[0, 0, 0]), "'preprocessing.std.0'"),
        (lambda content: content["operating_points"][0].update(output="glaucoma"), "'glaucoma', which is no output"),
        (lambda content: content["operating_points"][0].update(chosen_on="test"), "was chosen on test photos"),
        (lambda content: content.update(targets=[{"name": "dr", "kind": "ordinal"}]), "lists no classes"),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(
    bundle: Bundle, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    rewrite(bundle, change)
    with pytest.raises(UserError, match=message):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 5000, b'{"format": NaN}'])
def test_a_description_that_cannot_be_read_is_a_user_error(bundle: Bundle, content: bytes) -> None:
    (bundle.folder / DESCRIPTION).write_bytes(content)
    with pytest.raises(UserError, match=r"bundle\.json"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", ["nowhere", "", "tiny/bundle.json", "tiny/model.onnx"])
def test_what_is_no_bundle_says_what_one_is(bundle: Bundle, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(bundle.folder.parent)
    with pytest.raises(UserError, match=r"no bundle here; a bundle is a folder with bundle\.json"):
        open_bundle(name)


def test_a_writer_that_fails_leaves_the_old_bundle(bundle: Bundle, tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_bundle(bundle.folder, description(name="new"), writers() | {ONNX: fail})
    assert open_bundle(bundle.folder) == bundle
    assert only_entries(tmp_path) == ["tiny"]


def test_a_move_that_fails_brings_the_old_bundle_back(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def fail_for_the_new_one(source: Path, target: Path) -> Path:
        if source.suffix == ".partial":
            raise PermissionError(13, "Permission denied")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", fail_for_the_new_one)
    with pytest.raises(UserError, match="cannot be written: Permission denied"):
        write_bundle(bundle.folder, description(name="new"), writers())
    assert open_bundle(bundle.folder) == bundle
    assert only_entries(tmp_path) == ["tiny"]


def test_a_bundle_replaces_the_one_before_it(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(bundle.folder, description(name="new"), writers(model=graph("another")))
    assert open_bundle(bundle.folder).description.name == "new"
    assert only_entries(tmp_path) == ["tiny"]


def test_what_a_killed_writer_left_is_swept_and_an_old_bundle_that_it_had_set_aside_comes_back(
    bundle: Bundle, tmp_path: Path
) -> None:
    (tmp_path / ".tiny.abc.partial").mkdir()
    (tmp_path / ".tiny.abc.partial" / ONNX).write_bytes(b"half")
    os.utime(tmp_path / ".tiny.abc.partial", (0, 0))
    bundle.folder.rename(tmp_path / ".tiny.abc.replaced")

    def fail(path: Path) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_bundle(bundle.folder, description(), writers() | {ONNX: fail})
    assert open_bundle(bundle.folder) == bundle
    assert only_entries(tmp_path) == ["tiny"]


def test_concurrent_writers_leave_one_whole_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"

    def write(number: int) -> None:
        write_bundle(folder, description(name=f"model {number}"), writers(model=graph(f"model {number}")))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bundle = open_bundle(folder)
    assert onnx.load(bundle.onnx_path).graph.name == bundle.description.name
    assert only_entries(tmp_path) == ["tiny"]


def test_a_folder_with_anything_else_in_it_is_never_replaced(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "notes.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "file").write_text("text")
    for name, message in (("tiny", "'notes.txt', which is not part"), ("photos", "not a bundle"), ("file", "a file")):
        with pytest.raises(UserError, match=message):
            write_bundle(tmp_path / name, description(), writers())
    assert (bundle.folder / "notes.txt").read_text() == "mine"
    assert (tmp_path / "photos" / "a.jpg").read_bytes() == b"photo"


def test_a_bundle_lacks_none_of_its_files(tmp_path: Path) -> None:
    for name in (WEIGHTS, ONNX, CARD):
        lacking = writers()
        del lacking[name]
        with pytest.raises(UserError, match=f"a bundle needs {name}"):
            write_bundle(tmp_path / "tiny", description(), lacking)


def test_a_bundle_is_described_consistently() -> None:
    with pytest.raises(ValidationError, match="two targets are called 'a'"):
        description(targets=(Target(name="a"), Target(name="a")), operating_points=())


def test_every_entry_of_the_description_is_explained() -> None:
    kinds = (BundleDescription, OperatingPoint, TrainingRecord, MeasuredMetric, Rounding, Quantisation, QuantisedOutput)
    for kind in (*kinds, DecisionRule, Share):
        for name, field in kind.model_fields.items():
            assert field.description, name


def test_calibrations_open_as_they_were_written_and_a_bundle_without_any_opens(tmp_path: Path) -> None:
    grade = Target(name="grade", kind="multiclass", classes=("a", "b"))
    fitted = {"fitted_on": "validation", "photos": 90}
    calibrations = (
        Platt(outputs=("abnormal",), positives=(30,), slope=0.7, offsets=(0.1,), **fitted),
        Temperature(outputs=grade.outputs, positives=(40, 50), temperature=1.4, family="softmax", **fitted),
    )
    described = description(targets=(Target(name="abnormal"), grade), calibrations=calibrations)
    bundle = write_bundle(tmp_path / "calibrated", described, writers())
    assert open_bundle(bundle.folder).description.calibrations == calibrations
    rewrite(bundle, lambda content: content.pop("calibrations") and None)
    assert open_bundle(bundle.folder).description.calibrations == ()


@pytest.mark.parametrize(
    ("outputs", "family", "message"),
    [
        (("glaucoma",), "sigmoid", "a calibration is for glaucoma: not the outputs of one target"),
        (("abnormal", "grade=a"), "sigmoid", "not the outputs of one target"),
        (("abnormal",), "softmax", "does not suit outputs that do not sum to 1"),
        (("grade=a", "grade=b"), "sigmoid", "does not suit exclusive classes"),
    ],
)
def test_a_calibration_that_fits_no_target_is_refused(outputs: tuple[str, ...], family: Any, message: str) -> None:
    targets = (Target(name="abnormal"), Target(name="grade", kind="multiclass", classes=("a", "b")))
    one = Temperature(
        outputs=outputs,
        fitted_on="validation",
        photos=90,
        positives=(30,) * len(outputs),
        temperature=1.4,
        family=family,
    )
    with pytest.raises(ValidationError, match=message):
        description(targets=targets, calibrations=(one,))
    with pytest.raises(ValidationError, match="or calibrated already"):
        description(calibrations=(Uncalibrated(outputs=("abnormal",), reason="few"),) * 2)


def test_further_points_of_earlier_bundles_are_passed_over_and_not_handed_on(bundle: Bundle) -> None:
    def as_before(content: dict[str, Any]) -> None:
        content["further_points"] = [{"output": "abnormal", "threshold": 0.3, "rule": "sensitivity=0.9"}]

    rewrite(bundle, as_before)
    opened = open_bundle(bundle.folder)
    assert opened.description == bundle.description
    extend_bundle(opened, opened.description, {})
    assert "further_points" not in (bundle.folder / DESCRIPTION).read_text()


def test_a_bundle_of_format_one_opens_with_nothing_recorded(bundle: Bundle) -> None:
    def as_before(content: dict[str, Any]) -> None:
        content["format"] = 1
        for name in ("storage", "metrics", "rounding", "quantisations", "decisions", "without_threshold"):
            del content[name]

    rewrite(bundle, as_before)
    opened = open_bundle(bundle.folder)
    assert opened.description.format == 1
    assert (opened.description.headline, opened.description.storage, opened.int8_path) == (None, {}, None)
    assert opened.trained_on(["0" * 16]) is None
    # Written again, it is of the newest format.
    assert write_bundle(bundle.folder, opened.description, writers()).description.format == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"storage": {"head.weight": "F16"}}, "'head.bias' is in one of them"),
        ({"metrics": [FIGURE | {"output": "glaucoma"}]}, "a metric is of 'glaucoma', which is no output"),
        ({"quantisations": [QUANTISATION] * 2}, "more than one 8-bit graph is called released"),
    ],
)
def test_what_was_measured_is_of_this_model(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        description(**changes)


def test_the_headline_is_an_auroc_on_own_test_photos() -> None:
    external, sensitivity = FIGURE | {"scope": "idrid"}, FIGURE | {"metric": "sensitivity"}
    described = description(metrics=[external, sensitivity, FIGURE])
    assert described.headline == MeasuredMetric.model_validate(FIGURE)
    assert description(metrics=[external, sensitivity]).headline is None


def test_a_bundle_is_placed_as_it_is_and_only_if_it_is_whole(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "notes.txt").write_text("not part of it")
    placed = place_bundle(bundle.folder, tmp_path / "place")
    assert (placed.folder / DESCRIPTION).read_bytes() == (bundle.folder / DESCRIPTION).read_bytes()
    assert only_entries(placed.folder) == sorted([DESCRIPTION, WEIGHTS, ONNX, CARD])
    (bundle.folder / ONNX).write_bytes(b"another graph")
    with pytest.raises(UserError, match="the file was changed or damaged"):
        place_bundle(bundle.folder, tmp_path / "place")
    assert open_bundle(tmp_path / "place") == placed
    assert only_entries(tmp_path) == ["place", "tiny"]


def test_a_bundle_is_extended_in_its_place_and_the_rest_stays(bundle: Bundle) -> None:
    before = {name: (bundle.folder / name).read_bytes() for name in (WEIGHTS, ONNX, CARD)}
    familiarity = Familiarity(limit=1.5, flagged=0.02, photos=100, held_out=50)
    reference = fit_reference(np.random.default_rng(0).normal(size=(30, 4)))
    described = bundle.description.model_copy(update={"familiarity": familiarity})
    extend_bundle(bundle, described, {REFERENCE: lambda path: write_reference(reference, path)})
    opened = open_bundle(bundle.folder)
    assert opened.description.familiarity == familiarity and opened.identity != bundle.identity
    assert {name: (bundle.folder / name).read_bytes() for name in before} == before
    found = opened.reference()
    assert found is not None and found.distance(np.ones((1, 4))) == pytest.approx(reference.distance(np.ones((1, 4))))
    (bundle.folder / REFERENCE).unlink()
    with pytest.raises(UserError, match=f"{REFERENCE}: missing"):
        open_bundle(bundle.folder)


def test_a_bundle_that_tells_what_is_familiar_needs_its_reference(bundle: Bundle) -> None:
    familiarity = Familiarity(limit=1.5, flagged=0.02, photos=100, held_out=50)
    extend_bundle(bundle, bundle.description.model_copy(update={"familiarity": familiarity}), {})
    with pytest.raises(UserError, match=f"does not list {REFERENCE}"):
        open_bundle(bundle.folder)


def forge(bundle: Bundle, name: str, content: bytes) -> None:
    """Replace a file, and its hash in `bundle.json`, as somebody would who knows how bundles are made."""
    (bundle.folder / name).write_bytes(content)
    rewrite(bundle, lambda described: described["files"].update({name: sha256_of(bundle.folder / name)}))


def test_the_identity_covers_every_byte_of_every_file(bundle: Bundle) -> None:
    forge(bundle, CARD, b"# another card\n")
    changed = open_bundle(bundle.folder)
    assert changed.identity != bundle.identity
    rewrite(bundle, lambda content: content["operating_points"][0].update(threshold=0.9))
    assert open_bundle(bundle.folder).identity not in (bundle.identity, changed.identity)


def test_a_graph_with_other_weights_is_refused_though_its_hash_is_listed(bundle: Bundle) -> None:
    forge(bundle, ONNX, graph(**{"head.weight": np.full((1, 4), 2, np.float32)}).SerializeToString())
    with pytest.raises(UserError, match=r"'head\.weight' does not come from model\.safetensors"):
        open_bundle(bundle.folder)


def outside_its_file() -> onnx.ModelProto:
    model = graph()
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location="elsewhere.bin")
    return model


def with_operator(domain: str) -> onnx.ModelProto:
    model = graph()
    model.graph.node.append(helper.make_node("Run", ["a"], ["b"], domain=domain))
    return model


def with_operator_in_a_branch() -> onnx.ModelProto:
    branch = with_operator("org.example").graph
    model = graph()
    model.graph.node.append(helper.make_node("If", ["a"], ["b"], then_branch=branch, else_branch=branch))
    return model


def with_function() -> onnx.ModelProto:
    model = graph()
    node = helper.make_node("Neg", ["a"], ["b"])
    model.functions.append(helper.make_function("", "Relu", ["a"], ["b"], [node], [helper.make_opsetid("", 17)]))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (outside_its_file(), "keeps weights outside its file"),
        (with_operator("org.example"), r"not ONNX's own \(org\.example\)"),
        (with_operator_in_a_branch(), r"not ONNX's own \(org\.example\)"),
        (with_function(), r"not ONNX's own \(functions\)"),
        (onnx.ModelProto(), "not a readable ONNX graph"),
    ],
    ids=["external data", "operator", "operator in a branch", "function", "no graph"],
)
@pytest.mark.parametrize("name", [ONNX, INT8])
def test_a_graph_that_needs_more_than_its_file_is_refused(
    bundle: Bundle, model: onnx.ModelProto, message: str, name: str
) -> None:
    forge(bundle, name, model.SerializeToString())
    with pytest.raises(UserError, match=message):
        open_bundle(bundle.folder)


@given(content=st.binary(max_size=200))
def test_no_bytes_in_place_of_a_graph_are_more_than_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    bundle = write_bundle(tmp_path_factory.mktemp("graph") / "tiny", description(), writers())
    forge(bundle, ONNX, bundle.onnx_path.read_bytes() + content)
    with suppress(UserError):
        open_bundle(bundle.folder)


@pytest.mark.parametrize("name", ["elsewhere.bin", "model.pkl", "notes.txt"])
def test_a_stray_file_beside_a_bundle_is_refused_and_hidden_ones_are_let_be(bundle: Bundle, name: str) -> None:
    (bundle.folder / ".DS_Store").write_bytes(b"of the system")
    assert open_bundle(bundle.folder).identity == bundle.identity
    (bundle.folder / name).write_bytes(b"stray")
    with pytest.raises(UserError, match=f"holds '{name}', which is not part of the bundle; move it away"):
        open_bundle(bundle.folder)
