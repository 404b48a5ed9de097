"""A table of embeddings has a row for each photo named, and its numbers are the network's own."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.errors import UserError
from eyeground.evaluation.subgroups.embeddings import read_embeddings
from eyeground.screening import embedding
from eyeground.screening.embedding import embed


def read(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "new/T.CSV"])
def test_a_folder_is_embedded_row_by_row(screener, folder_of_photos, tmp_path, name, monkeypatch):
    monkeypatch.setattr(embedding, "ROWS_AT_ONCE", 17)
    folder = folder_of_photos(35)
    (folder / "clinic a" / "torn.jpg").write_bytes(b"x")
    embedded = embed(folder, screener, tmp_path / name, jobs=2)
    found = read(tmp_path / name) if name != "new/T.CSV" else pd.read_csv(tmp_path / name)
    assert (embedded.photos, embedded.unreadable) == (36, 1)
    assert list(found.columns) == ["photo", "reason", "e0", "e1", "e2"]
    assert found["photo"].tolist() == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    expected = screener.embed([folder / photo for photo in found["photo"]])
    np.testing.assert_allclose(found[["e0", "e1", "e2"]].to_numpy(np.float32), expected, rtol=1e-6)
    torn = found["photo"] == "clinic a/torn.jpg"
    assert (found["reason"].notna() == torn).all() and found.loc[torn, "reason"].item()
    assert not list(tmp_path.glob(".*")) and not list((tmp_path / name).parent.glob("*.partial"))


def test_numbers_are_single_floats_and_one_row_group(screener, folder_of_photos, tmp_path):
    import pyarrow.parquet

    embed(folder_of_photos(20), screener, tmp_path / "t.parquet", jobs=1)
    file = pyarrow.parquet.ParquetFile(tmp_path / "t.parquet")
    assert str(file.schema_arrow.field("e0").type) == "float"
    assert file.num_row_groups == 1


def test_the_table_is_one_that_evaluate_reads(screener, folder_of_photos, tmp_path):
    embed(folder_of_photos(3), screener, tmp_path / "t.parquet", jobs=1)
    assert list(read_embeddings(tmp_path / "t.parquet").columns) == ["photo", "e0", "e1", "e2"]


def test_the_table_may_lie_among_the_photos_and_patients_come_from_a_manifest(screener, folder_of_photos, tmp_path):
    folder = folder_of_photos(4)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    manifest = pd.DataFrame(
        {"photo": paths, "patient": ["007", "007", "8", "9"], "eye": ["left", "right", None, "left"]}
    )
    manifest.to_csv(folder / "list.csv", index=False)
    embed(folder / "list.csv", screener, folder / "t.parquet", jobs=1)
    found = read(folder / "t.parquet")
    assert list(found.columns) == ["photo", "patient", "eye", "reason", "e0", "e1", "e2"]
    assert found["patient"].tolist() == ["007", "007", "8", "9"]
    assert found["eye"].isna().tolist() == [False, False, True, False]
    assert embed(folder, screener, folder / "t.parquet", jobs=1).photos == 4


def test_photos_in_archives_are_embedded_too(screener, folder_of_photos, tmp_path):
    folder = folder_of_photos(3)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(folder.rglob("*.jpg")):
            archive.write(path, path.name)
    embed([tmp_path / "photos.zip"], screener, tmp_path / "t.csv", jobs=1)
    expected = screener.embed(sorted(folder.rglob("*.jpg"), key=lambda path: path.relative_to(folder).as_posix()))
    np.testing.assert_allclose(read(tmp_path / "t.csv")[["e0", "e1", "e2"]], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.parquet.gz"])
def test_another_ending_is_refused_before_any_work(screener, tmp_path, name):
    with pytest.raises(UserError, match=r"must end in \.csv or \.parquet"):
        embed(tmp_path / "no photos are looked for", screener, tmp_path / name)


def test_no_photos_leave_no_table(screener, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "t.csv").write_text("old")
    with pytest.raises(UserError, match="no photographs"):
        embed(tmp_path / "empty", screener, tmp_path / "t.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "t.csv"]
    assert (tmp_path / "t.csv").read_text() == "old"


def test_a_model_without_embeddings_is_told(build_bundle, folder_of_photos, tmp_path):
    from eyeground.screening.runtime import load

    build_bundle(tmp_path / "bundle", outputs=("probabilities",))
    with pytest.raises(UserError, match="no output 'embedding'"):
        embed(folder_of_photos(1), load(tmp_path / "bundle"), tmp_path / "t.csv", jobs=1)


def test_a_model_without_any_threshold_embeds_all_the_same(build_bundle, folder_of_photos, tmp_path):
    build_bundle(tmp_path / "bundle", operating_points=())
    arguments = ["embed", str(folder_of_photos(2)), "-o", str(tmp_path / "t.csv"), "--jobs", "1"]
    assert main([*arguments, "--bundle", str(tmp_path / "bundle")]) == 0
    assert read(tmp_path / "t.csv")["e0"].notna().all()
