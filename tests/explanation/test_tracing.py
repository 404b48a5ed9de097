"""Traced evidence: what is split adds up, cells look where they are placed, and the network is left as it was."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.explanation.maps import explain
from eyeground.explanation.tracing import Traced, trace
from eyeground.models.classifier import Classifier, View

SIDE = 64
SAME = {"backbone_options": {"pad_type": "same"}}


def classifier(backbone: str = "test_resnet", side: int = SIDE, **architecture: object) -> Classifier:
    torch.manual_seed(0)
    chosen = Architecture.model_validate({"backbone": backbone, **architecture})
    return Classifier(chosen, Preprocessing(side=side), (Target(name="abnormal"), Target(name="amd"))).eval()


def photo(side: int = SIDE) -> torch.Tensor:
    return torch.randint(0, 256, (1, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("head", ["linear", "jang2024"])
@pytest.mark.parametrize("views", [1, 2, 4])
def test_at_the_last_feature_map_tracing_gives_the_evidence_map(head: str, views: int) -> None:
    network = classifier(head=head, views=views)
    traced = trace(network, photo(), 1, stride=32)
    with torch.inference_mode():
        evidence = network.explain(photo())[3][0, 1].numpy()
    assert [cells.shape for cells in traced.cells] == views * [evidence.shape]
    np.testing.assert_allclose(np.mean(traced.cells, axis=0), evidence, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("views", "scales"), [(1, (1,)), (2, (1,)), (2, (1, 0.5))])
def test_without_biases_the_whole_logit_is_split_at_any_stride(views: int, scales: tuple[float, ...]) -> None:
    network = classifier(views=views, scales=scales)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
    with torch.inference_mode():
        logit = network(photo())[0, 0].item()
    for stride in (4, 8, 16, 32):
        assert trace(network, photo(), 0, stride).traced == pytest.approx(logit, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("backbone", "options", "side"),
    [
        ("test_resnet", {}, 64),
        ("mobilenetv2_035", {}, 64),
        ("mobilenetv2_035", SAME, 64),
        ("mobilenetv2_035", SAME, 72),
    ],
)
def test_a_cell_looks_where_it_is_placed(backbone: str, options: dict[str, object], side: int) -> None:
    """The stage is made linear with even weights: a cell's gradient on the photo is then symmetric about where it looks."""
    network = classifier(backbone, side, **options)
    found = trace(network, photo(side), 0)
    for module in network.backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.constant_(module.weight, 1e-3)  # far from where ReLU6 is flat
    pixels = torch.full((1, 3, side, side), 0.1, requires_grad=True)
    kept: list[torch.Tensor] = []
    stage = [stage for stage in network.backbone.feature_info if stage["reduction"] == 8][-1]["module"]
    network.backbone.get_submodule(stage).register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    network.backbone.forward_features(pixels)
    cell = kept[0].shape[-1] // 2
    gradient = torch.autograd.grad(kept[0][0, :, cell, cell].double().sum(), pixels)[0][0].sum(dim=0).double()
    along = gradient.sum(dim=0)
    looks = float((along * torch.arange(side)).sum() / along.sum())
    # Fields that reach beyond the photo are cut off at its edge, which draws the mean inwards by less than a pixel or two.
    assert looks == pytest.approx(found.centre + found.stride * cell, abs=1.5)


def test_turning_the_photo_turns_the_map() -> None:
    network = classifier("mobilenetv2_035", views=2, **SAME)
    upright = trace(network, photo(), 0).placed(SIDE)
    turned = trace(network, photo().flip((1, 2)), 0).placed(SIDE)
    np.testing.assert_allclose(turned[::-1, ::-1], upright, rtol=1e-3, atol=1e-4 * np.abs(upright).max())


@pytest.mark.parametrize("turned", [(), (2, 3)])
def test_cells_of_a_reduced_view_are_placed_where_they_look(turned: tuple[int, ...]) -> None:
    """Cells that hold the column of the photo that they look at give, placed, the column of each pixel."""
    side, stride, centre = 128, 8.0, 5.0
    for reduced in (128, 64):
        looks = centre + stride * np.arange(reduced // 8)
        looks = np.sort(reduced - 1 - looks) if turned else looks
        columns = np.float32((looks + 0.5) * side / reduced - 0.5)
        cells = np.tile(columns, (len(columns), 1))
        placed = Traced((cells,), (View(reduced, turned),), stride, centre).placed(side)
        np.testing.assert_allclose(placed[64, 48:80], np.arange(48, 80), atol=0.2)


def test_enlarging_without_an_offset_is_plain_enlarging() -> None:
    found = trace(classifier(), photo(), 0)
    centred = type(found)(found.cells, found.views, found.stride, (found.stride - 1) / 2)
    plain = cv2.GaussianBlur(cv2.resize(found.cells[0], (SIDE, SIDE)), (0, 0), found.stride / 2)
    np.testing.assert_allclose(centred.placed(SIDE), plain, rtol=1e-3, atol=1e-3 * np.abs(plain).max())


def test_the_network_is_left_as_it_was() -> None:
    network = classifier()
    frozen = next(network.backbone.parameters()).requires_grad_(False)
    explain(network, photo()[0].numpy(), "amd", "traced")
    assert not frozen.requires_grad and network.head.output.weight.requires_grad
    assert network.head.output.weight.grad is None
    assert not any(module._forward_hooks for module in network.modules())


def test_a_backbone_without_a_fine_feature_map_is_told() -> None:
    with pytest.raises(UserError, match=r"no feature map of stride 8.*leave out the method 'traced'"):
        trace(classifier("test_vit"), photo(), 0)
