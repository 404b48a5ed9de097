"""Maps by every method: their shapes and ranges, and where two methods must agree."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.datasets.synthetic import render
from eyeground.errors import UserError
from eyeground.explanation.maps import METHODS, explain
from eyeground.explanation.perturbation import area_under, deletion_curve, insertion_curve
from eyeground.explanation.randomisation import cascade
from eyeground.models.classifier import Classifier

SIDE = 64
TARGETS = (Target(name="abnormal"), Target(name="grade", kind="ordinal", classes=("0", "1", "2")))


def classifier(backbone: str = "test_resnet", **architecture: object) -> Classifier:
    torch.manual_seed(0)
    chosen = Architecture.model_validate({"backbone": backbone, **architecture})
    return Classifier(chosen, Preprocessing(side=SIDE), TARGETS).eval()


def photo(seed: int = 0) -> NDArray[np.uint8]:
    return render("diabetic_retinopathy", height=SIDE, width=SIDE, seed=seed).pixels


@pytest.mark.parametrize("backbone", ["test_resnet", "test_vit", "test_convnext"])
@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("traced", "rollout")])
def test_every_method_maps_every_kind_of_backbone(backbone: str, method: str) -> None:
    found = explain(classifier(backbone), photo(), "grade>=2", method)
    assert found.values.shape == (SIDE, SIDE) and np.isfinite(found.values).all()
    assert found.forward_passes == 1
    assert found.backward_passes == (method not in ("evidence", "eigencam"))
    if method != "evidence":
        assert found.values.min() >= 0 and found.values.max() <= 1


@pytest.mark.parametrize("head", ["linear", "jang2024"])
@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("eigencam", "rollout")])
def test_a_step_out_of_order_is_explained_by_the_step_that_gives_its_logit(method: str, head: str) -> None:
    network = classifier(head=head)
    own = explain(network, photo(), "grade>=2", method).values
    with torch.no_grad():
        network.head.output.bias += torch.tensor([0.0, 9, 0])
    assert np.ptp(own - explain(network, photo(), "grade>=1", method).values) > 0
    with torch.no_grad():
        network.head.output.bias -= torch.tensor([0.0, 18, 0])
    below, shown = (explain(network, photo(), output, method).values for output in ("grade>=1", "grade>=2"))
    np.testing.assert_array_equal(shown, below)


@pytest.mark.parametrize("views", [1, 2])
@pytest.mark.parametrize("output", ["abnormal", "grade>=1", "grade>=2"])
def test_with_a_linear_head_grad_cam_is_the_evidence_without_its_negative_part(views: int, output: str) -> None:
    network = classifier(views=views)
    index = ["abnormal", "grade>=1", "grade>=2"].index(output)
    with torch.inference_mode():
        cells = network.explain(torch.from_numpy(photo())[None])[3][0, index].numpy()
    positive = np.maximum(cells, 0)
    expected = (positive - positive.min()) / (1e-7 + np.ptp(positive))
    found = explain(network, photo(), output, "gradcam").values
    np.testing.assert_allclose(found, cv2.resize(expected, (SIDE, SIDE)), atol=1e-3)


def test_rollout_is_the_same_for_every_output_and_leaves_the_network_as_it_was() -> None:
    network = classifier("test_vit")
    before = network(torch.from_numpy(photo())[None])
    one, other = (explain(network, photo(), output, "rollout").values for output in ("abnormal", "grade>=1"))
    np.testing.assert_array_equal(one, other)
    assert one.min() >= 0 and one.max() <= 1 and np.ptp(one) > 0
    torch.testing.assert_close(network(torch.from_numpy(photo())[None]), before)


def test_mistakes_are_told_with_what_there_is() -> None:
    network = classifier()
    with pytest.raises(UserError, match=r"no output 'abnormla'.*did you mean 'abnormal'"):
        explain(network, photo(), "abnormla")
    with pytest.raises(UserError, match=r"no method 'grad-cam'.*gradcam"):
        explain(network, photo(), "abnormal", "grad-cam")
    with pytest.raises(UserError, match="no attention to roll out"):
        explain(network, photo(), "abnormal", "rollout")
    with pytest.raises(UserError, match=r"takes \(64, 64, 3\)"):
        explain(network, photo()[:32], "abnormal")


def test_randomising_leaves_the_network_alone_and_draws_from_the_output_down() -> None:
    network = classifier()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = cascade(network, photo(), "abnormal")
    assert next(iter(found)) == "head" and len(found) > 2
    assert all(np.isnan(value) or -1 <= value <= 1 for value in found.values())
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor, before[name])
    assert found == cascade(network, photo(), "abnormal")


def test_deleting_by_the_true_map_falls_faster_than_by_its_opposite() -> None:
    inside = np.ones((64, 64), bool)
    pixels = np.full((64, 64, 3), 10, np.uint8)
    pixels[20:22, 20:22] = 250  # small enough for the blur that insertion starts from
    truth = (pixels[..., 0] > 100).astype(float)

    def brightest(photos: NDArray[np.uint8]) -> NDArray[np.floating]:
        return (photos[..., 0] > 100).mean(axis=(1, 2))

    for curve, sign in ((deletion_curve, 1), (insertion_curve, -1)):
        by_truth = curve(brightest, pixels, truth, inside, 8)
        by_opposite = curve(brightest, pixels, -truth, inside, 8)
        assert len(by_truth) == 9
        assert sign * area_under(by_truth) < sign * area_under(by_opposite)
        assert by_truth[0] == by_opposite[0] and by_truth[-1] == by_opposite[-1]
