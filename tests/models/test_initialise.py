"""No weight is loaded by accident, and none is missed in silence."""

import io
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from rich.console import Console
from safetensors.torch import save_file

from eyeground.bundle.description import TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.settings import read_recipe
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing, TrainingRecipe
from eyeground.errors import UserError
from eyeground.imaging.standard import standard_photo
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle
from eyeground.models.initialise import initialise
from eyeground.models.load_report import LoadReport

STANDARD = Preprocessing(side=64)
RECORD = TrainingRecord(
    manifest_fingerprint="0" * 64, photos=8, patients=4, initialisation="scratch", method="pretrain", epochs=1, seed=0
)


def network(
    backbone: str = "test_resnet", seed: int = 0, side: int = 64, head: str = "linear", target: str = "abnormal"
) -> Classifier:
    torch.manual_seed(seed)
    architecture = Architecture.model_validate({"backbone": backbone, "head": head})
    return Classifier(architecture, Preprocessing(side=side), [Target(name=target)])


def bundle_of(classifier: Classifier, folder: Path) -> Bundle:
    return export_bundle(
        classifier, folder, ModelInfo(name="test", training=RECORD, card="# test\n", licence="apache-2.0")
    )


def printed(load_report: LoadReport) -> str:
    text = io.StringIO()
    load_report.print(Console(file=text, width=300))
    return text.getvalue()


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
    load_report = initialise(classifier, str(path))
    loaded = classifier.backbone.state_dict()
    assert set(load_report.loaded) == set(loaded)
    assert all(torch.equal(loaded[name], state[name]) for name in loaded)
    assert set(load_report.left_out or {}) == {f"{prefix}fc.weight", f"{prefix}fc.bias"}
    assert load_report.prefix == prefix


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
        ("true", "did you mean 'imagenet'"),
        (True, "did you mean 'imagenet'"),
        ("1", "did you mean 'imagenet'"),
        ("No", "did you mean 'scratch'"),
        ("imagnet", r"neither scratch, imagenet, a bundle nor .*did you mean 'imagenet'"),
        ("retfound-mae", "eyeground convert FILE --from retfound-mae"),
        ("nowhere.safetensors", "no such weights file"),
        ("checkpoint.pth", "there is no such file"),
    ],
)
def test_unknown_source_is_refused_with_what_was_meant(source: str, message: str) -> None:
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


@pytest.mark.parametrize(
    ("override", "meant"),
    [("true", "imagenet"), ("yes", "imagenet"), ("'True'", "imagenet"), ("1", "imagenet"), ("no", "scratch")],
)
def test_a_recipe_that_says_yes_where_weights_are_named_is_refused(tmp_path: Path, override: str, meant: str) -> None:
    (tmp_path / "recipe.yaml").write_text(f"initialisation: {override}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"'initialisation': .* did you mean '{meant}'"):
        read_recipe(TrainingRecipe, tmp_path / "recipe.yaml")
    with pytest.raises(UserError, match=f"did you mean '{meant}'"):
        read_recipe(TrainingRecipe, overrides=[f"initialisation={override}"])


def test_unknown_prefix_is_an_error_with_names_of_both_sides(tmp_path: Path) -> None:
    path, _ = weights(tmp_path / "weights.safetensors", "student.net.")
    with pytest.raises(
        UserError, match=r"none has a name.*\n.*student\.net\.conv1.*\n  names in the network: conv1\.0\.weight"
    ):
        initialise(network(), str(path))


def test_a_checkpoint_to_convert_is_refused_with_the_command(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"eyeground convert .*weights\.pth --from FORMAT -o weights\.safetensors"):
        initialise(network(), str(tmp_path / "weights.pth"))


@pytest.mark.parametrize("side", [32, 64, 224, 512])
def test_the_whole_field_of_view_is_in_the_standard_photo_at_any_side(side: int) -> None:
    x, y = np.meshgrid(np.arange(700), np.arange(600))
    distance = np.hypot(x - 350, y - 300)
    photo = np.where((distance <= 250)[..., None], np.array([180, 90, 40]), 0).astype(np.uint8)
    photo[(distance > 225) & (distance <= 250)] = (180, 90, 160)  # the rim, which a centre crop would cut off
    rim = standard_photo(photo, Preprocessing(side=side)).pixels[..., 2] > 100
    margin, middle = max(1, side // 25), slice(side // 2 - side // 10, side // 2 + side // 10)
    for edge in (rim[middle, :margin], rim[middle, -margin:], rim[:margin, middle], rim[-margin:, middle]):
        assert edge.any()
    assert not rim[side // 4 : -side // 4, side // 4 : -side // 4].any()


def test_bundle_of_another_side_is_loaded_with_a_warning_that_names_both(tmp_path: Path) -> None:
    bundle = bundle_of(network(side=64), tmp_path / "bundle")
    larger = network(seed=1, side=128)
    load_report = initialise(larger, str(bundle.folder))
    assert len(load_report.warnings) == 1
    assert "trained at 64 px, used at 128 px" in load_report.warnings[0] and "2.00 times" in load_report.warnings[0]
    assert "warning: trained at 64 px" in printed(load_report)
    assert initialise(network(side=64), str(bundle.folder)).warnings == ()


def test_position_embedding_of_another_side_is_interpolated_and_said(tmp_path: Path) -> None:
    small = network("test_vit", side=64)
    places = torch.arange(16.0).view(4, 4).repeat_interleave(1, 0)
    small.backbone.pos_embed.data[0, 1:] = places.flatten()[:, None]
    bundle = bundle_of(small, tmp_path / "bundle")
    large = network("test_vit", seed=1, side=128)
    load_report = initialise(large, str(bundle.folder))
    embedding = large.backbone.pos_embed[0]
    assert torch.equal(embedding[0], small.backbone.pos_embed[0, 0])
    grid = embedding[1:, 0].view(8, 8)
    assert (grid.diff(dim=1) > 0).all() and (grid.diff(dim=0) > 0).all()  # the order of places is kept
    assert "position embedding interpolated from 4 x 4 to 8 x 8 places" in printed(load_report)
    assert load_report.warnings


def test_bundle_with_the_same_outputs_gives_its_head_too(tmp_path: Path) -> None:
    trained = network(seed=3)
    bundle = bundle_of(trained, tmp_path / "bundle")
    continued = network(seed=4)
    load_report = initialise(continued, str(bundle.folder))
    assert torch.equal(continued.head.output.weight, trained.head.output.weight)
    assert load_report.left_out == {} and "head loaded" in printed(load_report)


@pytest.mark.parametrize(("head", "target"), [("jang2024", "abnormal"), ("linear", "glaucoma")])
def test_another_head_or_other_outputs_start_fresh(tmp_path: Path, head: str, target: str) -> None:
    bundle = bundle_of(network(seed=3), tmp_path / "bundle")
    continued = network(seed=4, head=head, target=target)
    before = continued.head.output.weight.clone()
    load_report = initialise(continued, str(bundle.folder))
    assert torch.equal(continued.head.output.weight, before)
    reason = "head of another task, 1 outputs" if head == "linear" else "head of another kind: linear"
    assert load_report.left_out == dict.fromkeys(("head.output.bias", "head.output.weight"), reason)
