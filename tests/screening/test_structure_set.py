"""Which installed segmenter draws which structure."""

from types import SimpleNamespace
from typing import Any, cast

from eyeground.bundle.description import BundleDescription
from eyeground.screening.structure_set import preferred


def described(created: str, *outputs: str) -> BundleDescription:
    return cast(BundleDescription, cast(Any, SimpleNamespace(created=created, outputs=outputs)))


def test_the_segmenter_that_draws_most_of_a_group_comes_before_a_newer_one() -> None:
    chosen = preferred(
        {
            "lesions": described("2026-11-30", "hard_exudate", "optic_disc"),
            "disc": described("2026-11-01", "optic_disc", "optic_cup", "fovea"),
            "vessels": described("2026-11-30", "vessel"),
            "arteries": described("2026-10-01", "vessel", "artery", "vein"),
        }
    )
    assert chosen == {
        "lesions": ("hard_exudate",),
        "disc": ("optic_disc", "optic_cup", "fovea"),
        "arteries": ("vessel", "artery", "vein"),
    }


def test_of_equal_segmenters_the_newest_draws_and_the_other_is_not_needed() -> None:
    chosen = preferred({"old": described("2026-01-01", "vessel"), "new": described("2026-02-01", "vessel")})
    assert chosen == {"new": ("vessel",)}
