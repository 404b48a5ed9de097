"""The identity on which all evidence rests, and the shapes around it."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.backbones import area_average
from eyeground.models.classifier import Classifier
from eyeground.models.heads import LinearHead, in_order, probabilities

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
    with pytest.raises(UserError, match="takes photos of 64 px only"):
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


# Finite numbers, many of them equal or neighbours.
LOGIT = st.one_of(st.integers(-3, 3).map(float), st.floats(-30, 30, width=32), st.just(1 + 2.0**-23))


@st.composite
def targets_with_logits(draw: st.DrawFn) -> tuple[tuple[Target, ...], torch.Tensor]:
    kinds = draw(st.lists(st.sampled_from(["binary", "multiclass", "ordinal"]), min_size=1, max_size=4))
    grades = [() if kind == "binary" else tuple("01234"[: draw(st.integers(2, 5))]) for kind in kinds]
    targets = tuple(Target(name=f"t{i}", kind=kind, classes=grades[i]) for i, kind in enumerate(kinds))
    outputs = sum(len(target.outputs) for target in targets)
    rows = draw(st.lists(st.lists(LOGIT, min_size=outputs, max_size=outputs), min_size=1, max_size=3))
    return targets, torch.tensor(rows)


def parts_of(values: torch.Tensor, targets: tuple[Target, ...]) -> Iterator[tuple[Target, torch.Tensor]]:
    yield from zip(targets, values.split([len(target.outputs) for target in targets], dim=1), strict=True)


@given(targets_with_logits())
def test_ordinal_steps_are_running_minima_and_all_else_stays(
    drawn: tuple[tuple[Target, ...], torch.Tensor],
) -> None:
    targets, logits = drawn
    ordered, chosen = in_order(logits, targets)
    assert torch.equal(ordered, logits.gather(1, chosen))
    for (target, found), (_, own) in zip(parts_of(ordered, targets), parts_of(logits, targets), strict=True):
        assert torch.equal(found, own.cummin(dim=1).values if target.kind == "ordinal" else own)
    for target, found in parts_of(probabilities(logits, targets), targets):
        assert target.kind != "ordinal" or (found.diff(dim=1) <= 0).all()


@pytest.mark.parametrize("size", [1, 5, 8, 17])
def test_close_logits_keep_the_order_of_their_probabilities(size: int) -> None:
    grade = Target(name="grade", kind="ordinal", classes=tuple(str(step) for step in range(size + 1)))
    logits = torch.linspace(-9, 9, 999)[:, None] - torch.arange(size) * 2.0**-24
    assert (probabilities(logits, [grade]).diff(dim=1) <= 0).all()


def test_a_step_that_is_no_number_is_not_hidden_by_the_one_below() -> None:
    logits = torch.tensor([[0.0, 0, 0, 0, -1, float("nan")]])
    assert in_order(logits, TARGETS)[0].isnan().any() and probabilities(logits, TARGETS).isnan().any()


def out_of_order(head: str, **architecture: object) -> Classifier:
    """For about half of the photos, the last layer calls grade 2 more probable than grade 1."""
    network = classifier(head=head, **architecture)
    with torch.no_grad():
        network.head.output.bias[4] += 99
        logits = network(photos(8))
        network.head.output.bias[4] -= (logits[:, 4] - logits[:, 5]).median() + 1e-4
    return network


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("head", ["linear", "jang2024"])
def test_a_step_out_of_order_has_logit_and_map_of_the_step_below(head: str, views: int) -> None:
    network = out_of_order(head, views=views)
    with torch.inference_mode():
        found, logits, embedding, evidence = network.explain(photos(8))
        _, bias = network.head.effective(embedding)
    torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, logits, rtol=1e-4, atol=1e-5)
    assert (logits[:, 5] <= logits[:, 4]).all() and (found[:, 5] <= found[:, 4]).all()
    lifted = logits[:, 5] == logits[:, 4]
    assert 0 < lifted.sum() < 8
    assert torch.equal(evidence[lifted, 5], evidence[lifted, 4])
    assert not torch.isclose(evidence[~lifted, 5], evidence[~lifted, 4]).all()


def test_a_step_out_of_order_learns_itself_and_is_explained_by_the_step_below() -> None:
    head, embedding = LinearHead(3, TARGETS), torch.tensor([[1.0, -2, 3]])
    with torch.no_grad():
        head.output.bias[5] += 9
    for training, chosen in ((True, 5), (False, 4)):
        logits = head.train(training)(embedding)
        assert logits[0, 5].item() == pytest.approx(logits[0, 4].item(), abs=1e-5)
        [gradient] = torch.autograd.grad(logits[0, 5], [head.output.weight])
        expected = torch.zeros(6, 3)
        expected[chosen] = embedding[0]
        assert torch.equal(gradient, expected)


def test_steps_that_start_out_of_order_are_learnt_all_the_same() -> None:
    torch.manual_seed(0)
    embedding = torch.randn(200, 4)
    truth = (embedding[:, :1] > torch.tensor([-0.5, 0.5])).float()
    head = LinearHead(4, TARGETS[2:])
    with torch.no_grad():
        head.output.bias.copy_(torch.tensor([-3.0, 3.0]))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(head(embedding), truth).backward()
        optimiser.step()
    assert ((head.eval()(embedding) > 0) == truth.bool()).float().mean() > 0.97


def test_exclusive_classes_share_one_and_other_outputs_stand_alone() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0, -2.0, 2.0, 0.5]])
    found = probabilities(logits, TARGETS)
    assert found[0, 1:4].sum() == pytest.approx(1)
    assert found[0, 0] == pytest.approx(0.5)
    assert found[0, 5] == pytest.approx(torch.sigmoid(torch.tensor(0.5)).item())


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
