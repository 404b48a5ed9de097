"""What every adapter has: one shape, a source and a citation, a clear error, a row in the docs."""

import re
from pathlib import Path

import pytest

from eyeground.datasets import DATASETS, Dataset
from eyeground.errors import UserError

DOCS = Path(__file__).parents[2] / "docs" / "datasets.md"


@pytest.mark.parametrize("name", DATASETS)
def test_every_adapter_says_where_it_comes_from_and_how_to_cite_it(name: str) -> None:
    dataset = DATASETS[name]
    assert isinstance(dataset, Dataset)
    assert dataset.name == name == name.lower()
    assert dataset.page.startswith("https://")
    assert dataset.title and dataset.licence
    assert re.search(r"https://|doi", dataset.citation)


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_without_the_layout_is_refused_with_what_is_there_and_the_page(name: str, tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("")
    with pytest.raises(UserError) as error:
        DATASETS[name].read(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert "expected '" in str(error.value)
    assert "found 'holiday.txt'" in str(error.value)
    assert DATASETS[name].page in str(error.value)


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_that_does_not_exist_is_a_user_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        DATASETS[name].read(tmp_path / "nowhere")


def test_the_docs_table_lists_every_adapter_with_its_page_and_licence_and_no_other() -> None:
    rows = {}
    adapters = DOCS.read_text(encoding="utf-8").split("## All adapters")[1].split("\n## ")[0]
    for line in adapters.splitlines():
        match = re.match(r"\| `([a-z0-9_-]+)` \|", line)
        if match:
            rows[match[1]] = line
    assert set(rows) == set(DATASETS)
    for name, row in rows.items():
        assert DATASETS[name].page in row
        assert DATASETS[name].licence in row


def test_the_docs_name_every_label_that_a_vocabulary_gives() -> None:
    from eyeground.datasets.findings import vocabulary

    text = DOCS.read_text(encoding="utf-8")
    for name in ("odir5k", "jsiec", "rfmid"):
        for label in vocabulary(name).labels:
            assert f"`{label}`" in text, f"{name}: {label}"
