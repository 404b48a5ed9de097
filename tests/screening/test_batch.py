import html
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.errors import UserError
from eyeground.screening.batch import Screened, screen
from eyeground.screening.photos import LEDGER

READABLE, TRUNCATED = 19, 10
HOSTILE = TRUNCATED + 4


@dataclass(frozen=True)
class Run:
    """One screening of a folder of readable and hostile files, with what the files were before it."""

    folder: Path
    screened: Screened
    before: dict[Path, tuple[bytes, int]]

    @property
    def table(self) -> pd.DataFrame:
        return pd.read_parquet(self.screened.output_folder / "results.parquet")


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file() and "output" not in path.parts]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.fixture(scope="module")
def run(screener, fundus, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("photos")
    for index in range(READABLE):
        path = folder / ("clinic a" if index % 3 else "clinic b") / f"eye {index:03d}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), fundus(blue=0.4 if index % 2 else 0.02, seed=index)[..., ::-1])
    complete = path.read_bytes()
    for length in np.linspace(0, len(complete) * 0.9, TRUNCATED).astype(int):
        (folder / f"cut {length:06d}.jpg").write_bytes(complete[:length])
    (folder / "text.JPG").write_text("not a picture")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "<script>a&b<.jpg").write_text("not a picture")
    os.mkfifo(folder / "pipe.tif")
    before = contents(folder)
    return Run(folder, screen(folder, screener, folder / "output", jobs=2), before)


def test_every_file_has_one_row_in_order(run):
    listed = [path for path in run.folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    expected = sorted(path.relative_to(run.folder).as_posix() for path in listed if "output" not in path.parts)
    assert list(run.table["photo"]) == expected
    assert run.screened.photos == len(expected) == READABLE + HOSTILE


def test_rows_are_the_findings_of_their_photos(run, screener):
    table = run.table[run.table["photo"].str.startswith("clinic")]
    findings = screener([run.folder / name for name in table["photo"]])
    for row, finding in zip(table.to_dict("records"), findings, strict=True):
        assert row["status"] == finding.status
        assert row["reason"] == finding.reason
        assert row["probability_abnormal"] == pytest.approx(finding.probabilities["abnormal"], rel=1e-5)
        assert row["focus"] == finding.gradability.focus
    assert list(table.columns) == ["photo", "key", *list(findings[0].as_row())[1:], "picture"]


def test_every_hostile_file_has_a_reason_without_its_place(run):
    hostile = run.table[~run.table["photo"].str.startswith("clinic")]
    assert len(hostile) == HOSTILE
    assert (hostile["status"] == "unreadable").all()
    assert hostile["reason"].str.len().min() > 10
    assert not hostile["reason"].str.contains(str(run.folder), regex=False).any()
    assert hostile["probability_abnormal"].isna().all()


def test_csv_and_parquet_hold_the_same_rows(run):
    read = pd.read_csv(run.screened.output_folder / "results.csv")
    pd.testing.assert_frame_equal(read, run.table, check_dtype=False, check_exact=True)


def test_readable_photos_and_only_they_have_a_picture(run):
    pictures = run.screened.output_folder / "overlays"
    found = {path.relative_to(pictures).as_posix() for path in pictures.rglob("*") if path.is_file()}
    readable = run.table["status"] != "unreadable"
    assert found == {picture.removeprefix("overlays/") for picture in run.table.loc[readable, "picture"]}
    assert run.table.loc[~readable, "picture"].isna().all()
    assert len(found) == READABLE
    assert cv2.imread(str(pictures / min(found))).shape == (576, 1024, 3)


def test_the_name_of_a_picture_cannot_be_guessed_from_that_of_its_photo(run, screener, fundus, tmp_path):
    """A hash of a record number alone is found again by trying all numbers; of pixels it is not."""
    for folder, seed in (("one", 1), ("other", 2)):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "4711.png"), fundus(seed=seed)[..., ::-1])
        cv2.imwrite(str(tmp_path / folder / "copy.png"), fundus(seed=seed)[..., ::-1])
    tables = [
        pd.read_csv(
            screen(tmp_path / folder, screener, tmp_path / f"{folder} out", jobs=1).output_folder / "results.csv"
        )
        for folder in ("one", "other")
    ]
    assert tables[0]["picture"].is_unique
    assert not set(tables[0]["picture"]) & set(tables[1]["picture"])
    assert pd.concat(tables)["picture"].str.fullmatch(r"overlays/[0-9a-f]{20}\.evidence\.jpg").all()


def test_the_photos_are_never_changed(run):
    assert contents(run.folder) == run.before


def test_a_screening_killed_half_way_ends_like_one_that_was_not(run, screener, tmp_path):
    output = tmp_path / "output"
    shutil.copytree(run.screened.output_folder, output)
    expected = (output / "results.csv").read_bytes()
    ledger = (output / LEDGER).read_bytes()
    (output / LEDGER).write_bytes(ledger[: len(ledger) // 2])
    (output / "results.csv").write_text("old")
    (output / "overlays" / ".eye.jpg.x.partial").write_text("half")
    screened = screen(run.folder, screener, output, jobs=1)
    assert 0 < screened.finished_before < READABLE + HOSTILE
    assert (output / "results.csv").read_bytes() == expected
    assert not list(output.rglob("*.partial"))


def test_a_finished_screening_does_nothing_again_but_missing_pictures(run, screener, tmp_path):
    output = tmp_path / "output"
    shutil.copytree(run.screened.output_folder, output)
    assert screen(run.folder, screener, output).finished_before == READABLE + HOSTILE
    picture = output / run.table.set_index("photo").loc["clinic a/eye 001.jpg", "picture"]
    before = picture.read_bytes()
    picture.unlink()
    assert screen(run.folder, screener, output, jobs=1).finished_before == READABLE + HOSTILE - 1
    assert picture.read_bytes() == before


def test_an_output_that_cannot_be_written_is_one_sentence(run, screener, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        screen(run.folder, screener, tmp_path / "file" / "output")


def test_results_that_no_screening_wrote_are_not_replaced(run, screener, tmp_path):
    (tmp_path / "results.csv").write_text("mine")
    with pytest.raises(UserError, match="was not written by a screening"):
        screen(run.folder, screener, tmp_path)
    assert (tmp_path / "results.csv").read_text() == "mine"


def test_the_report_shows_every_photo_and_names_none(run):
    report = run.screened.report.read_bytes()
    assert report.count(b"<article class=") == READABLE + HOSTILE
    assert report.count(b"data-webp=") == READABLE
    for photo in run.table["photo"]:
        for part in photo.split("/"):
            assert part.encode() not in report and html.escape(part).encode() not in report
            assert quote(part).encode() not in report


def test_identifiers_are_shown_when_asked_for_and_without_screening_again(run, screener, tmp_path):
    output = tmp_path / "output"
    shutil.copytree(run.screened.output_folder, output)
    screened = screen(run.folder, screener, output, identifiers=True)
    assert screened.finished_before == READABLE + HOSTILE
    report = screened.report.read_text()
    assert all(f"{index:03d}.jpg" in report for index in range(READABLE))
    assert "<script>a" not in report
    assert "&lt;script&gt;a&amp;b&lt;.jpg" in report


def test_the_command_line_names_photos_only_with_identifiers(bundle, folder_of_photos, tmp_path):
    command = ["screen", str(folder_of_photos(1)), "--bundle", str(bundle.folder), "-o", str(tmp_path / "out")]
    for options, named in (([], False), (["--identifiers"], True)):
        assert main([*command, "--jobs", "1", *options]) == 0
        assert ("eye 000.jpg" in (tmp_path / "out" / "report.html").read_text()) == named


def test_what_is_left_out_is_named_only_with_identifiers(screener, folder_of_photos, tmp_path):
    folder = folder_of_photos(1)
    (folder / "Mueller Hans.txt").write_text("notes")
    screened = screen(folder, screener, tmp_path / "output", jobs=1)
    assert "1 other file was left out" in screened.report.read_text()
    assert "Mueller" not in screened.report.read_text()
    assert "Mueller" in screened.notes[0]
    assert "Mueller" in screen(folder, screener, tmp_path / "output", identifiers=True).report.read_text()


def named(output: Path) -> dict[str, float]:
    return pd.read_parquet(output / "results.parquet").set_index("photo")["probability_abnormal"].to_dict()


@pytest.mark.parametrize("how", ["renamed", "written over"])
def test_two_photos_that_change_places_keep_none_of_the_others_findings(screener, fundus, tmp_path, how):
    """Of equal size and time of last change: two patients' photos, sorted out after the first screening."""
    folder, output = tmp_path / "photos", tmp_path / "output"
    folder.mkdir()
    one, other = folder / "one.bmp.png", folder / "other.bmp.png"
    for path, blue in ((one, 0.02), (other, 0.4)):
        cv2.imwrite(str(path), fundus(blue=blue)[..., ::-1])
    size = max(path.stat().st_size for path in (one, other)) + 16
    for path in (one, other):
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
        os.utime(path, ns=(10**18, 10**18))
    screen(folder, screener, output, jobs=1)
    before = named(output)
    if how == "renamed":
        one.rename(tmp_path / "aside")
        other.rename(one)
        (tmp_path / "aside").rename(other)
    else:
        contents = one.read_bytes(), other.read_bytes()
        for path, content in zip((other, one), contents, strict=True):
            path.write_bytes(content)
            os.utime(path, ns=(10**18, 10**18))
    assert screen(folder, screener, output, jobs=1).finished_before == 0
    after = named(output)
    assert after["one.bmp.png"] == before["other.bmp.png"] != before["one.bmp.png"] == after["other.bmp.png"]


def test_a_folder_removed_meanwhile_does_not_end_with_written(bundle, folder_of_photos, tmp_path, monkeypatch, capsys):
    output = tmp_path / "output"

    def remove(path: Path, *_: object) -> None:
        shutil.rmtree(output)

    monkeypatch.setattr("eyeground.screening.batch.write_report", remove)
    command = ["screen", str(folder_of_photos(1)), "--bundle", str(bundle.folder), "-o", str(output), "--jobs", "1"]
    assert main(command) == 2
    printed = capsys.readouterr()
    assert "was removed while it was written to" in " ".join(printed.err.split()) and "written:" not in printed.out


def test_another_model_replaces_a_screening_only_if_asked_to(bundle, build_bundle, folder_of_photos, tmp_path, capsys):
    other = build_bundle(tmp_path / "other[v2]", name="other[/v2]")
    command = ["screen", str(folder_of_photos(1)), "-o", str(tmp_path / "out"), "--jobs", "1"]
    assert main([*command, "--bundle", str(bundle.folder)]) == 0
    before = (tmp_path / "out" / "results.csv").read_bytes()
    assert main([*command, "--bundle", str(other.folder)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (tmp_path / "out" / "results.csv").read_bytes() == before
    assert main([*command, "--bundle", str(other.folder), "--overwrite"]) == 0
    assert f"model {other.identity}" in capsys.readouterr().out
    assert other.identity in (tmp_path / "out" / "results.csv").read_text()


@pytest.mark.parametrize(
    "name", ["a\rb.jpg", "a\nb.jpg", "\x1b[2Ja.jpg", "\x1b]0;title\x07.jpg", "\x9b31m.jpg", "\u202egpj.jpg"]
)
def test_a_name_with_control_characters_is_one_cell_and_moves_no_cursor(bundle, fundus, tmp_path, capsys, name):
    folder, output = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    cv2.imwrite(str(folder / "photo.jpg"), fundus()[..., ::-1])
    (folder / "photo.jpg").rename(folder / name)
    (folder / f"{name}.txt").write_text("left out by name")
    assert main(["screen", str(folder), "--bundle", str(bundle.folder), "-o", str(output), "--jobs", "1"]) == 0
    printed = "".join(capsys.readouterr())
    lines = (output / "results.csv").read_bytes().decode().split("\n")
    assert len(lines) == 3 and lines[1].split(",")[0] == name.encode("unicode_escape").decode()
    for text in (printed, *lines):
        assert not {"\r", "\x1b", "\x9b", "\x07", "\u202e"} & set(text)
