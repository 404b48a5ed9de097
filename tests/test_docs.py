"""The reference pages say what the code does: whoever changes one changes the other."""

import runpy
from pathlib import Path

import pytest

from eyeground.bundle.description import BundleDescription, TrainingRecord
from eyeground.bundle.measured import MeasuredMetric, Quantisation, QuantisedOutput, Rounding
from eyeground.config.operating_point import OperatingPoint
from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.config.settings import Settings, all_settings, read_recipe
from eyeground.config.training_recipe import ProbeRecipe, TrainingRecipe
from eyeground.core.words import SEXES, SPLITS
from eyeground.data.manifest import OPTIONAL, REQUIRED, read_manifest
from eyeground.data.predictions import read_predictions

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def first_block(name: str, language: str = "") -> str:
    return page(name).split(f"```{language}\n")[1].split("```")[0]


@pytest.mark.parametrize("recipe", [TrainingRecipe, ProbeRecipe, SegmentationRecipe])
def test_every_setting_is_documented(recipe: type[Settings]) -> None:
    section = page("recipe.md").split(f"## {recipe.__name__}")[1].split("\n## ")[0]
    settings = all_settings(recipe)
    leaves = [name for name in settings if not any(other.startswith(f"{name}.") for other in settings)]
    assert len(leaves) > 4
    for name in leaves:
        assert f"| `{name}` |" in section, f"{name}: run scripts/document_recipe.py"


def test_the_tables_of_the_recipe_page_are_those_of_the_code() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "document_recipe.py"))
    assert script["page"](page("recipe.md")) == page("recipe.md"), "run scripts/document_recipe.py"
    assert script["study_page"](page("study.md")) == page("study.md"), "run scripts/document_recipe.py"


def test_the_example_recipe_is_valid(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(first_block("recipe.md", "yaml"), encoding="utf-8")
    recipe = read_recipe(TrainingRecipe, tmp_path / "recipe.yaml")
    assert recipe.outputs == ("abnormal", "dr>=1", "dr>=2", "dr>=3", "dr>=4", "camera=Canon", "camera=Topcon")


def test_every_column_and_word_of_the_manifest_is_documented(tmp_path: Path) -> None:
    for word in (*REQUIRED, *OPTIONAL, *SPLITS, *SEXES, "left", "right", "mask_…", "note_…"):
        assert f"`{word}`" in page("manifest.md")
    (tmp_path / "labels.csv").write_text(first_block("manifest.md"), encoding="utf-8")
    assert read_manifest(tmp_path / "labels.csv").labels == ("abnormal", "dr_grade")


def test_the_example_predictions_are_valid(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text(first_block("predictions.md"), encoding="utf-8")
    assert read_predictions(tmp_path / "predictions.csv").outputs == ("abnormal",)


def test_every_entry_of_a_bundle_description_is_documented() -> None:
    kinds = (BundleDescription, OperatingPoint, TrainingRecord, MeasuredMetric, Rounding, Quantisation, QuantisedOutput)
    for kind in kinds:
        for name in kind.model_fields:
            assert f"`{name}`" in page("bundle.md") or name == "output", f"{kind.__name__}.{name}"


def test_the_drawing_of_the_house_is_true_and_has_no_circle() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "house.py"))
    arrows = script["imports"]()
    assert script["circles"](arrows) == []
    assert script["circles"](script["between_rooms"](arrows)) == []
    drawn = script["page"](page("architecture.md"), arrows)
    assert drawn == page("architecture.md"), "run scripts/house.py --write"


def test_the_plan_for_many_photos_is_what_the_script_computes() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "plan_scale.py"))
    assert script["page"](page("scale.md")) == page("scale.md"), "run scripts/plan_scale.py --write"


def test_circles_are_found() -> None:
    script = runpy.run_path(str(REPOSITORY / "scripts" / "house.py"))
    assert script["circles"]({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [{"a", "b", "c"}]
