import re

import pytest

from eyeground.screening.decision import rule_of
from eyeground.screening.ledger import Record
from eyeground.screening.report import write_report


@pytest.fixture
def report(screener, bundle, tmp_path) -> str:
    records = [
        Record("", screener.unreadable(f"clinic/eye {index}.jpg", "the file is empty").as_row()) for index in range(3)
    ]
    write_report(
        tmp_path / "report.html", bundle, rule_of(bundle.description), records, ["2 other files were left out."]
    )
    return (tmp_path / "report.html").read_text()


def test_the_report_asks_no_network_and_names_no_place_on_disk(report, tmp_path):
    assert not re.findall(r"""(?:src|href)=["'](?!data:|overlays/)""", report)
    assert "http" not in report.replace("http-equiv=", "")
    assert "default-src 'none'" in report
    assert str(tmp_path) not in report


def test_the_report_says_which_model_spoke_and_where_its_thresholds_come_from(report, bundle):
    assert bundle.identity in report
    assert bundle.description.files["model.safetensors"] in report
    assert "chosen by youden on validation data: 40 positive and 60 negative photographs" in report
    assert "none was chosen for this output; 0.5 stands in" in report


def test_the_report_says_what_to_do_and_what_it_is_not(report):
    for words in (
        "check the file",
        "no referral",
        "retake",
        "refer",
        "Not a medical device",
        "2 other files were left out.",
    ):
        assert words in report
    assert "the file is empty" in report


def test_header_cells_have_a_scope_and_pictures_would_have_words(report):
    headers = re.findall(r"<th[ >][^>]*", report)
    assert headers
    assert all("scope=" in header for header in headers)
