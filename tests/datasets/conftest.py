"""Small trees with the published names; adapters look at names and tables, never into a photograph."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write files under `tmp_path` (a keyword-free call of `(path, text)` pairs or paths) and return it."""

    def write(*entries: str | tuple[str, str]) -> Path:
        for entry in entries:
            name, text = entry if isinstance(entry, tuple) else (entry, "")
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write
