"""Models by name: what is installed comes first, and a screening install finds what it came with, offline."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eyeground.bundle import installed
from eyeground.bundle.description import read_description
from eyeground.bundle.measured import MeasuredMetric
from eyeground.bundle.open import Bundle, open_bundle
from eyeground.cli import main
from eyeground.errors import UserError

REPOSITORY = Path(__file__).parents[2]
FIGURE = MeasuredMetric(
    output="abnormal", metric="auroc", value=0.9137, low=0.889, high=0.936, scope="test", photos=16, patients=8
)


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for models that come with the install, and an empty cache."""
    monkeypatch.setattr("eyeground.bundle.installed.RELEASED", tmp_path / "released")
    monkeypatch.setenv("EYEGROUND_CACHE", str(tmp_path / "cache"))
    (tmp_path / "released").mkdir()
    return tmp_path / "released"


def test_a_name_finds_the_installed_model_before_the_pulled_one(
    released: Path, tiny_bundle: Callable[..., Bundle]
) -> None:
    tiny_bundle(installed.pulled_folder() / "tiny", licence="pulled")
    assert open_bundle("tiny").description.licence == "pulled"
    tiny_bundle(released / "tiny", licence="installed")
    assert open_bundle("tiny").description.licence == "installed"
    assert installed.released() == installed.pulled() == ("tiny",)
    assert installed.models() == {"tiny": released / "tiny"}


@pytest.mark.parametrize("name", ["../tiny", "/tiny", "", ".", "..", "a/b", "x" * 101])
def test_a_name_is_never_a_path(released: Path, tiny_bundle: Callable[..., Bundle], name: str) -> None:
    tiny_bundle(released.parent / "tiny")
    assert installed.folder_of(name) is None


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in installed.released()
        if read_description(installed.models()[name] / installed.DESCRIPTION).decoder is None
    ],
)
def test_the_card_of_a_released_classifier_tells_when_it_does_not_answer(name: str) -> None:
    bundle = open_bundle(name)
    description = bundle.description
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert description.familiarity is not None
    kind = "gradable training" if description.familiarity.beyond else "training"
    assert f"embeddings of {description.familiarity.photos} {kind} photographs" in card
    assert len(description.decisions) == 11
    assert all(f"| {rule.rule} | {rule.sensitivity.value:.3f} (" in card for rule in description.decisions)


def test_the_default_is_the_one_that_the_file_names(released: Path, tiny_bundle: Callable[..., Bundle]) -> None:
    with pytest.raises(UserError, match="no model comes with this install, so there is no default; name one with"):
        installed.default_model()
    (released / "default.txt").write_text("tiny\n")
    with pytest.raises(UserError, match="names 'tiny', which is not there"):
        installed.default_model()
    tiny_bundle(released / "tiny")
    assert installed.default_model() == "tiny"


def test_the_list_of_models_shows_the_figures_and_marks_the_default(
    released: Path,
    tiny_bundle: Callable[..., Bundle],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")  # names are never cut to fit
    assert main(["models"]) == 0
    assert "no model comes with this install" in capsys.readouterr().out
    tiny_bundle(released / "tiny", metrics=(FIGURE,))
    tiny_bundle(installed.pulled_folder() / "other", name="other")
    (released / "default.txt").write_text("tiny\n")
    tiny_bundle(installed.pulled_folder() / "hurt")
    (installed.pulled_folder() / "hurt" / "bundle.json").write_text("{")
    assert main(["models"]) == 0
    lines: dict[str, str] = {}
    name = ""
    for line in capsys.readouterr().out.splitlines():
        name = name if line.startswith(" ") else line.split()[0]
        lines[name] = lines.get(name, "") + line
    assert (
        "48 px" in lines["tiny"] and "test_resnet" in lines["tiny"] and "abnormal 0.914 (0.889–0.936)" in lines["tiny"]
    )
    assert "install, default" in lines["tiny"]
    assert "not recorded" in lines["other"] and "pulled" in lines["other"] and "default" not in lines["other"]
    assert "damaged; see `eyeground inspect hurt`" in lines["hurt"]


def test_screening_without_a_model_says_where_to_get_one(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["screen", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "no model comes with this install" in capsys.readouterr().err


@pytest.mark.parametrize("name", installed.released())
def test_every_model_of_this_install_is_whole_and_small(name: str) -> None:
    bundle = open_bundle(name)
    assert bundle.description.name == name
    assert bundle.size < 20_000_000


def test_a_wheel_carries_the_released_models(tiny_bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(
        REPOSITORY / "src" / "eyeground",
        project / "src" / "eyeground",
        ignore=lambda folder, names: {name for name in names if name in ("__pycache__", "released")},
    )
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copyfile(REPOSITORY / name, project / name)
    place = project / "src" / "eyeground" / "bundle" / "released"
    written = tiny_bundle(place / "tiny+224", files={"training_photos.txt": b"0123456789abcdef\n"})
    (place / "default.txt").write_text("tiny+224\n")
    # An empty repository above, so that the wheel heeds .gitignore as it does in a clone.
    (project / ".git").mkdir()
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=project, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    packed = tmp_path / "site" / "eyeground" / "bundle" / "released"
    assert {path.name for path in (packed / "tiny+224").iterdir()} == {path.name for path in written.folder.iterdir()}
    # The unpacked wheel, not this checkout, opens it by name.
    opening = "import eyeground.bundle.open as b; from eyeground.bundle.installed import default_model; print(b.open_bundle(default_model()).folder)"
    done = subprocess.run(
        [sys.executable, "-c", opening], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(packed / "tiny+224")
