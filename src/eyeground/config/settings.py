"""Settings as a typed, closed tree: YAML in, resolved YAML out, and errors that name the key and the fix.

An unknown key is an error: a setting that is silently ignored is noticed only after the training that it should change.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from eyeground.config.spellings import known_name, other_name, with_known_names
from eyeground.core.files import write_text
from eyeground.errors import UserError, did_you_mean

MOST_NODES = 10_000  # of YAML, aliases written out; the longest recipe of ours has some hundred
LARGEST_SEED = 2**32 - 1  # that every random generator takes, NumPy's legacy one included
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class Settings(BaseModel):
    """Base of all settings: immutable, closed to keys it does not know, and finite in every number."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True, ser_json_inf_nan="constants"
    )

    @model_validator(mode="before")
    @classmethod
    def _other_spellings(cls, given: Any) -> Any:
        return with_known_names(given, cls.model_fields) if isinstance(given, dict) else given


Recipe = TypeVar("Recipe", bound=Settings)


def read_recipe(kind: type[Recipe], path: Path | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from YAML (or the defaults, without a path) and apply `key=value` overrides.

    Args:
        kind: `TrainingRecipe`, `ProbeRecipe`, or another `Settings` class.
        path: A YAML file; keys left out keep their defaults.
        overrides: Such as `"optimisation.epochs=20"`; the value is read as YAML.

    Raises:
        UserError: Naming the file, the key and the fix.

    >>> from eyeground.config.training_recipe import TrainingRecipe
    >>> read_recipe(TrainingRecipe, overrides=["optimisation.epochs=20"]).optimisation.epochs
    20
    """
    name = str(path) if path else "recipe"
    settings = _read_yaml(path) if path else {}
    for override in overrides:
        key, separator, value = override.partition("=")
        if not separator or not all(key.split(".")):
            raise UserError(f"--set {override}: expected key=value, for example optimisation.epochs=20")
        try:
            _put(settings, key, yaml.load(value, _Loader))
        except yaml.YAMLError as error:
            raise UserError(f"--set {override}: the value is not valid YAML: {_one_line(error)}") from error
    for section, field in kind.model_fields.items():
        if section in settings and settings[section] is None and _settings_of(field.annotation):
            del settings[section]  # a section whose every line is commented out
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        problems = error.errors()
        # Pydantic also reports what contains a wrong setting; the innermost problem is the most precise.
        inner = [one for one in problems if not any(_holds(one["loc"], other["loc"]) for other in problems)]
        raise UserError("\n".join(_explain(name, kind, problem) for problem in inner)) from error


def write_recipe(recipe: Settings, path: Path) -> None:
    """Write every setting, defaults included, as YAML."""
    write_text(path, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def all_settings(kind: type[Settings]) -> dict[str, FieldInfo]:
    """Every setting by the dotted name that `--set` takes; entry 0 stands for each entry of a list."""
    found: dict[str, FieldInfo] = {}
    for name, field in kind.model_fields.items():
        found[name] = field
        if inner := _settings_of(field.annotation):
            entry = ".0" if hasattr(field.annotation, "__args__") else ""
            found |= {f"{name}{entry}.{below}": one for below, one in all_settings(inner).items()}
    return found


class _Loader(yaml.SafeLoader):
    """Safe YAML in which `1e-4` is a number (YAML 1.1 takes it for text) and a repeated key is an error.

    Nodes are counted before any is built: a few lines of nested aliases can stand for billions.
    """

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None and _size(node, {}) > MOST_NODES:
            raise yaml.constructor.ConstructorError(
                None, None, f"its aliases stand for more than {MOST_NODES:,} values, or for themselves", node.start_mark
            )
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            raise yaml.constructor.ConstructorError(None, None, f"'{repeated}' is set twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """How many nodes one stands for with every alias written out; infinite where it holds itself."""
    if id(node) not in known:
        known[id(node)] = float("inf")  # stays so for a node that leads back here
        inner = node.value if isinstance(node, yaml.CollectionNode) else ()
        children = [part for one in inner for part in (one if isinstance(one, tuple) else (one,))]
        known[id(node)] = 1 + sum(_size(child, known) for child in children)
    return known[id(node)]


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise UserError(f"{path}: nested too deeply for a recipe") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: a recipe is a mapping of settings, not a {type(content).__name__}")
    return content


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def _put(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested settings; a number counts the entries of a list from 0."""
    place: Any = settings
    *outer, last = key.split(".")
    for part in outer:
        step = _step(place, part, key)
        if isinstance(place, dict) and place.get(step) is None:
            place[step] = {}
        place = place[step]
    place[_step(place, last, key)] = value


def _step(place: Any, part: str, key: str) -> str | int:
    if isinstance(place, dict):
        return next((name for name in (part, known_name(part), other_name(part)) if name in place), known_name(part))
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return int(part)
    raise UserError(f"--set {key}: there is no '{part}' to set; give all of '{key.rpartition('.')[0]}' instead")


def _holds(outer: Sequence[Any], inner: Sequence[Any]) -> bool:
    return len(outer) < len(inner) and list(inner[: len(outer)]) == list(outer)


def _explain(name: str, kind: type[Settings], problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    prefix = f"{name}: '{place}'" if place else name
    found, message = problem["input"], problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known, last = _fields_at(kind, problem["loc"][:-1]), str(problem["loc"][-1])
        elsewhere = next((path for path in all_settings(kind) if path.endswith(f".{last}")), None)
        hint = f" (did you mean '{elsewhere}'?)" if elsewhere else did_you_mean(last, known)
        return f"{prefix} is not a setting{hint}; known here: {', '.join(known)}"
    if problem["type"] == "missing":
        return f"{prefix} is missing"
    if problem["type"] == "value_error":
        return f"{prefix}: {message}"
    if isinstance(found, bool):
        message += " (YAML reads yes, no, on and off as true and false; put a name in quotes)"
    return f"{prefix} is {found!r}: {message}"


def _settings_of(annotation: Any) -> type[Settings] | None:
    """The settings class that a field holds, by itself or as the items of a tuple."""
    inner = getattr(annotation, "__args__", (annotation,))[0]
    return inner if isinstance(inner, type) and issubclass(inner, Settings) else None


def _fields_at(kind: type[Settings], place: Sequence[Any]) -> list[str]:
    """The settings that exist where an unknown one was found; a position in a list stays on the list's item type."""
    for part in place:
        if isinstance(part, int):
            continue
        inner = _settings_of(kind.model_fields[part].annotation)
        if inner is None:
            return []
        kind = inner
    return list(kind.model_fields)
