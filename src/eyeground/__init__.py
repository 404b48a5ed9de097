"""Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.

What is named here is imported when it is first used, so that importing the package costs next to nothing.

>>> import eyeground
>>> eyeground.__version__.count(".")
2
"""

import os
from importlib import import_module
from typing import Any

__version__ = "0.2.0"

# From 1.29 on, ONNX Runtime reports to its makers which models are opened, from when it is imported. Nothing here does that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# What is not a verb, and where it is.
_THINGS = {
    "Finding": "screening.finding",
    "Manifest": "data.manifest",
    "Predictions": "data.predictions",
    "Screener": "screening.runtime",
    "UserError": "errors",
    "load": "screening.runtime",
    "read_manifest": "data.manifest",
    "read_predictions": "data.predictions",
}
__all__ = [
    "Finding",
    "Manifest",
    "Predictions",
    "Screener",
    "UserError",
    "__version__",
    "adapt",
    "calibrate",
    "check",
    "compare",
    "convert",
    "embed",
    "evaluate",
    "explain",
    "import_csv",
    "import_dataset",
    "import_dicom",
    "import_folder",
    "join",
    "load",
    "predict",
    "pretrain",
    "pull",
    "push",
    "read_manifest",
    "read_predictions",
    "release",
    "robustness",
    "screen",
    "segment",
    "serve",
    "split",
    "standardise",
    "study",
]


def __getattr__(name: str) -> Any:
    if name in _THINGS:
        found = getattr(import_module(f"eyeground.{_THINGS[name]}"), name)
    elif name in __all__:  # a verb: a function for each command, with its arguments by keyword
        found = import_module("eyeground.cli.verbs").python_function(name)
    else:
        raise AttributeError(f"module 'eyeground' has no attribute '{name}'")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
