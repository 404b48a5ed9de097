"""Writes the tables of docs/recipe.md and docs/study.md from the recipes themselves; run it after changing a setting."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.config.settings import Settings, all_settings
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.workflows.study.settings import (
    FinetunePlan,
    Initialisation,
    ProbePlan,
    StudyData,
    StudyRecipe,
    StudyTask,
)

DOCS = Path(__file__).parents[1] / "docs"
PAGE, STUDY_PAGE = DOCS / "recipe.md", DOCS / "study.md"
STUDY = {
    StudyRecipe: "the entire recipe",
    StudyData: "an entry of `data`",
    Initialisation: "an entry of `initialisations`",
    StudyTask: "an entry of `tasks`",
    ProbePlan: "`probe`",
    FinetunePlan: "`finetune`",
}
RECIPES = {
    TrainingRecipe: "fine-tuning and pretraining",
    ProbeRecipe: "probing",
    SegmentationRecipe: "segmentation",
}
MARKER = "<!-- Below: written by scripts/document_recipe.py -->"


def page(current: str) -> str:
    """The page of recipes with its tables renewed, by the dotted names that `--set` takes."""
    tables = []
    for recipe, commands in RECIPES.items():
        fields = {name: field for name, field in all_settings(recipe).items() if not _is_section(field)}
        tables.append(_table(f"{recipe.__name__}: {commands}", fields))
    return _renewed(current, tables)


def study_page(current: str) -> str:
    """The page of studies with its tables renewed, one for each part of a study's recipe."""
    tables = [_table(f"{part.__name__}: {place}", part.model_fields) for part, place in STUDY.items()]
    return _renewed(current, tables)


def _renewed(current: str, tables: Sequence[str]) -> str:
    return f"{current.split(MARKER)[0]}{MARKER}\n\n" + "\n".join(tables)


def _table(title: str, fields: Mapping[str, FieldInfo]) -> str:
    rows = "\n".join(_row(name, field) for name, field in fields.items())
    return f"## {title}\n\n| setting | default | meaning |\n|---|---|---|\n{rows}\n"


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Settings)


def _row(name: str, field: FieldInfo) -> str:
    meaning = str(field.description)
    if limits := _limits(field):
        meaning += f" Range: {', '.join(limits)}."
    if get_origin(field.annotation) is Literal:
        meaning += f" One of: {', '.join(f'`{choice}`' for choice in get_args(field.annotation))}."
    return f"| `{name}` | {_default(field)} | {meaning.replace('|', chr(92) + '|')} |"


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, Settings):
        return "its own defaults"
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):
        value = [one.model_dump(exclude_defaults=True) if isinstance(one, Settings) else one for one in value]
    return f"`{value}`"


def _limits(field: FieldInfo) -> list[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return [
        f"{sign} {getattr(limit, name)}"
        for limit in field.metadata
        for name, sign in signs.items()
        if hasattr(limit, name)
    ]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    STUDY_PAGE.write_text(study_page(STUDY_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
