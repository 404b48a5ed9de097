"""Makes a command and a Python function of each verb, which is written once with typer's declarations as defaults.

Both have the same arguments, defaults and help; see docs/python.md.
"""

import inspect
import os
import types
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from typer.models import ParameterInfo

from eyeground.errors import UserError

# Python's name of a verb, and where its command is.
VERBS = {
    "adapt": "build.adapt",
    "calibrate": "calibrate.calibrate",
    "check": "data.check",
    "compare": "compare.compare",
    "convert": "convert.convert",
    "embed": "embed.embed",
    "evaluate": "evaluate.evaluate",
    "explain": "explain.explain",
    "import_csv": "importing.import_csv",
    "import_dataset": "importing.import_dataset",
    "import_dicom": "importing.import_dicom",
    "import_folder": "importing.import_folder",
    "join": "data.join",
    "predict": "predict.predict",
    "pretrain": "build.pretrain",
    "pull": "hub.pull",
    "push": "hub.push",
    "release": "release.release",
    "robustness": "robustness.robustness",
    "screen": "screen.screen",
    "segment": "segment.segment",
    "serve": "serve.serve",
    "split": "data.split",
    "standardise": "standardise.standardise",
    "study": "study.study",
}


def command_of(verb: str) -> Callable[..., Any]:
    """The command behind a verb."""
    module, _, name = VERBS[verb].rpartition(".")
    command: Callable[..., Any] = getattr(import_module(f"eyeground.cli.{module}"), name)
    return command


def as_command(function: Callable[..., Any]) -> Callable[..., None]:
    """A verb for typer, without its return annotation, which typer would evaluate and so import."""

    def command(**given: Any) -> None:
        function(**given)

    command.__name__, command.__doc__, command.__module__ = function.__name__, function.__doc__, function.__module__
    command.__annotations__ = {name: kind for name, kind in function.__annotations__.items() if name != "return"}
    command.__signature__ = inspect.signature(function).replace(  # type: ignore[attr-defined]  # mypy knows no such attribute
        return_annotation=inspect.Signature.empty
    )
    return command


def python_function(verb: str) -> Callable[..., Any]:
    """A verb to be called from Python.

    Paths may be texts, and a single value counts as a list of one. A wrong value is a `UserError`, as on the command line.
    """
    command = command_of(verb)
    parameters = inspect.signature(command).parameters

    @wraps(command)
    def function(**given: Any) -> Any:
        bound = signature.bind(**given)
        bound.apply_defaults()
        return command(**{name: _value(parameters[name], value) for name, value in bound.arguments.items()})

    signature = inspect.Signature(
        [_keyword(parameter) for parameter in parameters.values()],
        return_annotation=inspect.signature(command).return_annotation,
    )
    function.__signature__ = signature  # type: ignore[attr-defined]  # mypy knows no such attribute
    function.__name__ = function.__qualname__ = verb
    function.__module__ = "eyeground"
    function.__doc__ = f"{inspect.getdoc(command)}\n\nArgs:\n" + "\n".join(
        f"    {parameter.name}: {parameter.default.help}" for parameter in parameters.values()
    )
    return function


def _keyword(parameter: inspect.Parameter) -> inspect.Parameter:
    declared: ParameterInfo = parameter.default
    default = declared.default
    if default is ...:
        default = inspect.Parameter.empty
    elif isinstance(default, list):
        default = tuple(default)
    if isinstance(declared.envvar, str) and declared.envvar in os.environ:
        default = Path(os.environ[declared.envvar])
    return parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, default=default)


def _value(parameter: inspect.Parameter, given: Any) -> Any:
    """The command's value for one given in Python."""
    declared: ParameterInfo = parameter.default
    value = _as(parameter.annotation, given)
    for one in value if isinstance(value, list) else [value]:
        below = declared.min is not None and isinstance(one, int | float) and one < declared.min
        above = declared.max is not None and isinstance(one, int | float) and one > declared.max
        if below or above:
            raise UserError(f"{parameter.name}: {one} is not in the range {declared.min} to {declared.max}")
    return value


def _as(annotation: Any, given: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(one for one in get_args(annotation) if one is not types.NoneType)
        return None if given is None else _as(inner, given)
    if get_origin(annotation) is list:
        alone = isinstance(given, str | os.PathLike) or not isinstance(given, Sequence)
        return [_as(get_args(annotation)[0], one) for one in ([given] if alone and given is not None else given or ())]
    if annotation is Path:
        return Path(given)
    return os.fspath(given) if isinstance(given, os.PathLike) else given
