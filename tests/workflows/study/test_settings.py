"""A study recipe is refused, with the fix, where its names do not agree; the recipes of the repository are read."""

from pathlib import Path

import pytest

from eyeground.config.settings import read_recipe
from eyeground.errors import UserError
from eyeground.workflows.study.cells import cells_of
from eyeground.workflows.study.settings import StudyRecipe

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("reference=onee", "did you mean 'one'"),
        ("tasks.0.data=hme", "did you mean 'home'"),
        ("probe.tasks=[abnormalty]", "did you mean 'abnormality'"),
        ("probe.fractions=[0.1, 1.5]", "is 1.5: Input should be less than or equal to 1"),
        ("probe.fractions=[0.5, 0.5]", "0.5 is given twice"),
        ("tasks.0.external=[home]", "its own data 'home' cannot be external"),
        ("finetune.folds=[2]", "holds out fold 2, but task 'diseases' has 2"),
        ("finetune.learning_rates=[-1]", "greater than 0"),
        ("finetune.initialisations=[three]", "there are one, two"),
        ("initialisations.1.name=one", "two initialisations are called 'one'"),
        ("tasks.1.targets=[{name: grade, kind: ordinal}]", "lists no classes"),
    ],
)
def test_names_that_do_not_agree_are_refused(root: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(StudyRecipe, root / "study.yaml", [override])


@pytest.mark.parametrize("name", ["odir-cpu", "jang2024"])
def test_recipes_of_the_repository_are_studies_of_the_four_starts(name: str) -> None:
    recipe = read_recipe(StudyRecipe, RECIPES / f"{name}.yaml")
    assert {"scratch", "imagenet", "fundus", "imagenet+fundus"} <= {start.name for start in recipe.initialisations}
    assert recipe.reference_of("imagenet+fundus") == "imagenet"
    assert all(task.folds == 5 for task in recipe.tasks)
    cells = cells_of(recipe)
    assert len(set(cells)) == len(cells)
