"""A probe written without torch is the bundle that torch would have written: same answers, same backbone, to the bit."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.numpy import load_file

import eyeground
from eyeground import models
from eyeground.bundle.calibration import Temperature
from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.files import INT8
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.models.export import OUTPUT_NAMES, export_bundle, export_onnx
from eyeground.probing import graph
from eyeground.probing.bundle import write_probe
from eyeground.probing.regression import Head

SIDE = 64
RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64, photos=8, patients=4, initialisation="old@1", method="probe", epochs=0, seed=0
)
BINARY = (Target(name="dr"), Target(name="amd"))
GRADE = Target(name="grade", kind="ordinal", classes=("0", "1", "2"))
KIND = Target(name="kind", kind="multiclass", classes=("a", "b", "c"))
SIDES = Target(name="side", kind="multiclass", classes=("l", "r"))


def source(folder: Path, half: bool = False, **architecture: object) -> Bundle:
    """A bundle with exclusive classes, calibration and a threshold of its own, none of which a probe takes over."""
    torch.manual_seed(0)
    classifier = Classifier(
        Architecture.model_validate({"backbone": "test_resnet"} | architecture), Preprocessing(side=SIDE), (KIND,)
    )
    classifier(torch.randint(0, 256, (8, SIDE, SIDE, 3), dtype=torch.uint8))  # batch statistics unlike their defaults
    threshold = {"output": "kind=a", "threshold": 0.2, "rule": "youden", "positives": 1, "negatives": 1}
    answers = AnswerRules(
        operating_points=(OperatingPoint(chosen_on="validation", **threshold),),
        calibrations=(
            Temperature(
                outputs=KIND.outputs,
                fitted_on="validation",
                photos=9,
                positives=(3, 3, 3),
                temperature=2,
                family="softmax",
            ),
        ),
    )
    info = ModelInfo(name="old", training=RECORD, answers=answers, card="# old\n", licence="apache-2.0")
    return export_bundle(classifier, folder, info, half=half)


def head_for(bundle: Bundle, targets: tuple[Target, ...]) -> Head:
    random = np.random.default_rng(1)
    outputs = sum(len(target.outputs) for target in targets)
    return Head(random.normal(size=(outputs, bundle.description.embedding_size)), random.normal(size=outputs), {})


def probe(bundle: Bundle, folder: Path, targets: tuple[Target, ...] = BINARY) -> Bundle:
    return write_probe(
        bundle,
        head_for(bundle, targets),
        targets,
        folder,
        ModelInfo(name="new", training=RECORD, card="# new\n", licence="mit", training_photos=("0" * 64,)),
    )


def photos(count: int = 3) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "architecture",
    [{}, {"head": "jang2024"}, {"views": 4}, {"views": 2, "scales": (1, 0.5)}, {"backbone": "test_vit", "head": "jang2024"}, {"backbone": "test_convnext"}, {"fine_strides": (16, 8)}],
    ids=["linear", "hidden layer", "four views", "two sizes", "transformer", "channels last", "fine maps"],
)  # fmt: skip
@pytest.mark.parametrize(
    "targets",
    [BINARY, (KIND,), (GRADE, KIND, SIDES, *BINARY)],
    ids=["sigmoids", "one softmax", "both"],
)
def test_every_output_is_what_torch_exports_of_the_same_probe(
    tmp_path: Path, architecture: dict[str, object], targets: tuple[Target, ...]
) -> None:
    written = probe(source(tmp_path / "old", **architecture), tmp_path / "new", targets)
    network = models.load(written.folder)
    export_onnx(network, tmp_path / "torch.onnx")
    ours = onnxruntime.InferenceSession(str(written.onnx_path)).run(list(OUTPUT_NAMES), {"photos": photos()})
    theirs = onnxruntime.InferenceSession(str(tmp_path / "torch.onnx")).run(list(OUTPUT_NAMES), {"photos": photos()})
    with torch.inference_mode():
        of_torch = network.explain(torch.from_numpy(photos()))
    for name, found, exported, expected in zip(OUTPUT_NAMES, ours, theirs, of_torch, strict=True):
        scale = max(1.0, np.abs(exported).max())
        np.testing.assert_allclose(found / scale, exported / scale, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(found / scale, expected.numpy() / scale, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("half", [False, True])
def test_the_backbone_is_kept_to_the_bit_and_in_its_types(tmp_path: Path, half: bool) -> None:
    old = source(tmp_path / "old", half=half, head="jang2024")
    new = open_bundle(probe(old, tmp_path / "new").folder)
    before, after = load_file(old.weights_path), load_file(new.weights_path)
    assert {name for name in after if name.startswith("head.")} == {"head.output.weight", "head.output.bias"}
    backbone = [name for name in after if name.startswith("backbone.")]
    assert backbone == [name for name in before if name.startswith("backbone.")]
    for name in backbone:
        assert before[name].dtype == after[name].dtype
        np.testing.assert_array_equal(before[name], after[name])
        assert new.description.storage[name] == old.description.storage[name]
    assert ("F16" in new.description.storage.values()) == half
    assert new.description.architecture == old.description.architecture.model_copy(update={"head": "linear"})
    assert new.description.preprocessing == old.description.preprocessing


def test_nothing_that_was_measured_of_the_old_head_is_taken_over(tmp_path: Path) -> None:
    old = source(tmp_path / "old")
    new = probe(old, tmp_path / "new").description
    assert (new.name, new.licence, new.outputs) == ("new", "mit", ("dr", "amd"))
    assert new.calibrations == () and new.operating_points == () and new.metrics == ()
    assert INT8 not in new.files


def test_the_embedding_is_that_of_the_bundle_it_was_fitted_on(tmp_path: Path) -> None:
    old = source(tmp_path / "old", views=2)
    new = probe(old, tmp_path / "new")
    _, before = eyeground.load(old.folder).predict(photos())
    _, after = eyeground.load(new.folder).predict(photos())
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_graph_that_says_something_else_than_numpy_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = source(tmp_path / "old")
    monkeypatch.setattr(graph, "probabilities", lambda logits, targets: np.full(logits.shape, 0.5))
    with pytest.raises(RuntimeError, match="the new graph's probabilities differs from numpy's by"):
        probe(old, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def with_graph(folder: Path, model: onnx.ModelProto) -> Bundle:
    old = source(folder)
    old.onnx_path.write_bytes(model.SerializeToString())
    return old


def test_a_graph_without_a_feature_map_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Flatten", ["photos"], ["embedding"])
    photo = helper.make_tensor_value_info("photos", TensorProto.FLOAT, ["batch", 4])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 4])
    model = helper.make_model(helper.make_graph([node], "g", [photo], [embedding]))
    with pytest.raises(UserError, match="not an average over the positions of feature maps"):
        probe(with_graph(tmp_path / "old", model), tmp_path / "new")


def test_weights_outside_the_graph_are_refused(tmp_path: Path) -> None:
    old = source(tmp_path / "old")
    model = onnx.load_model_from_string(old.onnx_path.read_bytes())
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(UserError, match="keeps weights outside its file"):
        probe(with_graph(tmp_path / "old", model), tmp_path / "new")


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    old = source(tmp_path / "old")
    old.onnx_path.write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match="not a readable ONNX graph"):
        probe(old, tmp_path / "new")
