"""What tests of workflows share: bundles of small networks that were never trained."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from eyeground.bundle.description import TrainingRecord
from eyeground.bundle.model_info import ModelInfo
from eyeground.bundle.open import Bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing
from eyeground.models.classifier import Classifier
from eyeground.models.export import export_bundle


@pytest.fixture(scope="session")
def random_bundle() -> Callable[..., Bundle]:
    """Write a bundle with random weights in a folder, named like it; keywords go to `ModelInfo`."""

    def write(
        folder: Path,
        targets: Sequence[Target] = (Target(name="abnormal"),),
        architecture: Architecture | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Bundle:
        torch.manual_seed(seed)
        classifier = Classifier(architecture or Architecture(backbone="test_resnet"), Preprocessing(side=48), targets)
        classifier(torch.randint(0, 256, (8, 48, 48, 3), dtype=torch.uint8))  # sets the statistics of its normalisation
        record = TrainingRecord(
            manifest_fingerprint="0" * 64,
            photos=1,
            patients=1,
            initialisation="scratch",
            method="pretrain",
            epochs=1,
            seed=0,
        )
        card = f"# {folder.name}\n"
        return export_bundle(classifier, folder, ModelInfo(folder.name, record, card, "mit", **options))

    return write
