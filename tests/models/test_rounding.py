"""Weights in 16 bits: what is rounded, what must not be, and that everybody gets the same network."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from eyeground import models
from eyeground.bundle.description import TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.core.files import sha256_of
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.models.export import OUTPUT_NAMES, export_bundle
from eyeground.models.initialise import initialise
from eyeground.models.rounding import in_half

SIDE = 64
RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64, photos=8, patients=4, initialisation="scratch", method="pretrain", epochs=1, seed=0
)


def network() -> Classifier:
    torch.manual_seed(0)
    classifier = Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=SIDE), [Target(name="abnormal")])
    classifier(torch.randint(0, 256, (8, SIDE, SIDE, 3), dtype=torch.uint8))  # batch statistics unlike their defaults
    return classifier.eval()


def export(classifier: Classifier, folder: Path, half: bool = True) -> Bundle:
    return export_bundle(
        classifier, folder, ModelInfo(name="t", training=RECORD, card="# t\n", licence="mit"), half=half
    )


def test_running_variances_that_sixteen_bits_cannot_hold_stay_as_they_are() -> None:
    state = {
        "conv.weight": torch.full((2, 3), 1e-9),  # rounds to nothing, and adds nothing
        "bn.running_var": torch.tensor([1e-9, 1e7]),
        "bn.bias": torch.tensor([1e-9]),
        "wide.weight": torch.full((2, 2), 1e5),
        "bn.num_batches_tracked": torch.tensor(7),
    }
    stored = in_half(state)
    assert {name: tensor.dtype for name, tensor in stored.items()} == {
        "conv.weight": torch.float16,
        "bn.running_var": torch.float32,
        "bn.bias": torch.float32,
        "wide.weight": torch.float32,
        "bn.num_batches_tracked": torch.int64,
    }
    assert all(torch.isfinite(tensor.float()).all() for tensor in stored.values())


def test_torch_and_onnx_agree_on_the_rounded_weights_and_hardly_differ_from_the_trained_ones(tmp_path: Path) -> None:
    classifier = network()
    photos = torch.randint(0, 256, (4, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.inference_mode():
        trained = classifier.explain(photos)
        bundle = export(classifier, tmp_path / "half")
        rounded = models.load(bundle.folder).explain(photos)
    found = onnxruntime.InferenceSession(str(bundle.onnx_path)).run(list(OUTPUT_NAMES), {"photos": photos.numpy()})
    for onnx_value, torch_value in zip(found, rounded, strict=True):
        np.testing.assert_allclose(onnx_value, torch_value.numpy(), rtol=1e-3, atol=1e-5)
    assert not torch.equal(trained[1], rounded[1])  # rounding did something
    assert (trained[0] - rounded[0]).abs().max() < 0.005


def test_a_rounded_bundle_says_so_and_is_half_as_large(tmp_path: Path) -> None:
    single = export(network(), tmp_path / "single", half=False)
    half = export(network(), tmp_path / "half")
    assert set(single.description.storage.values()) == {"F32", "I64"}
    stored = load_file(half.weights_path)
    names = {"F16": torch.float16, "F32": torch.float32, "I64": torch.int64}
    assert {name: names[kind] for name, kind in half.description.storage.items()} == {
        name: tensor.dtype for name, tensor in stored.items()
    }
    assert half.weights_path.stat().st_size < 0.55 * single.weights_path.stat().st_size


def test_loading_gives_float32_and_starts_another_network(tmp_path: Path) -> None:
    bundle = export(network(), tmp_path / "half")
    opened = models.load(bundle.folder)
    assert {tensor.dtype for tensor in opened.state_dict().values()} == {torch.float32, torch.int64}
    other = Classifier(opened.architecture, opened.preprocessing, [Target(name="glaucoma")])
    initialise(other, str(bundle.folder))
    ours, theirs = other.backbone.state_dict(), opened.backbone.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) and ours[name].dtype != torch.float16 for name in ours)


def test_weights_in_another_type_than_described_are_refused(tmp_path: Path) -> None:
    bundle = export(network(), tmp_path / "half")
    widened = {
        name: tensor.float() if tensor.dtype == torch.float16 else tensor
        for name, tensor in load_file(bundle.weights_path).items()
    }
    save_file(widened, bundle.weights_path)
    path = bundle.folder / "bundle.json"
    content = json.loads(path.read_text())
    content["files"]["model.safetensors"] = sha256_of(bundle.weights_path)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"is stored as F32, bundle\.json says F16"):
        models.load(bundle.folder)
