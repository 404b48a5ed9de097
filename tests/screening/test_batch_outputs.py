"""What a screening writes and leaves away: no report, no pictures, tables in shards; and a folder that agrees with itself."""

from pathlib import Path

import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.screening.batch import PICTURES, REPORT, Screened, screen
from eyeground.screening.results import SHARDS, write_results, write_shards


@pytest.fixture
def screened(screener, folder_of_photos, tmp_path):
    folder = folder_of_photos(5)
    (folder / "torn.jpg").write_bytes(b"x")

    def run(**options: object) -> Screened:
        return screen(folder, screener, tmp_path / "out", jobs=1, **options)

    return run


def names(output: Path) -> set[str]:
    return {path.name for path in output.iterdir() if not path.name.startswith(".")}


def table(output: Path) -> pd.DataFrame:
    return pd.read_csv(output / "results.csv")


def test_tables_alone_say_the_same_as_with_a_report(screened, tmp_path):
    bare = table(screened(report=False, overlays="none").output_folder)
    assert names(tmp_path / "out") == {
        "results.csv",
        "results.parquet",
        "results.jsonl",
        "summary.json",
        "eyeground-ledger.jsonl",
    }
    assert bare["picture"].isna().all()
    complete = table(screened().output_folder)
    pd.testing.assert_frame_equal(bare.drop(columns="picture"), complete.drop(columns="picture"), check_exact=True)


def test_pictures_that_are_wanted_later_are_drawn_then(screened, tmp_path):
    assert screened(overlays="none").finished_before == 0
    again = screened()
    assert again.finished_before == 1, "the unreadable one has no picture to render"
    assert len(list((tmp_path / "out" / PICTURES).iterdir())) == 5
    assert screened().finished_before == screened(overlays="none").finished_before == 6


def test_without_pictures_a_report_still_has_a_row_for_each_photo(screened):
    text = screened(overlays="none").report.read_text(encoding="utf-8")
    assert text.count('<p class="none">no picture</p>') == 6


def test_pictures_of_abnormal_photos_alone_are_drawn_where_asked_for(screened, tmp_path):
    rows = table(screened(overlays="abnormal").output_folder)
    assert (rows["picture"].notna() == (rows["status"] == "abnormal")).all() and rows["picture"].notna().any()
    drawn = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out" / PICTURES).iterdir()}
    assert drawn == set(rows["picture"].dropna())
    assert screened(overlays="abnormal").finished_before == 6


def test_pictures_of_very_many_photos_are_spread_over_folders(screened, tmp_path, monkeypatch):
    monkeypatch.setattr("eyeground.screening.finding_writer.MOST_IN_A_FOLDER", 4)
    rows = table(screened().output_folder)
    assert rows["picture"].dropna().str.fullmatch(r"overlays/([0-9a-f]{2})/\1[0-9a-f]{18}\.evidence\.jpg").all()
    assert all((tmp_path / "out" / picture).is_file() for picture in rows["picture"].dropna())


def test_a_word_that_overlays_does_not_know_is_one_sentence(bundle, folder_of_photos, tmp_path, capsys):
    command = ["screen", str(folder_of_photos(1)), "--bundle", str(bundle.folder), "-o", str(tmp_path / "out")]
    assert main([*command, "--overlays", "ill"]) == 2
    assert "abnormal" in capsys.readouterr().err


def test_a_report_that_is_no_longer_wanted_does_not_stay_beside_newer_tables(screened, tmp_path):
    assert REPORT in names(screened().output_folder)
    screened(report=False)
    assert REPORT not in names(tmp_path / "out")


@pytest.mark.parametrize("shards", [1, 4, 6, 9])
def test_shards_hold_the_rows_of_the_table_in_order(screened, tmp_path, shards):
    output = screened(shards=shards).output_folder
    files = sorted((output / SHARDS).iterdir())
    assert [file.name for file in files] == [f"{n:05d}-of-{shards:05d}.parquet" for n in range(1, shards + 1)]
    complete = pd.read_parquet(output / "results.parquet")
    parts = [pd.read_parquet(file) for file in files]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert pd.concat(parts)["photo"].tolist() == complete["photo"].tolist()
    pd.testing.assert_frame_equal(pd.read_parquet(output / SHARDS), complete)


def test_shards_of_an_earlier_screening_do_not_stay(screened, tmp_path):
    screened(shards=4)
    assert len(list((screened(shards=2).output_folder / SHARDS).iterdir())) == 2
    screened()
    assert SHARDS not in names(tmp_path / "out")


def test_shards_that_were_never_finished_are_written_anew(tmp_path):
    write_results(tmp_path, [{"photo": "a.jpg", "focus": 1.0}, {"photo": "b.jpg", "focus": None}])
    write_shards(tmp_path, 3)
    (tmp_path / SHARDS).rename(tmp_path / ".eyeground-shards")
    write_shards(tmp_path, 2)
    assert pd.read_parquet(tmp_path / SHARDS)["photo"].tolist() == ["a.jpg", "b.jpg"]
    assert not (tmp_path / ".eyeground-shards").exists()


def test_the_command_says_what_it_wrote(bundle, folder_of_photos, tmp_path, capsys):
    arguments = ["screen", str(folder_of_photos(2)), "-o", str(tmp_path / "out"), "--bundle", str(bundle.folder)]
    assert main([*arguments, "--jobs", "1", "--no-report", "--no-overlays", "--shards", "2"]) == 0
    printed = capsys.readouterr().out
    assert REPORT not in printed and str(tmp_path / "out" / SHARDS) in printed
    assert not {REPORT, PICTURES} & names(tmp_path / "out") and len(list((tmp_path / "out" / SHARDS).iterdir())) == 2
    assert main([*arguments, "--shards", "0"]) == 2
