"""The identity on which all evidence rests, and the shapes around it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from eyeground.errors import UserError
from eyeground.models.classifier import Classifier, area_average, probabilities
from eyeground.recipe import Architecture, Preprocessing, Target

SIDE = 64
TARGETS = (
    Target(name="abnormal"),
    Target(name="device", kind="multiclass", classes=("a", "b", "c")),
    Target(name="grade", kind="ordinal", classes=("0", "1", "2")),
)


def photos(count: int = 3, side: int = SIDE) -> torch.Tensor:
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def classifier(**architecture: object) -> Classifier:
    torch.manual_seed(0)
    chosen = Architecture.model_validate({"backbone": "test_resnet", **architecture})
    return Classifier(chosen, Preprocessing(side=SIDE), TARGETS).eval()


@pytest.mark.parametrize("head", ["linear", "jang2024"])
@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext"])
def test_evidence_map_averages_to_the_logit(backbone: str, head: str) -> None:
    network = classifier(backbone=backbone, head=head)
    with torch.inference_mode():
        _, logits, embedding, evidence = network.explain(photos())
        _, bias = network.head.effective(embedding)
    torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network(photos()), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("views", [2, 4])
def test_with_views_the_map_still_averages_to_the_logit_and_turns_with_the_photo(views: int) -> None:
    one, network = classifier(), classifier(views=views)
    network.load_state_dict(one.state_dict())
    turned = [photos(), photos().flip((1, 2)), photos().flip((2,)), photos().flip((1,))][:views]
    with torch.inference_mode():
        _, logits, embedding, evidence = network.explain(photos())
        _, bias = network.head.effective(embedding)
        torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(
            logits, torch.stack([one(view) for view in turned]).mean(dim=0), rtol=1e-4, atol=1e-5
        )
        upside_down = network.explain(photos().flip((1, 2)))
    torch.testing.assert_close(upside_down[0], network.explain(photos())[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(upside_down[3].flip((2, 3)), evidence, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("views", [1, 2])
def test_several_scales_average_what_is_seen_at_each_and_the_map_still_averages_to_the_logit(views: int) -> None:
    one, network = classifier(views=views), classifier(views=views, scales=(1, 0.5))
    network.load_state_dict(one.state_dict())
    reduced = functional.interpolate(photos().permute(0, 3, 1, 2).float(), scale_factor=0.5, mode="bilinear")
    with torch.inference_mode():
        _, logits, embedding, evidence = network.explain(photos())
        _, bias = network.head.effective(embedding)
        expected = (one(photos()) + one(reduced.permute(0, 2, 3, 1))) / 2
        assert evidence.shape == one.explain(photos())[3].shape
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)


@given(
    cells=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_averaging_over_area_keeps_means_and_is_pooling_where_cells_nest(
    cells: tuple[int, int], grid: tuple[int, int], seed: int
) -> None:
    maps = torch.randn(2, 3, *cells, generator=torch.Generator().manual_seed(seed))
    found = area_average(maps, grid)
    assert found.shape == (2, 3, *grid)
    torch.testing.assert_close(found.mean(dim=(2, 3)), maps.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(area_average(torch.ones_like(maps), grid), torch.ones(2, 3, *grid))
    if all(old % new == 0 for old, new in zip(cells, grid, strict=True)):
        expected = functional.adaptive_avg_pool2d(maps, grid)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_network_of_one_size_cannot_see_several() -> None:
    with pytest.raises(UserError, match="sees photos of 64 px only"):
        classifier(backbone="test_vit", scales=(1, 0.5))


def test_two_scales_of_the_same_side_are_refused() -> None:
    with pytest.raises(UserError, match="the same side twice"):
        classifier(scales=(1, 0.6, 0.5))


@pytest.mark.parametrize("scales", [(0.5, 1), (1, 0.5, 0.5), (), (1, 9), (1, 0.25)])
def test_scales_that_make_no_sense_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Architecture.model_validate({"scales": scales})


def test_training_sees_a_photo_once() -> None:
    one, network = classifier(), classifier(views=4, scales=(1, 0.5))
    network.load_state_dict(one.state_dict())
    torch.testing.assert_close(network.train()(photos()), one.train()(photos()))


def test_smaller_output_stride_gives_a_finer_evidence_map() -> None:
    coarse, fine = (classifier(backbone="resnet10t", output_stride=stride) for stride in (32, 16))
    with torch.inference_mode():
        assert coarse.explain(photos())[3].shape[2:] == (2, 2)
        assert fine.explain(photos())[3].shape[2:] == (4, 4)


def test_exclusive_classes_share_one_and_other_outputs_stand_alone() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0, -2.0, 0.0, 2.0]])
    found = probabilities(logits, TARGETS)
    assert found[0, 1:4].sum() == pytest.approx(1)
    assert found[0, 0] == pytest.approx(0.5)
    assert found[0, 5] == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item())


def test_normalisation_is_part_of_the_network() -> None:
    torch.manual_seed(0)
    dark, bright = (
        Classifier(Architecture(backbone="test_resnet"), Preprocessing(side=SIDE, mean=mean), TARGETS[:1]).eval()
        for mean in ((0.1, 0.1, 0.1), (0.9, 0.9, 0.9))
    )
    bright.load_state_dict(dark.state_dict())
    with torch.inference_mode():
        assert not torch.allclose(dark(photos()), bright(photos()))


def test_unknown_backbone_is_named_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"no model 'resnet050' \(did you mean 'resnet50'"):
        classifier(backbone="resnet050")


def test_impossible_option_is_a_user_error() -> None:
    with pytest.raises(UserError, match="cannot be made with"):
        classifier(backbone="test_vit", output_stride=16)


def test_target_without_classes_is_refused() -> None:
    with pytest.raises(UserError, match="'grade' \\(ordinal\\) has no classes"):
        Classifier(
            Architecture(backbone="test_resnet"), Preprocessing(side=SIDE), [Target(name="grade", kind="ordinal")]
        )
