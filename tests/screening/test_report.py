import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

import eyeground.screening.entries as entries_module
import eyeground.screening.report as report_module
from eyeground.screening.decision import STATUSES, rule_of
from eyeground.screening.ledger import Record
from eyeground.screening.pictures import LEGEND_HEIGHT, PICTURE_SIDE, save_picture, thumbnail
from eyeground.screening.report import ACTIONS, ROWS_PER_BLOCK, THUMBNAIL_SIDE, write_report

NOTE = "2 other files were left out."


class Page(HTMLParser):
    """A report, read: every tag with its attributes, and the rows of its findings with their words."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[tuple[str, str]] = []  # class and words
        self.blocks = 0
        self._inside: str | None = None
        self.feed(content)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append((tag, found))
        self.blocks += tag == "tbody" and "role" in found
        if tag == "tr":
            self._inside = found.get("class")
            if self._inside is not None:
                self.rows.append((self._inside, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside is not None and data.strip():
            status, words = self.rows[-1]
            self.rows[-1] = status, f"{words} {' '.join(data.split())}".strip()

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def photos(self) -> list[str]:
        """ "photo 3" and so on, or names, in the order of the table."""
        buttons = re.compile(r"photo \d+")
        return [found.group() for status, words in self.rows if (found := buttons.search(words)) and status in ACTIONS]


def record(
    screener, photo: str, status: str = "normal", probability: float = 0.1, reason: str = "so it is", **more: object
) -> Record:
    row = screener.unreadable(photo, reason).as_row()
    row |= {"status": status, "probability_abnormal": probability, "probability_drusen": 0.2, **more}
    return Record("", row, output="abnormal")


@pytest.fixture
def write(bundle, tmp_path) -> Callable[..., str]:
    def report_of(records: list[Record], **options: bool) -> str:
        write_report(tmp_path / "report.html", bundle, rule_of(bundle.description), records, [NOTE], **options)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return report_of


@pytest.fixture
def pictured(screener, tmp_path) -> Record:
    """A photograph with a picture on disk: blue, the evidence beside it red, the legend white."""
    pixels = np.full((PICTURE_SIDE + LEGEND_HEIGHT, 2 * PICTURE_SIDE, 3), 255, np.uint8)
    pixels[:PICTURE_SIDE, :PICTURE_SIDE], pixels[:PICTURE_SIDE, PICTURE_SIDE:] = (0, 0, 200), (200, 0, 0)
    save_picture(pixels, tmp_path / "overlays" / "0a1b.evidence.jpg")
    row = record(screener, "clinic/eye.jpg").row
    return Record("", row, picture="overlays/0a1b.evidence.jpg", output="abnormal", scale=2.5)


@pytest.fixture
def report(screener, write) -> str:
    return write(
        [Record("", screener.unreadable(f"clinic/eye {index}.jpg", "the file is empty").as_row()) for index in range(3)]
    )


def test_the_report_asks_no_network_and_names_no_place_on_disk(write, pictured, tmp_path):
    report = write([pictured])
    assert not re.findall(r"""(?:src|href)=["'](?!data:|overlays/)""", report)
    assert "http" not in report.replace("http-equiv=", "")
    assert str(tmp_path) not in report


def test_only_its_own_script_may_run_and_only_pictures_may_load(report):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', report).group(1)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    script = re.search(r"<script>(.*)</script>", report, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "img-src": "data: file: 'self'",
        "style-src": "'unsafe-inline'",
        "script-src": f"'sha256-{digest}'",
    }
    assert not re.search(r"\son\w+=", report.replace(script, ""))


def test_the_report_says_which_model_spoke_and_where_its_thresholds_come_from(report, bundle):
    assert bundle.identity in report
    assert bundle.description.files["model.safetensors"] in report
    assert "chosen by youden on validation data: 40 positive and 60 negative photographs" in report
    assert "none was chosen for this output; 0.5 stands in" in report


def test_the_report_says_what_to_do_and_what_it_is_not(report):
    for words in ("check the file", "no referral", "retake", "refer", "Not a medical device", NOTE):
        assert words in report
    assert "the file is empty" in report


def test_header_cells_have_a_scope_and_pictures_have_words(write, pictured):
    page = Page(write([pictured]))
    assert page.named("th")
    assert all("scope" in header for header in page.named("th"))
    assert all("alt" in image for image in page.named("img"))
    alternative = next(image["alt"] for image in page.named("img") if "data-webp" in image)
    assert alternative.startswith("Fundus photograph photo 1, and beside it the evidence map for abnormal")


def test_every_control_has_words_and_every_key_of_a_status_is_shown(report):
    buttons = re.findall(r"<button[^>]*>(.*?)</button>", report, re.DOTALL)
    assert len(buttons) > 2 * len(STATUSES)
    assert all(re.sub(r"<[^>]+>", "", button).strip() for button in buttons)
    for place, status in enumerate(STATUSES, 1):
        assert re.search(rf'data-status="{status}".*<kbd aria-hidden="true">{place}</kbd>', report)


def test_every_status_there_is_and_the_one_to_come_has_an_action_a_tone_and_a_mark(
    screener, write, monkeypatch, report
):
    five = ("abnormal", "ungradable", "unfamiliar", "unreadable", "normal")
    assert set(STATUSES) <= set(five)
    for module in (report_module, entries_module):
        monkeypatch.setattr(module, "STATUSES", five)
    content = write([record(screener, f"{status}.jpg", status) for status in five])
    page = Page(content)
    assert [status for status, _ in page.rows] == list(five)
    assert [button["data-status"] for button in page.named("button") if "data-status" in button] == [*five, *five]
    for status, words in page.rows:
        assert ACTIONS[status] in words
        assert re.search(rf'\.{status} {{ --tone: var\(--{status}\); --mark: "[^"]+"; }}', content)
        assert re.search(rf"--{status}: #[0-9a-f]{{6}};", content)


def test_photos_are_numbered_by_their_rows_in_the_results_whatever_their_order_in_the_report(screener, write):
    records = [
        record(screener, "a.jpg", "normal"),
        record(screener, "b.jpg", "abnormal", 0.6),
        record(screener, "c.jpg", "ungradable"),
        record(screener, "d.jpg", "abnormal", 0.9),
    ]
    assert Page(write(records)).photos == ["photo 4", "photo 2", "photo 3", "photo 1"]


@pytest.fixture
def identified(screener) -> list[Record]:
    """Two patients and a stray photograph, named as files in clinics are."""
    return [
        record(screener, "Ward 7/Müller & Söhne 1957 L.jpg", "abnormal", 0.7, patient="4711-Müller", eye="left"),
        record(screener, "Ward 7/Müller & Söhne 1957 R.jpg", "normal", patient="4711-Müller", eye="right"),
        record(screener, "Ward 8/12", "ungradable", patient="0815", eye="right", reason="record 0815 has no picture"),
        record(
            screener,
            "stray Nguyễn.jpg",
            "unreadable",
            reason="Errno 2: 'Ward 9/stray Nguyễn.jpg' cannot be opened",
        ),
    ]


def test_without_identifiers_the_file_holds_no_name_of_a_photo_or_patient(write, identified, tmp_path):
    write(identified)
    content = (tmp_path / "report.html").read_bytes()
    for name in ("Ward", "Müller", "M%C3%BCller", "Söhne", "1957", "4711", "0815", "stray", "Nguy"):
        assert name.encode() not in content
    assert content.count(b"the reason holds a name; it stands in results.csv") == 2
    assert content.count(b"so it is") == 2


def test_a_number_in_a_reason_is_not_taken_for_part_of_a_name(screener, write):
    assert "0.12 reaches 12.5" in write([record(screener, "12", reason="0.12 reaches 12.5", patient="2")])


def test_with_identifiers_names_are_shown_and_escaped(write, identified):
    content = write(identified, identifiers=True)
    for name in ("Ward 7/", "Müller &amp; Söhne 1957 L.jpg", "patient 4711-Müller", "patient 0815", "Ward 9/stray"):
        assert name in content
    assert "Müller & Söhne" not in content
    assert "record 0815 has no picture" in content


def test_patients_stand_together_under_their_result(screener, write):
    records = [
        record(screener, "a.jpg", "normal", patient="z", eye="left"),
        record(screener, "b.jpg", "unreadable", patient="y"),
        record(screener, "c.jpg", "abnormal", 0.6, patient="x", eye="left"),
        record(screener, "d.jpg", "ungradable", patient="z", eye="right"),
        record(screener, "e.jpg", "abnormal", 0.9, patient=""),
        record(screener, "f.jpg", "normal", 0.3, patient="x", eye="right"),
        record(screener, "g.jpg", "abnormal", 0.8, patient="w"),
    ]
    content = write(records)
    rows = [
        (status, re.match(r"patient \d|no patient known|.*?photo \d", words)[0]) for status, words in Page(content).rows
    ]
    assert [(status, re.sub(r".*(photo \d)", r"\1", words)) for status, words in rows] == [
        ("patient abnormal", "patient 4"),
        ("abnormal", "photo 7"),
        ("patient abnormal", "patient 3"),
        ("normal", "photo 6"),
        ("abnormal", "photo 3"),
        ("patient incomplete", "patient 1"),
        ("ungradable", "photo 4"),
        ("normal", "photo 1"),
        ("patient retake", "patient 2"),
        ("unreadable", "photo 2"),
        ("patient", "no patient known"),
        ("abnormal", "photo 5"),
    ]
    assert "7 photographs of 4 patients" in content
    assert "Patients: 2 abnormal (refer), 1 retake (retake), 1 incomplete (retake one eye)." in content


def test_on_paper_every_patient_begins_a_page_that_says_which_model_spoke(screener, write, bundle):
    content = write([record(screener, f"{index}.jpg", patient=str(index)) for index in range(3)])
    paper = content[content.index("@media print") : content.index("</style>")]
    assert re.search(r"\.patients tr\.patient {[^}]*break-before: page", paper)
    headings = [words for status, words in Page(content).rows if status.startswith("patient")]
    assert len(headings) == 3
    assert all(bundle.identity in words and "not a medical device" in words for words in headings)


def test_photographs_without_patients_have_no_headings(report):
    page = Page(report)
    assert [status for status, _ in page.rows] == ["unreadable"] * 3
    assert 'class="patients"' not in report


def test_thumbnails_are_text_until_the_script_shows_them_and_lead_to_the_large_picture(write, pictured):
    page = Page(write([pictured]))
    assert not any("src" in image for image in page.named("img"))
    embedded = [image["data-webp"] for image in page.named("img") if "data-webp" in image]
    assert len(embedded) == 1
    small = cv2.imdecode(np.frombuffer(base64.b64decode(embedded[0]), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert small.shape == (THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE, 3)
    assert np.allclose(small[:, : THUMBNAIL_SIDE - 8].mean((0, 1)), (0, 0, 200), atol=6)
    assert np.allclose(small[:, THUMBNAIL_SIDE + 8 :].mean((0, 1)), (200, 0, 0), atol=6)
    assert [link["href"] for link in page.named("a") if "href" in link] == ["overlays/0a1b.evidence.jpg"]


def test_a_picture_that_is_gone_leaves_its_row(write, pictured, tmp_path):
    (tmp_path / pictured.picture).unlink()
    content = write([pictured])
    assert "no picture" in content
    assert "overlays/0a1b" not in content


def test_the_thumbnail_of_a_picture_without_evidence_is_one_square(tmp_path):
    save_picture(np.zeros((PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8), tmp_path / "alone.jpg")
    assert cv2.imdecode(np.frombuffer(thumbnail(tmp_path / "alone.jpg", 40), np.uint8), 1).shape == (40, 40, 3)


def test_rows_come_in_blocks_that_a_browser_can_leave_unrendered(screener, write):
    page = Page(write([record(screener, f"{index:03d}.jpg") for index in range(2 * ROWS_PER_BLOCK + 1)]))
    assert page.blocks == 3
    assert len(page.rows) == 2 * ROWS_PER_BLOCK + 1


def test_outputs_that_need_a_look_are_kept_in_the_row_and_the_others_counted(screener, write):
    content = write([record(screener, "a.jpg", probability=0.1), record(screener, "b.jpg", "abnormal", 0.9)])
    kept = re.findall(r'<li class="(kept[^"]*)"[^>]*>(\w+)', content)
    assert kept == [("kept reached", "abnormal"), ("kept", "abnormal")]
    assert content.count("1 more below their thresholds") == 2


def test_the_script_finds_every_part_of_the_page_that_it_names(report):
    """No browser runs in these tests; what the script asks the page for must at least be there."""
    script = re.search(r"<script>(.*)</script>", report, re.DOTALL).group(1)
    page = Page(report)
    there = {attributes.get("id") for _, attributes in page.tags}
    asked = set(re.findall(r"""(?:one|all)\(["'`][^"'`]*?#([a-z]+)""", script))
    assert {"findings", "search", "viewer", "keys", "fade", "shown", "position"} <= asked
    assert asked <= there
    does = re.search(r"const does = \{(.*?)\n  \};", script, re.DOTALL).group(1)
    wanted = {attributes["data-does"] for _, attributes in page.tags if "data-does" in attributes}
    assert wanted <= set(re.findall(r"^    (\w+)[:,]", does, re.MULTILINE))
