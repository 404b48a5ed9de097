"""Stacking: the share that logistic regression gives is found, the head answers with it, and nonsense is refused."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.workflows.release.stacking import stack

TARGETS = (
    Target(name="abnormal"),
    Target(name="glaucoma"),
    Target(name="device", kind="multiclass", classes=("a", "b", "c")),
    Target(name="grade", kind="ordinal", classes=("0", "1", "2")),
)
PHOTOS = 4000


def classifier(head: str = "linear") -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture.model_validate({"backbone": "test_resnet", "head": head})
    return Classifier(architecture, Preprocessing(side=32), TARGETS).eval()


def predicted(share: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and truths of photos whose true log odds are the first logit plus a share of the second."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (PHOTOS, 7))
    truth = np.full((PHOTOS, 7), np.nan)
    truth[:, 0] = random.random(PHOTOS) < expit(logits[:, 0] + share * logits[:, 1])
    return expit(logits).astype(np.float32), truth


@pytest.mark.parametrize("head", ["linear", "jang2024"])
def test_the_share_is_found_and_the_evidence_map_still_averages_to_the_logit(head: str) -> None:
    network = classifier(head)
    photos = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before = network(photos)
    probabilities, truth = predicted(0.5)
    done, again = stack(network, "abnormal", "glaucoma", probabilities, truth)
    assert done.share == pytest.approx(0.5, abs=0.08)
    assert done.photos == PHOTOS
    np.testing.assert_allclose(
        logit(again[:, 0]), logit(probabilities) @ [1, done.share, 0, 0, 0, 0, 0], rtol=1e-2, atol=1e-2
    )
    np.testing.assert_array_equal(again[:, 1:], probabilities[:, 1:])
    with torch.inference_mode():
        _, after, embedding, evidence = network.explain(photos)
        _, bias = network.head.effective(embedding)
    torch.testing.assert_close(after[:, 0], before[:, 0] + done.share * before[:, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after[:, 1:], before[:, 1:])
    torch.testing.assert_close(evidence.mean(dim=(2, 3)) + bias, after, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("output", "added", "message"),
    [
        ("abnormal", "glaucoma", "is -0.3.., not above 0"),
        ("abnormal", "a", "no output 'a'"),
        ("abnormal", "device=a", "exclusive classes"),
        ("grade>=1", "abnormal", "only a binary one can be added to"),
        ("abnormal", "grade>=2", "only the first step"),
        ("abnormal", "abnormal", "cannot be added to itself"),
        ("glaucoma", "abnormal", "0 validation photos are positive and 0 negative"),
    ],
)
def test_what_cannot_be_stacked_is_refused_and_the_head_stays(output: str, added: str, message: str) -> None:
    network = classifier()
    before = network.head.output.weight.clone()
    with pytest.raises(UserError, match=message):
        stack(network, output, added, *predicted(-0.3))
    torch.testing.assert_close(network.head.output.weight, before)
