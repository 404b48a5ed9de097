"""Rows equal to those of one machine, whatever was interrupted; the workers are of this process."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from eyeground.errors import UserError
from eyeground.scale.batch.storage import Place
from eyeground.screening.batch import screen
from eyeground.screening.photos import RUN, list_photos
from eyeground.screening.sources import TableColumns


def rows(folder: Path | str) -> pd.DataFrame:
    return pd.read_parquet(f"{folder}/results")


@pytest.fixture(scope="module")
def expected(photos, screener, tmp_path_factory) -> pd.DataFrame:
    """The results of one machine."""
    folder = tmp_path_factory.mktemp("one") / "out"
    screen(photos, screener, folder, jobs=1, overlays="none", report=False)
    return pd.read_parquet(folder / "results.parquet")


def test_rows_equal_those_of_one_machine(run, photos, expected, tmp_path):
    screened = run(photos)
    pd.testing.assert_frame_equal(rows(tmp_path / "scaled"), expected, check_exact=True)
    assert screened.photos == 20 and screened.counts["unreadable"] == 3
    summary = json.loads((tmp_path / "scaled" / "summary.json").read_text())
    assert summary["statuses"] == screened.counts


def test_the_summary_shows_examples_with_pictures_and_counts_all(run, photos, tmp_path):
    run(photos)
    page = (tmp_path / "scaled" / "summary.html").read_text(encoding="utf-8")
    assert page.count("<article class=") == 20 and page.count("data-webp=") == 17
    assert "eye 001" not in page
    drawn = list((tmp_path / "scaled" / "overlays").iterdir())
    assert len(drawn) == 17 and all(path.name in page for path in drawn)


def test_pictures_are_written_of_what_was_asked_for(run, photos, tmp_path):
    run(photos, overlays="abnormal")
    table = rows(tmp_path / "scaled")
    assert (table["picture"].notna() == (table["status"] == "abnormal")).all() and table["picture"].notna().any()
    assert all((tmp_path / "scaled" / picture).is_file() for picture in table["picture"].dropna())


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_run_whose_driver_died_screens_only_what_was_not_finished(run, inline, photos, expected, tmp_path, dies_at):
    inline.dies_at = dies_at
    with pytest.raises(KeyboardInterrupt):
        run(photos)
    finished = len(list((tmp_path / "scaled" / "ledger").iterdir()))
    assert not (tmp_path / "scaled" / "summary.json").exists()
    inline.dies_at = None
    screened = run(photos)
    assert screened.finished_before == 8 * finished == 8 * dies_at
    pd.testing.assert_frame_equal(rows(tmp_path / "scaled"), expected, check_exact=True)


def test_a_shard_whose_photograph_was_replaced_is_screened_again(run, photos, expected, tmp_path):
    copies = tmp_path / "photos"
    for path in sorted(photos.rglob("*.jpg")):
        copy = copies / path.relative_to(photos)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    run(copies)
    first = copies / expected["photo"][0]
    first.write_bytes(b"replaced")
    assert run(copies).finished_before == 12
    assert rows(tmp_path / "scaled")["status"][0] == "unreadable"


def test_a_table_gives_patients_eyes_and_kept_columns_as_on_one_machine(run, photos, screener, expected, tmp_path):
    names = [str(photos / name) for name in expected["photo"]]
    table = pd.DataFrame({"photo": [*names, "missing.jpg"], "patient": [f"p{i // 3}" for i in range(21)]})
    table["eye"] = np.where(np.arange(21) % 2, "left", "right")
    table["status"] = [f"visit {i}" for i in range(21)]
    table.to_parquet(tmp_path / "photos.parquet")
    columns = TableColumns(keep=("status",))
    run(tmp_path / "photos.parquet", columns=columns)
    out = tmp_path / "one"
    screen(tmp_path / "photos.parquet", screener, out, jobs=1, overlays="none", report=False, columns=columns)
    pd.testing.assert_frame_equal(rows(tmp_path / "scaled"), pd.read_parquet(out / "results.parquet"), check_exact=True)


def test_another_model_or_threshold_is_refused_unless_asked_for(run, photos, tmp_path):
    run(photos)
    settings = json.loads((tmp_path / "scaled" / RUN).read_text())
    (tmp_path / "scaled" / RUN).write_text(json.dumps(settings | {"digest": "other", "model": "other@1"}))
    with pytest.raises(UserError, match=r"other@1.*--overwrite"):
        run(photos)
    assert run(photos, overwrite=True).finished_before == 0


def test_results_that_no_run_wrote_are_not_replaced(run, photos, tmp_path):
    (tmp_path / "scaled" / "results").mkdir(parents=True)
    (tmp_path / "scaled" / "results" / "mine.parquet").write_text("mine")
    with pytest.raises(UserError, match="was not written by a screening"):
        run(photos)


def test_a_damaged_shard_is_named_and_never_left_out(run, photos, tmp_path):
    run(photos)
    shard = min((tmp_path / "scaled" / "ledger").iterdir())
    whole = pq.read_table(shard)
    for damage in (shard.read_bytes()[:100], None):
        if damage is None:
            pq.write_table(whole.slice(1), shard)
        else:
            shard.write_bytes(damage)
        with pytest.raises(UserError, match=shard.name):
            run(photos)
    shard.unlink()
    assert run(photos).finished_before == 12


def test_a_run_is_not_screened_as_photographs_itself(run, photos, tmp_path):
    run(photos)
    (tmp_path / "eye.jpg").write_bytes(b"x")
    assert [photo.name for photo in list_photos(tmp_path, tmp_path / "out").photos] == ["eye.jpg"]


def test_object_storage_gives_the_same_rows(run, s3, photos, expected, tmp_path):
    system = Place(s3)._system
    system.put(f"{photos}/", f"{s3}/photos[1]/", recursive=True)
    system.pipe_file(f"{s3}/photos[1]/notes.txt", b"no photograph")
    output = f"{s3}/screened"
    screened = run(f"{s3}/photos[1]", output=output, overlays="abnormal")
    assert "1 object was left out" in screened.notes[0]
    system.get(f"{output}/", f"{tmp_path}/back/", recursive=True)
    back = rows(tmp_path / "back")
    pd.testing.assert_frame_equal(back.assign(picture=None), expected.assign(picture=None), check_exact=True)
    assert all((tmp_path / "back" / picture).is_file() for picture in back["picture"].dropna())
    assert (tmp_path / "back" / "summary.html").read_text().count("data-webp=") == 17
    assert run(f"{s3}/photos[1]", output=output, overlays="abnormal").finished_before == 20


def test_a_table_in_object_storage_names_objects_beside_it_and_anywhere(run, s3, photos, tmp_path):
    system = Place(s3)._system
    first, second = sorted(photos.rglob("eye*.jpg"))[:2]
    system.put_file(str(first), f"{s3}/tables/a.jpg")
    system.put_file(str(second), f"{s3}/elsewhere/b.jpg")
    system.pipe_file(f"{s3}/tables/list.csv", f"photo\na.jpg\n{s3}/elsewhere/b.jpg\n{s3}/gone.jpg\n".encode())
    run(f"{s3}/tables/list.csv")
    table = rows(tmp_path / "scaled")
    assert list(table["photo"]) == ["a.jpg", "s3://bucket/elsewhere/b.jpg", "s3://bucket/gone.jpg"]
    assert list(table["status"] == "unreadable") == [False, False, True]
    assert table["reason"][2] == "the object does not exist"
