"""Where torch is not installed, what needs it is left out of the tests, with its count printed."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

TRAINING = {"torch", "torchvision", "timm", "lightning", "segmentation_models_pytorch", "pytorch_grad_cam"}
WITH_TORCH = find_spec("torch") is not None
ROOT = Path(__file__).parent
collect_ignore_glob = ["src/eyeground/serving/store/migrations/*"]  # Alembic alone can run them


@cache
def _imports_torch(path: Path) -> bool:
    """Whether the imports at the top of a Python file end at a package of training that is not installed."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    try:
        exec(compile(ast.Module(imports, []), path, "exec"), {})
    except ImportError as error:  # any other, pytest tells better
        return error.name in TRAINING
    return False


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    conftest = collection_path / "conftest.py"
    read = conftest if conftest.is_file() else collection_path
    return True if not WITH_TORCH and read.suffix == ".py" and _imports_torch(read) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not WITH_TORCH and item.get_closest_marker("train"):
            item.add_marker(pytest.mark.skip(reason="needs the extra train"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if WITH_TORCH:
        return
    for folder in ("tests", "src"):
        files = sorted((ROOT / folder).rglob("*.py"))
        left_out = [path for path in files if _imports_torch(path)]
        terminalreporter.write_line(
            f"NO TORCH: left out {len(left_out)} of {len(files)} files in {folder}/, and the tests marked `train`",
            yellow=True,
        )
