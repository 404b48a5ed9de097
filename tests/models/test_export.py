"""A bundle gives in ONNX Runtime and in torch what the trained network gave."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from eyeground import models
from eyeground.bundle.description import AnswerRules, TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.models.export import OUTPUT_NAMES, export_bundle, export_onnx
from eyeground.models.initialise import initialise

SIDE = 64
TARGETS = (Target(name="abnormal"), Target(name="grade", kind="ordinal", classes=("0", "1", "2")))
RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64, photos=8, patients=4, initialisation="scratch", method="pretrain", epochs=1, seed=0
)
POINT = OperatingPoint(
    output="abnormal", threshold=0.4, rule="youden", chosen_on="validation", positives=3, negatives=5
)


def export(folder: Path, head: str = "linear", backbone: str = "test_resnet") -> tuple[Classifier, Bundle]:
    torch.manual_seed(0)
    architecture = Architecture.model_validate({"backbone": backbone, "head": head})
    classifier = Classifier(architecture, Preprocessing(side=SIDE), TARGETS)
    classifier(torch.randint(0, 256, (8, SIDE, SIDE, 3), dtype=torch.uint8))  # batch statistics unlike their defaults
    bundle = export_bundle(
        classifier,
        folder,
        ModelInfo(
            name="test",
            training=RECORD,
            answers=AnswerRules(operating_points=(POINT,)),
            card="# test\n",
            licence="apache-2.0",
        ),
    )
    return classifier, bundle


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit"])
@pytest.mark.parametrize("head", ["linear", "jang2024"])
@pytest.mark.parametrize("count", [1, 5])
def test_onnx_gives_what_torch_gives_for_any_batch(tmp_path: Path, backbone: str, head: str, count: int) -> None:
    classifier, bundle = export(tmp_path / "bundle", head, backbone)
    photos = np.random.default_rng(3).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    session = onnxruntime.InferenceSession(str(bundle.onnx_path))
    found = session.run(list(OUTPUT_NAMES), {"photos": photos})
    with torch.inference_mode():
        expected = classifier.explain(torch.from_numpy(photos))
    for onnx_value, torch_value in zip(found, expected, strict=True):
        np.testing.assert_allclose(onnx_value, torch_value.numpy(), rtol=1e-3, atol=1e-4)


def test_onnx_gives_what_torch_gives_where_steps_are_out_of_order(tmp_path: Path) -> None:
    classifier, _ = export(tmp_path / "bundle")
    photos = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (6, SIDE, SIDE, 3), dtype=np.uint8))
    with torch.inference_mode():
        own = classifier.head.output(classifier.embed(photos))
        classifier.head.output.bias[2] += (own[:, 1] - own[:, 2]).median() + 1e-3  # so for about half of the photos
        expected = classifier.explain(photos)
    export_onnx(classifier, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    found = session.run(list(OUTPUT_NAMES), {"photos": photos.numpy()})
    for onnx_value, torch_value in zip(found, expected, strict=True):
        np.testing.assert_allclose(onnx_value, torch_value.numpy(), rtol=1e-3, atol=1e-4)
    probabilities, logits, _, evidence = found
    assert (probabilities[:, 2] <= probabilities[:, 1]).all() and (logits[:, 2] <= logits[:, 1]).all()
    lifted = logits[:, 2] == logits[:, 1]
    assert 0 < lifted.sum() < 6
    np.testing.assert_array_equal(evidence[lifted, 2], evidence[lifted, 1])


def test_exported_network_stays_in_evaluation_mode(tmp_path: Path) -> None:
    classifier, _ = export(tmp_path / "bundle")
    assert not any(module.training for module in classifier.modules())


def test_bundle_opens_as_the_same_torch_network(tmp_path: Path) -> None:
    classifier, bundle = export(tmp_path / "bundle")
    photos = torch.randint(0, 256, (2, SIDE, SIDE, 3), dtype=torch.uint8)
    opened = models.load(bundle.folder)
    assert opened.targets == TARGETS
    with torch.inference_mode():
        torch.testing.assert_close(opened(photos), classifier(photos))


def test_bundle_description_survives_the_disk(tmp_path: Path) -> None:
    _, bundle = export(tmp_path / "bundle")
    description = open_bundle(bundle.folder).description
    assert description.outputs == ("abnormal", "grade>=1", "grade>=2")
    assert description.threshold("abnormal") == 0.4
    assert description.threshold("grade>=1") is None
    assert description.training == RECORD


def test_bundle_starts_another_network_without_its_head(tmp_path: Path) -> None:
    classifier, bundle = export(tmp_path / "bundle")
    other = Classifier(classifier.architecture, classifier.preprocessing, [Target(name="glaucoma")])
    load_report = initialise(other, str(bundle.folder))
    assert set(load_report.left_out or {}) == {"head.output.weight", "head.output.bias"}
    ours, theirs = other.backbone.state_dict(), classifier.backbone.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_bundle_with_another_normalisation_is_refused_as_a_start(tmp_path: Path) -> None:
    classifier, bundle = export(tmp_path / "bundle")
    other = Classifier(classifier.architecture, Preprocessing(side=SIDE, mean=(0.5, 0.5, 0.5)), TARGETS)
    with pytest.raises(UserError, match="trained with mean"):
        initialise(other, str(bundle.folder))


def test_bundle_with_a_damaged_tensor_is_refused(tmp_path: Path) -> None:
    _, bundle = export(tmp_path / "bundle")
    state = load_file(bundle.weights_path)
    state["head.output.bias"] += 1
    save_file(state, bundle.weights_path)
    with pytest.raises(UserError, match="SHA-256"):
        models.load(bundle.folder)
