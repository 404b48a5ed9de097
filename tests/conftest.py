"""What all tests share: properties are checked quickly and the same way in every run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from onnx import helper, numpy_helper
from safetensors.numpy import save_file

from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.bundle.files import CARD, ONNX, WEIGHTS
from eyeground.bundle.open import Bundle
from eyeground.bundle.write import write_bundle
from eyeground.config.targets import Target
from eyeground.config.training_recipe import Architecture, Preprocessing

settings.register_profile(
    "steady",
    max_examples=20,
    deadline=None,  # the machine may be busy
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def tiny_graph() -> Callable[..., bytes]:
    """The content of an ONNX file with these tensors, float32, and no operators; `name` makes it differ from another."""

    def graph(tensors: dict[str, np.ndarray], name: str = "tiny") -> bytes:
        kept = [numpy_helper.from_array(tensor.astype(np.float32), key) for key, tensor in tensors.items()]
        return bytes(helper.make_model(helper.make_graph([], name, [], [], kept, "-" * 420)).SerializeToString())

    return graph


@pytest.fixture(scope="session")
def tiny_bundle(tiny_graph: Callable[..., bytes]) -> Callable[..., Bundle]:
    """Write a bundle of a few bytes in a folder; keywords change its description, `files` adds files by content."""

    def write(folder: Path, files: dict[str, bytes] | None = None, **changes: Any) -> Bundle:
        tensors = {"head.weight": np.ones((1, 4), np.float16), "head.bias": np.zeros(1, np.float32)}
        described: dict[str, Any] = {
            "name": "tiny",
            "created": "2026-01-02T03:04:05+00:00",
            "made_by": "test",
            "architecture": Architecture(backbone="test_resnet"),
            "preprocessing": Preprocessing(side=48),
            "targets": (Target(name="abnormal"),),
            "embedding_size": 4,
            "tensors": {name: tensor.shape for name, tensor in tensors.items()},
            "storage": {"head.weight": "F16", "head.bias": "F32"},
            "training": TrainingRecord(
                manifest_fingerprint="0" * 64,
                photos=12,
                patients=8,
                initialisation="scratch",
                method="pretrain",
                epochs=1,
                seed=0,
            ),
            "licence": "Apache-2.0",
        }
        contents = {ONNX: tiny_graph(tensors), CARD: b"# tiny\n"} | (files or {})
        writers: dict[str, Callable[[Path], Any]] = {WEIGHTS: lambda path: save_file(tensors, path)}
        for name, content in contents.items():
            writers[name] = lambda path, content=content: path.write_bytes(content)
        return write_bundle(folder, BundleDescription(**described | changes), writers)

    return write
