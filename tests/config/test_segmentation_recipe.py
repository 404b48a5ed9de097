"""A segmenter's recipe refuses what it would have to ignore."""

import pytest

from eyeground.config.segmentation_recipe import SegmentationRecipe
from eyeground.config.settings import read_recipe
from eyeground.errors import UserError

VESSEL = "structures=[{name: vessel}]"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("preprocessing.side=500", "needs a multiple of 32"),
        ("patch=640", "larger than preprocessing.side"),
        ("patch=100", "multiple of 32"),
        ("optimisation.label_smoothing=0.1", "label_smoothing has no part in segmentation"),
        ("optimisation.imbalance=weighted-loss", "imbalance has no part"),
        ("structures=[{name: vessel}, {name: vessel}]", "two structures are called 'vessel'"),
        ("structures=[]", "structures"),
        ("initialisation='true'", "did you mean 'imagenet'"),
        ("dram=2", "did you mean 'draws'"),
    ],
)
def test_a_setting_that_cannot_be_followed_is_an_error(setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_recipe(SegmentationRecipe, overrides=[VESSEL, setting])


def test_a_missing_mask_is_unknown_unless_the_recipe_says_otherwise() -> None:
    recipe = read_recipe(
        SegmentationRecipe, overrides=["structures=[{name: vessel}, {name: hard_exudate, missing: absent}]"]
    )
    assert [one.missing for one in recipe.structures] == ["unknown", "absent"]
