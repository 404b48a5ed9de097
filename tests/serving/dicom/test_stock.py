"""What a node has in hand survives kills: an accepted photograph stays, and nothing is taken twice."""

from pathlib import Path

import pytest

from eyeground.errors import UserError
from eyeground.serving.dicom.stock import Stock, key_of


def _arrive(stock: Stock, instance: str, content: bytes = b"photo") -> str:
    file = stock.incoming / "part"
    file.write_bytes(content)
    return stock.accept(file, instance)


def _write(place: Path) -> None:
    place.mkdir()
    (place / "report.dcm").write_bytes(b"report")


def test_an_accepted_photograph_waits_after_a_restart_too(tmp_path) -> None:
    stock = Stock(tmp_path)
    key = _arrive(stock, "1.2.3")
    stock.close()
    again = Stock(tmp_path)
    ((found, file),) = again.waiting(10)
    assert found == key and file.read_bytes() == b"photo"


def test_an_instance_is_taken_once_whatever_its_state(tmp_path) -> None:
    stock = Stock(tmp_path)
    key = _arrive(stock, "1.2.3")
    assert _arrive(stock, "1.2.3", b"other") == key
    assert [file.read_bytes() for _, file in stock.waiting(10)] == [b"photo"]
    stock.add_results(key, _write)
    _arrive(stock, "1.2.3")
    assert not stock.waiting(10) and [key for key, _ in stock.results()] == [key]
    stock.finish(key)
    _arrive(stock, "1.2.3")
    assert not stock.waiting(10) and not stock.results() and stock.knows("1.2.3")
    stock.close()
    assert Stock(tmp_path).knows("1.2.3")


def test_a_kill_between_results_and_letting_go_does_not_screen_again(tmp_path) -> None:
    stock = Stock(tmp_path)
    key = _arrive(stock, "1.2.3")
    _write(tmp_path / "results" / key)
    stock.close()
    again = Stock(tmp_path)
    assert not again.waiting(10) and [key for key, _ in again.results()] == [key]


def test_half_received_objects_and_half_written_results_count_for_nothing(tmp_path) -> None:
    stock = Stock(tmp_path)
    (stock.incoming / "part").write_bytes(b"half")
    (tmp_path / "results" / ".x.partial").mkdir()
    (tmp_path / "finished.txt").write_text(f"{key_of('1')}\n{key_of('2')[:10]}")
    stock.close()
    again = Stock(tmp_path)
    assert not list(again.incoming.iterdir()) and not again.results()
    assert again.knows("1") and not again.knows("2")


def test_what_is_finished_after_a_torn_line_is_known(tmp_path) -> None:
    (tmp_path / "finished.txt").write_text(key_of("2")[:10])
    stock = Stock(tmp_path)
    stock.finish(_arrive(stock, "1"))
    stock.close()
    assert Stock(tmp_path).knows("1")


def test_the_oldest_photographs_are_first(tmp_path) -> None:
    stock = Stock(tmp_path)
    keys = [_arrive(stock, f"1.{number}") for number in range(5)]
    assert [key for key, _ in stock.waiting(3)] == keys[:3]


def test_no_identifier_is_in_a_name(tmp_path) -> None:
    stock = Stock(tmp_path)
    _arrive(stock, "1.2.840.99")
    assert not [path for path in tmp_path.rglob("*") if "840" in path.name]


def test_two_nodes_cannot_share_a_folder(tmp_path) -> None:
    stock = Stock(tmp_path)
    with pytest.raises(UserError):
        Stock(tmp_path)
    stock.close()
    Stock(tmp_path).close()
