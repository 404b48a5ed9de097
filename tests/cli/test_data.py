"""`import`, `join` and `split` as a user meets them; `check` is tested with `main`."""

from pathlib import Path

import pandas as pd
import pytest

from eyeground.cli import main
from eyeground.data.manifest import read_manifest


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def rows(count: int, further: str = "") -> str:
    return "".join(f"p/{number}.jpg,{number},{number % 2}{further}\n" for number in range(count))


@pytest.mark.parametrize(
    "text",
    [
        "photo;patient;abnormal;age\np/1.jpg;1;1;54,5\np/2.jpg;1;0;54,5\np/3.jpg;2;1;60\np/4.jpg;3;1;61,25\n",
        "sep=,\nphoto,patient,abnormal,age\np/1.jpg,1,1,54.5\np/2.jpg,1,0,54.5\np/3.jpg,2,1,60\np/4.jpg,3,1,61.25\n",
        "photo\tpatient\tabnormal\tage\np/1.jpg\t1\t1\t54,5\np/2.jpg\t1\t0\t54,5\np/3.jpg\t2\t1\t60\np/4.jpg\t3\t1\t61,25\n",
    ],
)
def test_a_european_table_is_split_as_any_other(text: str) -> None:
    shares = ["--train", "0.34", "--validation", "0.33", "--test", "0.33"]
    assert main(["split", write("in.csv", text), "-o", "out.csv", *shares]) == 0
    table = read_manifest(Path("out.csv")).table
    assert table["age"].tolist() == [54.5, 54.5, 60, 61.25]
    assert table["abnormal"].tolist() == [1, 0, 1, 1]


def test_a_publishers_split_is_never_replaced_without_being_asked(capsys: pytest.CaptureFixture[str]) -> None:
    text = "photo,patient,dr,split\n" + rows(20, ",train") + "p/t.jpg,t,1,test\n"
    path = write("in.csv", text)
    assert main(["split", path, "-o", "out.csv"]) == 2
    assert "'split' already (20 train, 1 test)" in capsys.readouterr().err
    assert not Path("out.csv").exists()
    assert main(["split", path, "-o", "out.csv", "--folds", "3"]) == 0
    table = pd.read_csv("out.csv")
    assert (table["split"] == "test").sum() == 1 and set(table["fold"]) == {0, 1, 2}
    assert "own splits were kept" in capsys.readouterr().out
    assert main(["split", "out.csv", "-o", "again.csv", "--folds", "3"]) == 2
    assert main(["split", path, "-o", "out.csv", "--overwrite"]) == 0
    assert (pd.read_csv("out.csv")["split"] == "test").sum() > 1


def test_a_split_that_is_to_be_replaced_need_not_be_understood() -> None:
    path = write("in.csv", "photo,patient,dr,split\n" + rows(20, ",part 7"))
    assert main(["split", path, "-o", "out.csv"]) == 2
    assert main(["split", path, "-o", "out.csv", "--overwrite"]) == 0


def test_a_class_in_two_spellings_is_refused_where_it_is_used_and_reported_where_it_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "photo,patient,dx,dr\n" + "".join(f"p/{one}.jpg,{one},{'DR' if one % 2 else 'dr '},1\n" for one in range(20))
    write("worse.csv", text + "p/x.jpg,#REF!,AMD,1\n")
    assert main(["split", "worse.csv", "-o", "out.csv"]) == 2
    printed = capsys.readouterr().err
    assert "'patient' is the error" in printed and "'dr' and 'DR'" in printed  # neither hides the other
    for given, code in (([], 2), (["--stratify", "dx"], 2), (["--stratify", "dr"], 0)):
        assert main(["split", write("in.csv", text), "-o", "out.csv", *given]) == code
        captured = capsys.readouterr()
        assert "'dr' and 'DR'" in captured.err + captured.out


@pytest.mark.parametrize(
    "command", [["split", "in.csv"], ["join", "in.csv"], ["import", "csv", "in.csv"], ["import", "folder", "p"]]
)
def test_the_name_of_the_output_is_checked_before_work(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("out.xlsx", "file/out.csv"):  # the inputs are not there, and are not even looked for
        write("file", "")
        assert main([*command, "-o", output]) == 2
        assert "in.csv" not in capsys.readouterr().err


def test_hospitals_are_joined_and_their_patients_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    north = write("north.csv", "photo,patient,dr\nn/1.jpg,001,1\n")
    south = write("south.csv", "photo,patient,dr,source\ns/1.jpg,001,0,idrid\n")
    assert main(["join", north, south, "-o", "all.csv"]) == 2
    assert "--source NAME=north.csv" in capsys.readouterr().err
    given = ["--source", "clinic=north.csv", "--licence", "clinic=own data", "--citation", "clinic=Mwangi 2026"]
    assert main(["join", north, south, "-o", "all.csv", *given]) == 0
    table = read_manifest(Path("all.csv")).table
    assert table["patient"].tolist() == ["clinic-001", "idrid-001"]
    assert table["note_licence"].tolist() == ["own data", "CC BY 4.0"]
    assert table["note_citation"][0] == "Mwangi 2026" and "Porwal" in table["note_citation"][1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--source", "north.csv"], "expected NAME=MANIFEST"),
        (["--source", "a=b.csv"], "is none of the manifests; they are north.csv"),
        (["--licence", "clinic=CC0"], "no source 'clinic'"),
    ],
)
def test_a_join_that_cannot_be_says_why(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["join", write("north.csv", "photo,patient\nn/1.jpg,001\n"), "-o", "all.csv", *given]) == 2
    assert message in capsys.readouterr().err


def test_a_table_of_ones_own_needs_no_mapping_of_what_has_the_right_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jpg").touch()
    path = write("in.csv", "photo;Referable DR?;side\na.jpg;yes;OD\n")
    given = ["--label", "dr=Referable DR?:yes=1,no=0", "--column", "eye=side", "--one-photo-per-patient"]
    assert main(["import", "csv", path, "-o", "out.csv", *given]) == 0
    assert "WARNING" not in capsys.readouterr().out
    assert pd.read_csv("out.csv").to_dict("list") == {
        "photo": ["a.jpg"],
        "patient": ["a.jpg"],
        "eye": ["right"],
        "dr": [1],
    }
