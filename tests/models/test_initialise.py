"""No weight is loaded by accident, and none is missed in silence."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.models.initialise import initialise
from eyeground.recipe import Architecture, Preprocessing, Target

STANDARD = Preprocessing(side=64)


def network(backbone: str = "test_resnet", seed: int = 0) -> Classifier:
    torch.manual_seed(seed)
    return Classifier(Architecture(backbone=backbone), STANDARD, [Target(name="abnormal")])


def weights(path: Path, prefix: str = "", **changes: torch.Tensor | None) -> tuple[Path, dict[str, torch.Tensor]]:
    """A timm checkpoint with a 1000-class head, some of its tensors changed or (None) left out."""
    torch.manual_seed(7)
    state = dict(timm.create_model("test_resnet", num_classes=1000).state_dict())
    for name, tensor in changes.items():
        key = name.replace("__", ".")
        if tensor is None:
            del state[key]
        else:
            state[key] = tensor
    save_file({prefix + name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path, state


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
def test_timm_checkpoint_is_loaded_whole_and_its_head_left_out(tmp_path: Path, prefix: str) -> None:
    path, state = weights(tmp_path / "weights.safetensors", prefix)
    classifier = network()
    account = initialise(classifier, str(path))
    loaded = classifier.backbone.state_dict()
    assert set(account.loaded) == set(loaded)
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)
    assert set(account.left_out or {}) == {f"{prefix}fc.weight", f"{prefix}fc.bias"}
    assert account.prefix == prefix


def test_missing_tensor_is_an_error_that_names_it(tmp_path: Path) -> None:
    path, _ = weights(tmp_path / "weights.safetensors", conv1__0__weight=None)
    with pytest.raises(UserError, match=r"missing: conv1\.0\.weight"):
        initialise(network(), str(path))


def test_unexplained_tensor_is_an_error_that_names_it(tmp_path: Path) -> None:
    path, _ = weights(tmp_path / "weights.safetensors", decoder__weight=torch.zeros(3))
    with pytest.raises(UserError, match=r"unexpected: decoder\.weight"):
        initialise(network(), str(path))


def test_other_shape_is_an_error_that_says_both(tmp_path: Path) -> None:
    path, _ = weights(tmp_path / "weights.safetensors", conv1__0__weight=torch.zeros(1, 3, 3, 3))
    with pytest.raises(UserError, match=r"\(1, 3, 3, 3\) in the file"):
        initialise(network(), str(path))


def test_weights_of_another_backbone_load_nothing_and_say_so(tmp_path: Path) -> None:
    path, _ = weights(tmp_path / "weights.safetensors")
    classifier = network("test_vit")
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    with pytest.raises(UserError, match="does not fit backbone 'test_vit'"):
        initialise(classifier, str(path))
    assert all(torch.equal(before[name], tensor) for name, tensor in classifier.state_dict().items())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("true", "neither scratch, imagenet, a bundle nor"),
        ("nowhere.safetensors", "no such weights file"),
        ("checkpoint.pth", "there is no such file"),
    ],
)
def test_unknown_source_is_refused(source: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        initialise(network(), source)


def test_pickle_in_a_safetensors_name_is_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    torch.save({"fc.weight": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="not a readable safetensors file"):
        initialise(network(), str(path))


def test_scratch_leaves_the_weights_as_they_are() -> None:
    classifier = network()
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    assert initialise(classifier, "scratch").loaded == ()
    assert all(torch.equal(before[name], tensor) for name, tensor in classifier.state_dict().items())
