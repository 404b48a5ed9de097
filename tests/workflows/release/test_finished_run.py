"""The compute of a run: what it recorded, and nothing where it recorded nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from eyeground.bundle.open import Bundle
from eyeground.data.manifest import validated, write_manifest
from eyeground.errors import UserError
from eyeground.workflows.release.finished_run import Compute, read_finished_run


@pytest.fixture
def run(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> Path:
    """A finished run of twelve training photos, as far as its files go."""
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "recipe.yaml").write_text("seed: 0\n")
    table = pd.DataFrame({"photo": ["a.jpg"], "patient": ["a"], "split": ["train"]})
    write_manifest(validated(table, "table", tmp_path), tmp_path / "manifest.parquet")
    environment = {"eyeground": "0.1.0", "python": "3.11.7", "machine": "Linux x86_64", "packages": {"torch": "2.15.0"}}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    return tmp_path


def test_the_time_is_that_of_all_passes_over_the_training_photos(run: Path) -> None:
    pd.DataFrame({"epoch": [1, 2], "photos_per_second": [0.05, 0.1]}).to_csv(run / "history.csv", index=False)
    compute = read_finished_run(run).compute
    assert compute.seconds == pytest.approx(12 / 0.05 + 12 / 0.1)
    assert (compute.epochs, compute.machine, compute.duration) == (2, "Linux x86_64", "6 minutes")
    assert compute.software == {"eyeground": "0.1.0", "Python": "3.11.7", "torch": "2.15.0"}


@pytest.mark.parametrize(
    "history", [None, "epoch,loss\n1,0.5\n", "epoch,photos_per_second\n1,\n", "epoch,photos_per_second\n1,0\n"]
)
def test_a_run_that_recorded_no_speed_has_no_time(run: Path, history: str | None) -> None:
    if history:
        (run / "history.csv").write_text(history)
    compute = read_finished_run(run).compute
    assert compute.seconds is None and compute.duration == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"machine": 1, "packages": 2}'])
def test_an_environment_that_cannot_be_read_is_named(run: Path, content: str) -> None:
    (run / "environment.json").write_text(content)
    with pytest.raises(UserError, match=r"environment\.json: cannot be read"):
        read_finished_run(run)


def test_a_short_time_is_given_in_seconds() -> None:
    assert Compute(1, 90.4, "", {}).duration == "90 seconds"
