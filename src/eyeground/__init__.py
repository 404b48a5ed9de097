"""Supervised fundus foundation models: rebuild, adapt, validate, explain, release and run.

What is named here is imported when it is first used, so that importing the package costs next to nothing.

>>> import eyeground
>>> eyeground.__version__.count(".")
2
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eyeground.errors import UserError
    from eyeground.screening.batch import screen
    from eyeground.screening.finding import Finding
    from eyeground.screening.runtime import Screener, load

__all__ = [
    "Finding",
    "Screener",
    "UserError",
    "__version__",
    "load",
    "screen",
]
__version__ = "0.1.0"

_MODULES = {
    "Finding": "screening.finding",
    "Screener": "screening.runtime",
    "UserError": "errors",
    "load": "screening.runtime",
    "screen": "screening.batch",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'eyeground' has no attribute '{name}'")
    return getattr(import_module(f"eyeground.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
