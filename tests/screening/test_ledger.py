from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeground.errors import UserError
from eyeground.screening.ledger import Ledger, Record
from eyeground.screening.photos import PhotoFile


def photo(index: int, stamp: str = "1-1") -> PhotoFile:
    return PhotoFile(f"eye {index}.jpg", None, stamp)


def record(index: int) -> Record:
    return Record(
        "1-1",
        {"photo": f"eye {index}.jpg", "probability_abnormal": 0.1 + index / 7},
        f"overlays/{index}.jpg",
        "abnormal",
        2.0,
    )


def remembered(ledger: Ledger, count: int) -> list[int]:
    return [index for index in range(count) if ledger.record_of(photo(index)) is not None]


def test_finished_photos_are_remembered_exactly(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0), record(1)])
        ledger.add([record(2)])
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        assert [ledger.record_of(photo(index)) for index in range(3)] == [record(0), record(1), record(2)]


@given(st.floats(0, 1))
def test_a_ledger_torn_anywhere_keeps_its_whole_lines_and_goes_on(bundle, tmp_path, share):
    path = tmp_path / "ledger"
    path.unlink(missing_ok=True)
    with Ledger(path, bundle) as ledger:
        ledger.add([record(index) for index in range(4)])
    complete = path.read_bytes()
    torn = complete[: round(share * len(complete))]
    path.write_bytes(torn)
    lines = max(torn.count(b"\n") - 1, 0)  # less the header
    with Ledger(path, bundle) as ledger:
        assert remembered(ledger, 4) == list(range(lines))
        ledger.add([record(index) for index in range(lines, 4)])
    assert path.read_bytes() == complete


def test_a_line_that_is_no_record_ends_what_is_believed(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0)])
    with (tmp_path / "ledger").open("a") as stream:
        stream.write('{"strange": 1}\n')
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        assert remembered(ledger, 2) == [0]


def test_a_changed_photo_is_not_finished(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0)])
        assert ledger.record_of(photo(0, stamp="2-1")) is None


def test_another_bundle_is_refused_and_starts_anew_only_if_asked_to(bundle, build_bundle, tmp_path):
    other = build_bundle(tmp_path / "other", name="other")
    with Ledger(tmp_path / "ledger", bundle):
        pass  # nothing was found, so nothing is lost
    with Ledger(tmp_path / "ledger", other) as ledger:
        ledger.add([record(0)])
    with pytest.raises(UserError, match=rf"holds results of {other.identity}, .* replace them with --overwrite"):
        Ledger(tmp_path / "ledger", bundle)
    with Ledger(tmp_path / "ledger", other) as ledger:
        assert remembered(ledger, 1) == [0]
    with Ledger(tmp_path / "ledger", bundle, overwrite=True) as ledger:
        assert remembered(ledger, 1) == []


def test_other_thresholds_are_refused_and_a_ledger_of_an_earlier_format_too(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle, thresholds={"abnormal": 0.4}) as ledger:
        ledger.add([record(0)])
    with pytest.raises(UserError, match="the same model at other thresholds"):
        Ledger(tmp_path / "ledger", bundle, thresholds={"abnormal": 0.5})
    (tmp_path / "ledger").write_text('{"eyeground_ledger": 3, "bundle": "0"}\n{}\n')
    with pytest.raises(UserError, match="of an earlier version of eyeground"):
        Ledger(tmp_path / "ledger", bundle)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_that_was_removed_meanwhile_stops_the_work(bundle, tmp_path, replaced):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0)])
        (tmp_path / "ledger").unlink()
        if replaced:
            (tmp_path / "ledger").write_text("another")
        with pytest.raises(UserError, match="was removed while it was written to"):
            ledger.add([record(1)])


def test_a_ledger_that_cannot_be_written_is_one_sentence(bundle, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        Ledger(tmp_path / "file" / "ledger", bundle)


def test_a_second_process_at_the_same_ledger_is_kept_out(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle), pytest.raises(UserError, match="another screening is writing here"):
        Ledger(tmp_path / "ledger", bundle)
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        assert remembered(ledger, 1) == []


def test_the_last_line_of_a_photo_counts_and_no_older_one_with_its_stamp(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0)])
        ledger.add([replace(record(0), stamp="2-1")])
        assert ledger.record_of(photo(0)) is None
        assert ledger.record_of(photo(0, stamp="2-1")) is not None


def test_records_added_after_a_torn_end_are_read_as_they_were_written(bundle, tmp_path):
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        ledger.add([record(0)])
    with (tmp_path / "ledger").open("a") as stream:
        stream.write('{"stamp": "1-1", "row": {"photo": "eye 1.jpg", "probab')
    with Ledger(tmp_path / "ledger", bundle) as ledger:
        assert ledger.record_of(photo(0)) == record(0)
        ledger.add([record(1), record(2)])
        assert [ledger.record_of(photo(index)) for index in range(3)] == [record(0), record(1), record(2)]
