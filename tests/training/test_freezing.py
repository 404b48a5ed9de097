"""Frozen layers: the lowest alone, whole groups of them, unchanged by training."""

import pytest
import timm
import torch
from timm.models import group_parameters

from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Optimisation, Preprocessing, TrainingRecipe
from eyeground.errors import UserError
from eyeground.models.classifier import Classifier
from eyeground.training.freezing import freeze_lowest
from eyeground.training.lightning_module import ClassifierModule

RECIPE = TrainingRecipe(
    targets=(Target(name="abnormal"),),
    architecture=Architecture(backbone="test_resnet"),
    preprocessing=Preprocessing(side=32),
    optimisation=Optimisation(freeze=2),
)


def test_the_lowest_groups_are_frozen_and_no_others() -> None:
    backbone = timm.create_model("resnet18", num_classes=0, global_pool="")
    groups = group_parameters(backbone, backbone.group_matcher(coarse=True))
    freeze_lowest(backbone, 2)
    frozen = {name for name, parameter in backbone.named_parameters() if not parameter.requires_grad}
    assert frozen == {*groups[0], *groups[1]}


def test_nothing_is_frozen_by_default() -> None:
    backbone = timm.create_model("test_resnet", num_classes=0)
    assert freeze_lowest(backbone, 0) == ()
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def test_freezing_everything_is_refused() -> None:
    backbone = timm.create_model("test_resnet", num_classes=0)
    with pytest.raises(UserError, match="freeze fewer"):
        freeze_lowest(backbone, 99)


def test_a_training_step_leaves_frozen_weights_and_statistics_as_they_were() -> None:
    torch.manual_seed(0)
    classifier = Classifier(RECIPE.architecture, RECIPE.preprocessing, RECIPE.targets)
    module = ClassifierModule(classifier, RECIPE, torch.zeros(1, 1), None)
    module.train()
    groups = group_parameters(classifier.backbone, classifier.backbone.group_matcher(coarse=True))
    frozen_layers = {name.rpartition(".")[0] for group in (0, 1) for name in groups[group]}
    before = {name: tensor.clone() for name, tensor in classifier.backbone.state_dict().items()}
    classifier(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8)).sum().backward()
    torch.optim.SGD([p for p in classifier.parameters() if p.requires_grad], lr=1.0).step()
    changed = {
        name.rpartition(".")[0]
        for name, tensor in classifier.backbone.state_dict().items()
        if not torch.equal(tensor, before[name])
    }
    assert changed
    assert not changed & frozen_layers
