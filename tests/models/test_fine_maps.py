"""Evidence on finer cells: the identity holds, a wider head begins with the narrower one's answers, odd grids are refused."""

from pathlib import Path

import onnxruntime
import pytest
import torch
from pydantic import ValidationError

from eyeground.bundle.description import TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.models.fine_maps import FINE_CHANNELS
from eyeground.models.initialise import initialise

SIDE = 96
TARGETS = (Target(name="abnormal"), Target(name="grade", kind="ordinal", classes=("0", "1", "2")))


def classifier(backbone: str = "test_resnet", side: int = SIDE, seed: int = 0, **architecture: object) -> Classifier:
    torch.manual_seed(seed)
    chosen = Architecture.model_validate({"backbone": backbone, **architecture})
    return Classifier(chosen, Preprocessing(side=side), TARGETS).eval()


def photos() -> torch.Tensor:
    return torch.randint(0, 256, (3, SIDE, SIDE, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def bundle_of(network: Classifier, folder: Path) -> Bundle:
    record = TrainingRecord(
        manifest_fingerprint="0" * 64,
        photos=8,
        patients=4,
        initialisation="scratch",
        method="pretrain",
        epochs=1,
        seed=0,
    )
    return export_bundle(
        network, folder, ModelInfo(name="test", training=record, card="# test\n", licence="apache-2.0")
    )


@pytest.mark.parametrize("head", ["linear", "jang2024"])
@pytest.mark.parametrize("backbone", ["test_resnet", "mobilenetv2_035"])
@pytest.mark.parametrize("views", [{}, {"views": 4, "scales": (1, 0.67)}])
def test_evidence_on_fine_cells_averages_to_the_logit(backbone: str, head: str, views: dict[str, object]) -> None:
    network = classifier(backbone, head=head, fine_strides=(16, 8), **views)
    with torch.inference_mode():
        _, logits, embedding, evidence = network.explain(photos())
        _, bias = network.head.effective(embedding)
        pooled = network.features(photos()).mean(dim=(2, 3))
    assert evidence.shape[2:] == (SIDE // 8, SIDE // 8)
    assert embedding.shape[1] == network.embedding_size == network.backbone.num_features + 2 * FINE_CHANNELS
    torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(pooled, embedding, rtol=1e-4, atol=1e-5)


def test_the_last_map_is_what_the_backbone_gives_without_fine_ones() -> None:
    plain, fine = classifier("mobilenetv2_035"), classifier("mobilenetv2_035", fine_strides=(8,))
    fine.backbone.load_state_dict(plain.backbone.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(fine.maps(photos())[0], plain.maps(photos())[0])


def test_the_graph_gives_the_same_evidence(tmp_path: Path) -> None:
    network = classifier(fine_strides=(16, 8))
    bundle = bundle_of(network, tmp_path / "fine")
    session = onnxruntime.InferenceSession(bundle.onnx_path, providers=["CPUExecutionProvider"])
    [evidence] = session.run(["evidence"], {"photos": photos().numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(evidence), network.explain(photos())[3], rtol=1e-3, atol=1e-4)


def test_a_network_with_fine_maps_begins_with_the_answers_of_the_bundle_without(tmp_path: Path) -> None:
    plain = classifier(seed=1)
    bundle_of(plain, tmp_path / "plain")
    fine = classifier(seed=2, fine_strides=(8,))
    initialise(fine, str(tmp_path / "plain"))
    with torch.inference_mode():
        torch.testing.assert_close(fine.eval()(photos()), plain.eval()(photos()), rtol=1e-4, atol=1e-5)


def test_fine_maps_of_a_bundle_are_loaded_or_said_to_be_left_out(tmp_path: Path) -> None:
    source = classifier(seed=1, fine_strides=(16, 8))
    bundle_of(source, tmp_path / "fine")
    same, other = classifier(seed=2, fine_strides=(16, 8)), classifier(seed=2, fine_strides=(8,))
    assert not initialise(same, str(tmp_path / "fine")).left_out
    with torch.inference_mode():
        torch.testing.assert_close(same.eval()(photos()), source.eval()(photos()))
    left_out = initialise(other, str(tmp_path / "fine")).left_out or {}
    assert {name.split(".")[0] for name in left_out} == {"fine"}


@pytest.mark.parametrize(
    ("backbone", "side", "said"), [("test_vit", SIDE, "no feature map"), ("test_resnet", 100, "multiple of 32")]
)
def test_networks_without_nesting_maps_are_refused(backbone: str, side: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        classifier(backbone, side, fine_strides=(8,))


@pytest.mark.parametrize("strides", [(8, 16), (8, 8)])
def test_strides_come_once_and_the_coarsest_first(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValidationError, match="coarsest first"):
        Architecture(fine_strides=strides)
    with pytest.raises(ValidationError, match="smaller than output_stride"):
        Architecture(fine_strides=(16,), output_stride=16)
