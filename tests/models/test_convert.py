"""Checkpoints with their publishers' names and shapes are converted completely, and nothing else is.

The names are written out here as the publishers' code makes them, not derived from ours; the values are random.
"""

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from eyeground.cli import main
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.core.files import sha256_of
from eyeground.errors import UserError
from eyeground.models.checkpoints import read_origin
from eyeground.models.classifier import Classifier
from eyeground.models.convert import convert, empty_backbone, explanation, renaming
from eyeground.models.external_checkpoints import (
    DINOV2,
    DINOV3,
    FORMATS,
    JANG2024,
    RETFOUND_DINOV2,
    RETFOUND_GREEN,
    RETFOUND_MAE,
    TORCHVISION,
    Format,
)
from eyeground.models.initialise import initialise
from eyeground.models.matching import match

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, into: int) -> Shapes:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def block(name: str, width: int, scaled: bool = False) -> Shapes:
    shapes = norm(f"{name}.norm1", width) | linear(f"{name}.attn.qkv", 3 * width, width)
    shapes |= linear(f"{name}.attn.proj", width, width) | norm(f"{name}.norm2", width)
    shapes |= linear(f"{name}.mlp.fc1", 4 * width, width) | linear(f"{name}.mlp.fc2", width, 4 * width)
    return shapes | ({f"{name}.ls1.gamma": (width,), f"{name}.ls2.gamma": (width,)} if scaled else {})


def vit(width: int, depth: int, patch: int, positions: int, scaled: bool = False) -> Shapes:
    shapes: Shapes = {"cls_token": (1, 1, width), "patch_embed.proj.weight": (width, 3, patch, patch)}
    shapes |= {"patch_embed.proj.bias": (width,)} | ({"pos_embed": (1, positions, width)} if positions else {})
    for number in range(depth):
        shapes |= block(f"blocks.{number}", width, scaled)
    return shapes | norm("norm", width)


def retfound_mae(width: int = 1024, depth: int = 24) -> Shapes:
    shapes = vit(width, depth, 16, 197) | {"mask_token": (1, 1, 512), "decoder_pos_embed": (1, 197, 512)}
    shapes |= linear("decoder_embed", 512, width) | norm("decoder_norm", 512) | linear("decoder_pred", 768, 512)
    for number in range(8):
        shapes |= block(f"decoder_blocks.{number}", 512)
    return shapes


def dinov2(width: int, depth: int, registers: bool = False) -> Shapes:
    shapes = vit(width, depth, 14, 1370, scaled=True) | {"mask_token": (1, width)}
    return shapes | ({"register_tokens": (1, 4, width)} if registers else {})


def dinov2_teacher(width: int, depth: int) -> Shapes:
    heads: Shapes = {}
    for head in ("dino_head", "ibot_head"):
        heads |= linear(f"{head}.mlp.0", 64, width) | {f"{head}.last_layer.weight_g": (32, 1)}
    return {f"backbone.{name}": shape for name, shape in dinov2(width, depth).items()} | heads


def retfound_green() -> Shapes:
    return vit(384, 12, 14, 784, scaled=True) | {"reg_token": (1, 4, 384)}


def dinov3(width: int, depth: int, gated: int = 0) -> Shapes:
    shapes = vit(width, depth, 16, 0, scaled=True)
    shapes |= {"storage_tokens": (1, 4, width), "mask_token": (1, width), "rope_embed.periods": (16,)}
    for number in range(depth):
        name = f"blocks.{number}"
        shapes[f"{name}.attn.qkv.bias_mask"] = (3 * width,)
        if gated:
            for layer in ("fc1", "fc2"):
                del shapes[f"{name}.mlp.{layer}.weight"], shapes[f"{name}.mlp.{layer}.bias"]
            shapes |= linear(f"{name}.mlp.w1", gated, width) | linear(f"{name}.mlp.w2", gated, width)
            shapes |= linear(f"{name}.mlp.w3", width, gated)
    return shapes


def resnet(name: str) -> Shapes:
    with torch.device("meta"):
        return {key: tuple(one.shape) for key, one in torchvision.models.get_model(name).state_dict().items()}


def jang2024(prefix: str = "", outputs: int = 2) -> Shapes:
    shapes = {key: shape for key, shape in resnet("resnet50").items() if not key.startswith("fc.")}
    shapes |= linear("fc.0", 512, 2048) | linear("fc.2", outputs, 512)
    return {prefix + name: shape for name, shape in shapes.items()}


def filled(shapes: Shapes) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(5)
    return {
        name: torch.tensor(7) if name.endswith("num_batches_tracked") else torch.randn(shape, generator=random)
        for name, shape in shapes.items()
    }


def converted(tmp_path: Path, content: object, form: Format) -> dict[str, Tensor]:
    torch.save(content, tmp_path / "file.pth")
    convert(tmp_path / "file.pth", form, tmp_path / "file.safetensors")
    return load_file(tmp_path / "file.safetensors")


REAL = [
    (RETFOUND_MAE, "vit_large_patch16_224", retfound_mae(), 224),
    (RETFOUND_DINOV2, "vit_large_patch14_dinov2", dinov2_teacher(1024, 24), 518),
    (RETFOUND_GREEN, "vit_small_patch14_reg4_dinov2", retfound_green(), 392),
    *(
        (DINOV2, f"vit_{size}_patch14_dinov2", dinov2(*wide), 518)
        for size, wide in (("small", (384, 12)), ("base", (768, 12)), ("large", (1024, 24)))
    ),
    *(
        (DINOV2, f"vit_{size}_patch14_reg4_dinov2", dinov2(*wide, registers=True), 518)
        for size, wide in (("small", (384, 12)), ("base", (768, 12)), ("large", (1024, 24)))
    ),
    *(
        (DINOV3, f"vit_{size}_patch16_dinov3_qkvb", dinov3(*wide), 256)
        for size, wide in (
            ("small", (384, 12)),
            ("small_plus", (384, 12, 1536)),
            ("base", (768, 12)),
            ("large", (1024, 24)),
        )
    ),
    *((TORCHVISION, name, resnet(name), 224) for name in TORCHVISION.backbones),
    (JANG2024, "resnet50", jang2024(), 512),
]


@pytest.mark.parametrize(
    ("form", "backbone", "shapes", "side"), REAL, ids=lambda value: str(getattr(value, "name", ""))
)
def test_names_and_shapes_of_the_real_size_fit_whole(form: Format, backbone: str, shapes: Shapes, side: int) -> None:
    assert backbone in form.backbones
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    network = empty_backbone(backbone, side)
    found = match(network, tensors, explanation(form), renaming(form))
    assert (found.missing, found.misshapen, found.unexpected, found.notes) == ((), (), (), ())
    assert set(found.state) == set(network.state_dict())


def test_every_backbone_of_every_format_is_among_them() -> None:
    assert {(form.name, backbone) for form, backbone, _, _ in REAL} == {
        (form.name, backbone) for form in FORMATS.values() for backbone in form.backbones
    }


def test_retfound_mae_with_its_optimiser_and_arguments_leaves_the_decoder_behind(tmp_path: Path) -> None:
    source = filled(retfound_mae(192, 12))
    content = {"model": source, "optimizer": {"state": {}}, "epoch": 799, "args": argparse.Namespace(lr=1e-3)}
    form = replace(RETFOUND_MAE, backbones=("vit_tiny_patch16_224",))
    torch.save(content, tmp_path / "file.pth")
    load_report, origin = convert(tmp_path / "file.pth", form, tmp_path / "file.safetensors")
    kept = load_file(tmp_path / "file.safetensors")
    assert kept.keys() == vit(192, 12, 16, 197).keys()
    assert all(torch.equal(kept[name], source[name]) for name in kept)
    assert load_report.left_out["decoder_pred.weight"] == "decoder of the pre-training"
    assert {name for name, why in load_report.left_out.items() if why == "beside the weights"} == {
        "optimizer",
        "epoch",
        "args",
    }
    assert set(source) == set(kept) | (set(load_report.left_out) - {"optimizer", "epoch", "args"})
    assert (origin.side, origin.mean) == (224, (0.485, 0.456, 0.406))


def test_retfound_mae_that_was_fine_tuned_lacks_its_norm_and_is_refused(tmp_path: Path) -> None:
    source = filled(vit(192, 12, 16, 197) | linear("head", 5, 192) | norm("fc_norm", 192))
    del source["norm.weight"], source["norm.bias"]
    with pytest.raises(UserError, match=r"missing: norm\.weight, norm\.bias$"):
        converted(tmp_path, {"model": source}, replace(RETFOUND_MAE, backbones=("vit_tiny_patch16_224",)))


def test_retfound_dinov2_is_the_teacher_without_its_heads_at_the_side_of_its_positions(tmp_path: Path) -> None:
    source = filled(dinov2_teacher(384, 12))
    form = replace(RETFOUND_DINOV2, backbones=("vit_small_patch14_dinov2",), side=224)
    kept = converted(tmp_path, {"teacher": source}, form)
    assert all(torch.equal(kept[name], source[f"backbone.{name}"]) for name in kept)
    assert not any("head" in name or name == "mask_token" for name in kept)
    assert (origin := read_origin(tmp_path / "file.safetensors")) and origin.side == 518


def test_dinov2_with_registers_adds_the_class_position_to_the_class_token(tmp_path: Path) -> None:
    source = filled(dinov2(384, 12, registers=True))
    kept = converted(tmp_path, source, DINOV2)
    assert torch.equal(kept["reg_token"], source["register_tokens"])
    assert torch.equal(kept["cls_token"], source["cls_token"] + source["pos_embed"][:, :1])
    assert torch.equal(kept["pos_embed"], source["pos_embed"][:, 1:])
    assert (origin := read_origin(tmp_path / "file.safetensors")) and origin.backbone == "vit_small_patch14_reg4_dinov2"


def test_dinov3_keeps_the_biases_of_queries_and_values(tmp_path: Path) -> None:
    source = filled(dinov3(384, 12))
    kept = converted(tmp_path, source, DINOV3)
    bias = source["blocks.7.attn.qkv.bias"]
    assert torch.equal(kept["blocks.7.attn.q_bias"], bias[:384])
    assert torch.equal(kept["blocks.7.attn.v_bias"], bias[768:])
    assert torch.equal(kept["blocks.7.gamma_1"], source["blocks.7.ls1.gamma"])
    assert torch.equal(kept["reg_token"], source["storage_tokens"])


def test_a_torchvision_resnet_saved_from_data_parallel_gives_what_torchvision_gives(tmp_path: Path) -> None:
    torch.manual_seed(2)
    theirs = torchvision.models.resnet18().eval()
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "file.pth")
    load_report, _ = convert(tmp_path / "file.pth", TORCHVISION, tmp_path / "file.safetensors")
    assert load_report.prefix == "module." and {"module.fc.weight", "module.fc.bias", "epoch"} == set(
        load_report.left_out
    )
    ours = Classifier(Architecture(backbone="resnet18"), Preprocessing(side=224), [Target(name="abnormal")]).eval()
    initialise(ours, str(tmp_path / "file.safetensors"))
    photos = torch.randint(0, 256, (1, 224, 224, 3), dtype=torch.uint8)
    theirs.fc = torch.nn.Identity()
    normalised = (photos.permute(0, 3, 1, 2).float() - ours.mean) / ours.std
    with torch.inference_mode():
        torch.testing.assert_close(ours.embed(photos), theirs(normalised), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "encoder.", "module.model."])
def test_jang2024_fits_with_any_usual_prefix_and_leaves_its_head(prefix: str) -> None:
    tensors = {name: torch.empty(shape, device="meta") for name, shape in jang2024(prefix).items()}
    found = match(empty_backbone("resnet50", 512), tensors, explanation(JANG2024), renaming(JANG2024))
    assert found.problems == 0 and found.prefix == prefix
    assert set(found.left_out) == {f"{prefix}fc.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}


def test_jang2024_with_a_backbone_as_encoder_and_a_head_outside_fits() -> None:
    shapes = {name if name.startswith("fc") else f"encoder.{name}": shape for name, shape in jang2024().items()}
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    assert match(empty_backbone("resnet50", 512), tensors, explanation(JANG2024), renaming(JANG2024)).problems == 0


def test_once_converted_a_format_is_an_initialisation_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EYEGROUND_CACHE", str(tmp_path / "cache"))
    original = torchvision.models.resnet18()
    torch.save(original.state_dict(), tmp_path / "resnet18.pth")
    classifier = Classifier(Architecture(backbone="resnet18"), Preprocessing(side=64), (Target(name="abnormal"),))
    with pytest.raises(UserError, match="eyeground convert FILE --from torchvision"):
        initialise(classifier, "torchvision")
    assert main(["convert", str(tmp_path / "resnet18.pth"), "--from", "torchvision"]) == 0
    assert "initialisation: torchvision\n" in capsys.readouterr().out
    initialise(classifier, "torchvision")
    assert torch.equal(classifier.backbone.state_dict()["conv1.weight"], original.state_dict()["conv1.weight"])


def test_a_tensor_that_no_format_explains_is_an_error_that_names_it(tmp_path: Path) -> None:
    source = filled(resnet("resnet18")) | {"segmenter.weight": torch.zeros(3)}
    with pytest.raises(UserError, match=r"unexpected: segmenter\.weight$"):
        converted(tmp_path, source, TORCHVISION)


def test_a_tensor_that_the_renaming_would_drop_in_silence_is_an_error(tmp_path: Path) -> None:
    source = filled(dinov3(384, 12)) | {"local_cls_norm.weight": torch.zeros(384)}
    with pytest.raises(UserError, match=r"unexpected: local_cls_norm\.weight$"):
        converted(tmp_path, source, DINOV3)


def test_a_file_of_another_format_is_refused_with_names_of_both_sides(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"names in the file: conv1\.weight.*\n  names in the network: cls_token"):
        converted(tmp_path, filled(resnet("resnet18")), DINOV2)


def test_a_converted_file_says_what_it_is_and_is_held_to_it(tmp_path: Path) -> None:
    source = filled(retfound_green())
    save_file(source, tmp_path / "green.safetensors")
    target = tmp_path / "retfound-green.safetensors"
    assert main(["convert", str(tmp_path / "green.safetensors"), "--from", "retfound-green", "-o", str(target)]) == 0
    with safe_open(target, framework="pt") as file:
        record = json.loads(file.metadata()["eyeground"])
    assert record["sha256"] == sha256_of(tmp_path / "green.safetensors")
    assert (record["backbone"], record["side"], record["mean"]) == (
        "vit_small_patch14_reg4_dinov2",
        392,
        [0.5, 0.5, 0.5],
    )
    assert record["licence"] == RETFOUND_GREEN.licence and record["citation"] == RETFOUND_GREEN.citation
    half = (0.5, 0.5, 0.5)

    def start(backbone: str, **preprocessing: object) -> Classifier:
        settings = Preprocessing.model_validate(preprocessing)
        network = Classifier(Architecture(backbone=backbone), settings, [Target(name="abnormal")])
        load_report = initialise(network, str(target))
        assert bool(load_report.warnings) == (settings.side != 392)
        assert any("interpolated from 28 x 28 to 16 x 16" in note for note in load_report.notes) == (
            settings.side == 224
        )
        return network

    loaded = start("vit_small_patch14_reg4_dinov2", side=392, mean=half, std=half).backbone.state_dict()
    assert all(torch.equal(loaded[name], source[name]) for name in loaded)
    start("vit_small_patch14_reg4_dinov2", side=224, mean=half, std=half)
    with pytest.raises(UserError, match=re.escape("was trained with mean (0.5, 0.5, 0.5)")):
        start("vit_small_patch14_reg4_dinov2", side=392)
    with pytest.raises(UserError, match=r"set architecture\.backbone to 'vit_small_patch14_reg4_dinov2'"):
        start("test_vit", side=392, mean=half, std=half)


def test_names_of_files_and_formats_that_do_not_do_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({}, tmp_path / "a.pth")
    assert main(["convert", str(tmp_path / "a.pth"), "--from", "retfound-mea", "-o", "b.safetensors"]) == 2
    assert "did you mean 'retfound-mae'?" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"must end in \.safetensors"):
        convert(tmp_path / "a.pth", TORCHVISION, tmp_path / "b.pth")
    with pytest.raises(UserError, match="choose another name"):
        convert(tmp_path / "a.safetensors", TORCHVISION, tmp_path / "a.safetensors")
