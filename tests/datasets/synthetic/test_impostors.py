import runpy
from pathlib import Path

import numpy as np
import pytest

from eyeground.errors import UserError

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "impostors.py"))
IMPOSTORS, impostor = SCRIPT["IMPOSTORS"], SCRIPT["impostor"]


@pytest.mark.parametrize("kind", sorted(IMPOSTORS))
def test_each_is_a_picture_that_its_seed_decides(kind: str) -> None:
    drawn = impostor(kind, side=96, seed=1)
    assert drawn.shape == (96, 96, 3) and drawn.dtype == np.uint8
    assert np.array_equal(drawn, impostor(kind, side=96, seed=1))
    assert not np.array_equal(drawn, impostor(kind, side=96, seed=2))


def test_a_wrong_name_is_told_with_the_right_one() -> None:
    with pytest.raises(UserError, match="did you mean 'ultrasound'"):
        impostor("ultrasond")
