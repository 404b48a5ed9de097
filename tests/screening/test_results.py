import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from eyeground.errors import UserError
from eyeground.screening import results
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.results import Finished, write_results


def row(index: int) -> dict[str, object]:
    known = index % 3 > 0
    return {
        "photo": f"eye ä{index}.jpg",
        "status": "normal" if known else "unreadable",
        "reason": 'it says "no", and more',
        "probability_abnormal": index / 7 if known else None,
        "focus": float("nan") if index == 1 else 0.5,
    }


def test_tables_written_in_pieces_hold_the_same_rows_in_every_format(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROWS_AT_ONCE", 4)
    write_results(tmp_path, iter([row(index) for index in range(11)]))
    parquet = pd.read_parquet(tmp_path / "results.parquet")
    assert list(parquet["photo"]) == [f"eye ä{index}.jpg" for index in range(11)]
    assert parquet["probability_abnormal"].dtype == "float64"
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results.csv"), parquet, check_dtype=False, check_exact=True)
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [row(index) | ({"focus": None} if index == 1 else {}) for index in range(11)]
    assert list(lines[0]) == list(parquet.columns)


def test_a_first_piece_without_any_number_fixes_no_other_type(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROWS_AT_ONCE", 1)
    write_results(tmp_path, [row(0), row(2)])
    assert list(pd.read_parquet(tmp_path / "results.parquet")["probability_abnormal"].notna()) == [False, True]


def test_an_error_half_way_leaves_the_old_tables_and_nothing_else(tmp_path):
    (tmp_path / "results.csv").write_text("old")

    def rows():
        yield row(0)
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        write_results(tmp_path, rows())
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"results.csv": "old"}


def finished(ledger: Ledger, *owners: tuple[str | None, str | None]) -> Finished:
    photos = [PhotoFile(f"{index}.jpg", "", "1", *owner) for index, owner in enumerate(owners)]
    ledger.add([Record("1", {"photo": photo.name, "status": "normal"}) for photo in photos])
    return Finished(photos, ledger)


def test_patient_and_eye_follow_the_photo_where_any_is_known(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        records = finished(ledger, ("007", "left"), (None, None))
        keys = [record.row["key"] for record in records]
        assert len(set(keys)) == 2
        assert [list(record.row.items()) for record in records] == [
            [("photo", "0.jpg"), ("key", keys[0]), ("patient", "007"), ("eye", "left"), ("status", "normal")],
            [("photo", "1.jpg"), ("key", keys[1]), ("patient", None), ("eye", None), ("status", "normal")],
        ]
        assert [record.row["photo"] for record in records[1:]] == ["1.jpg"]
    assert "007" not in Path(tmp_path / "ledger").read_text()


def test_without_any_patient_there_are_no_such_columns(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        assert list(finished(ledger, (None, None))[0].row) == ["photo", "key", "status"]


def test_a_table_holds_any_text_and_any_number_and_knows_what_is_missing(tmp_path):
    rows = [
        {"photo": "Müller 眼.jpg", "status": "normal", "reason": None, "focus": 0.25},
        {"photo": "", "status": "abnormal", "reason": 'a, "b"\nc', "focus": None},
        {"photo": "x" * 3000, "status": "normal", "reason": "", "focus": -1e-300},
    ]
    write_results(tmp_path, iter(rows))
    assert pq.read_table(tmp_path / "results.parquet").to_pylist() == rows


def test_writing_tables_imports_no_pandas(tmp_path):
    code = (
        "import sys; from pathlib import Path; from eyeground.screening.results import write_results;"
        f"write_results(Path({str(tmp_path)!r}), [{{'photo': 'a.jpg', 'focus': 1.0}}]);"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
