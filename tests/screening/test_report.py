import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from eyeground.config.operating_point import DecisionRule
from eyeground.config.targets import Target
from eyeground.screening.cards import PHOTOS_PER_BLOCK, THUMBNAIL_SIDE
from eyeground.screening.decision import STATUSES, Rule, rule_of
from eyeground.screening.distributions import Histogram
from eyeground.screening.entries import MOST_OF_A_PATIENT
from eyeground.screening.excerpt import MOST_SHOWN_WHOLE, SAMPLED, URGENT
from eyeground.screening.keys import keys_of
from eyeground.screening.ledger import Record
from eyeground.screening.photos import PhotoFile
from eyeground.screening.pictures import LEGEND_HEIGHT, PICTURE_SIDE, save_picture, thumbnail
from eyeground.screening.report import ACTIONS, Totals, write_report

NOTE = "2 other files were left out."
EMPTY_TAGS = {"meta", "img", "input", "link", "br"}


class Page(HTMLParser):
    """A report, read: every tag with its attributes, and what is said of each patient and photograph, in order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []  # class and words, of headings of patients and of cards
        self.text = ""
        self._open: list[str] = []
        self._inside = 0  # how many tags were open when what is said of a patient or photograph began
        self.feed(content)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append((tag, found))
        if tag == "article" or found.get("class") == "who":
            self._inside = len(self._open) + 1
            self.said.append((found["class"] or "", ""))
        if tag not in EMPTY_TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()
        if len(self._open) < self._inside:
            self._inside = 0

    def handle_data(self, data: str) -> None:
        if not data.strip() or self._open[-1] in ("style", "script"):
            return
        self.text += f" {' '.join(data.split())}"
        if self._inside:
            status, words = self.said[-1]
            self.said[-1] = status, f"{words} {' '.join(data.split())}".strip()

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def cards(self) -> list[tuple[str, str]]:
        """Status and words of each photograph."""
        return [(kind.removeprefix("card "), words) for kind, words in self.said if kind != "who"]


def record(
    screener, photo: str, status: str = "normal", probability: float = 0.1, reason: str = "so it is", **more: object
) -> Record:
    row = screener.unreadable(photo, reason).as_row()
    suspected, reached = ("drusen", "abnormal") if status == "abnormal" else (None, None)
    row |= {"status": status, "probability_abnormal": probability, "probability_drusen": 0.2, "suspected": suspected}
    return Record("", row | {"reached": reached} | more, output="abnormal")


def keyed(records: list[Record]) -> list[Record]:
    """As the tables have them: with keys; each photograph's content is its place."""
    photos = [PhotoFile(one.row["photo"], "", "", one.row.get("patient") or None) for one in records]
    keys = keys_of(photos, map(str, range(len(photos))))
    return [replace(one, row={"key": key} | one.row) for one, key in zip(records, keys, strict=True)]


@pytest.fixture
def write(bundle, tmp_path) -> Callable[..., str]:
    def report_of(
        records: list[Record], rule: Rule | None = None, notes: list[str] | None = None, **options: object
    ) -> str:
        rule = rule or rule_of(bundle.description)
        notes = [NOTE] if notes is None else notes
        write_report(tmp_path / "report.html", bundle, rule, keyed(records), notes, **options)
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
    assert "40 abnormal and 60 normal photographs set aside" in report
    assert "no part of the rule that decides" in report


def test_the_report_says_what_to_do_and_what_it_is_not(report):
    for words in ("check the file", "no referral", "retake", "refer", "Not a medical device", NOTE):
        assert words in report
    assert "the file is empty" in report


def test_what_is_to_be_noted_stands_above_all_results(screener, write):
    page = Page(write([record(screener, "a.jpg")], notes=["Another camera: recalibrate.", "1 archive was left out."]))
    assert page.text.index("recalibrate") < page.text.index("nothing suspected")
    assert not [tag for tag, attributes in Page(write([record(screener, "a.jpg")], notes=[])).tags if tag == "aside"]


def test_the_page_speaks_without_jargon(screener, write, pictured):
    shown = [pictured, record(screener, "b.jpg", "abnormal", 0.9), record(screener, "c.jpg", "ungradable")]
    words = Page(write(shown)).text.lower()
    for jargon in ("logit", "youden", "sigmoid", "softmax", ">=", "≥", "operating point", "auroc"):
        assert jargon not in words
    assert not re.search(r"\b[A-Z][a-z]+[A-Z][a-z]+\b", Page(write(shown)).text), "a name from the code"


def test_the_first_words_of_every_photograph_are_its_result(screener, write):
    records = [
        record(screener, "a.jpg", "abnormal", 0.9, suspected="diabetic retinopathy, moderate or worse; glaucoma"),
        record(screener, "b.jpg", "ungradable", reason="too dark; retake the photograph"),
        record(screener, "c.jpg", "unfamiliar", reason="unlike the others"),
        record(screener, "d.jpg", "unreadable", reason="the file is empty"),
        record(screener, "e.jpg", "normal"),
    ]
    assert [words.split(f" {ACTIONS[status]} ")[0] for status, words in Page(write(records)).cards] == [
        "suspected: diabetic retinopathy, moderate or worse; glaucoma",
        "retake: too dark",
        "look at it yourself: unlike the others",
        "check the file: the file is empty",
        "nothing suspected",
    ]


def test_only_what_is_abnormal_has_the_colour_of_a_threshold_that_is_reached(screener, write):
    reached = {"reached": "abnormal"}
    content = write([record(screener, f"{status}.jpg", status, 0.9, **reached) for status in STATUSES])
    cards = re.findall(r'<article class="card (\w+)".*?</article>', content, re.DOTALL)
    assert sorted(cards) == sorted(STATUSES)
    for card in re.findall(r"<article.*?</article>", content, re.DOTALL):
        assert ("reached" in card) == ('class="card abnormal"' in card)


def test_an_output_that_decides_nothing_is_grey_and_says_why(screener, write):
    decision = DecisionRule(
        rule="youden", thresholds={"abnormal": 0.4}, chosen_on="validation", positives=40, negatives=60
    )
    rule = Rule(("abnormal", "drusen"), decision, without_threshold={"drusen": "3 patients with it"})
    content = write([record(screener, "a.jpg", "abnormal", 0.9)], rule)
    assert re.search(r'<li class="silent"[^>]*>drusen', content)
    assert "decides nothing: 3 patients with it" in content


def test_of_a_grade_only_the_highest_step_is_shown_at_once(screener, write):
    grade = Target(name="dr_grade", kind="ordinal", classes=("0", "1", "2", "3", "4"))
    decision = DecisionRule(
        rule="youden", thresholds=dict.fromkeys(grade.outputs, 0.3), chosen_on="validation", positives=40, negatives=60
    )
    row = record(screener, "a.jpg", "abnormal", reached="dr_grade>=1; dr_grade>=2").row
    row |= {f"probability_{output}": p for output, p in zip(grade.outputs, (0.9, 0.6, 0.1, 0.0), strict=True)}
    content = write([Record("", row, output="dr_grade>=2")], Rule(grade.outputs, decision, targets=(grade,)))
    assert re.findall(r'<li class="(?:kept|kept reached)"[^>]*>([^<]+) <b>', content) == [
        "diabetic retinopathy, moderate or worse"
    ]


def test_quality_is_in_words_and_its_numbers_only_in_tooltips(screener, write):
    usual = {"focus": 0.001, "illumination": 0.5, "contrast": 0.1, "completeness": 1.0}
    page = Page(write([record(screener, "a.jpg", **usual)]))
    assert "focus poor , light good , contrast fair , field good" in page.cards[0][1]


def test_header_cells_have_a_scope_and_pictures_have_words(write, pictured):
    page = Page(write([pictured]))
    assert page.named("th")
    assert all("scope" in header for header in page.named("th"))
    assert all("alt" in image for image in page.named("img"))
    alternative = next(image["alt"] for image in page.named("img") if "data-webp" in image)
    assert re.match(r"Fundus photograph \w\d-\w\w, and beside it the evidence map for any abnormality", alternative)


def test_every_control_has_words_and_every_key_of_a_status_is_shown(report):
    buttons = re.findall(r"<button[^>]*>(.*?)</button>", report, re.DOTALL)
    assert len(buttons) > 2 * len(STATUSES)
    assert all(re.sub(r"<[^>]+>", "", button).strip() for button in buttons)
    for place, status in enumerate(STATUSES, 1):
        assert re.search(rf'data-status="{status}".*<kbd aria-hidden="true">{place}</kbd>', report)


def test_every_status_has_an_action_a_tone_on_light_and_dark_and_a_mark(screener, write):
    content = write([record(screener, f"{status}.jpg", status) for status in STATUSES])
    page = Page(content)
    assert [status for status, _ in page.cards] == list(STATUSES)
    pressed = [button["data-status"] for button in page.named("button") if "data-status" in button]
    assert pressed == [*STATUSES, *STATUSES]
    for status, words in page.cards:
        assert ACTIONS[status] in words
        assert re.search(rf'\.{status}, [^{{]*{{ --tone: var\(--{status}\); --mark: "[^"]+"; }}', content)
        assert len(re.findall(rf"--{status}: #[0-9a-f]{{6}};", content)) == 2
    assert "prefers-color-scheme: dark" in content


def test_photos_are_named_by_the_keys_of_the_tables_in_the_order_of_urgency(screener, write):
    records = [
        record(screener, "a.jpg", "normal"),
        record(screener, "b.jpg", "abnormal", 0.6),
        record(screener, "c.jpg", "ungradable"),
        record(screener, "d.jpg", "abnormal", 0.9),
    ]
    keys = [one.row["key"] for one in keyed(records)]
    shown = [next(key for key in keys if key in words) for _, words in Page(write(records)).cards]
    assert shown == [keys[3], keys[1], keys[2], keys[0]]


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
    assert b"no record" not in content


def test_a_number_in_a_reason_is_not_taken_for_part_of_a_name(screener, write):
    assert "0.12 reaches 12.5" in write([record(screener, "12", "unreadable", reason="0.12 reaches 12.5", patient="2")])


def test_with_identifiers_names_are_shown_and_escaped_beside_the_keys(write, identified):
    content = write(identified, identifiers=True)
    for name in ("Ward 7/", "Müller &amp; Söhne 1957 L.jpg", "4711-Müller", "0815", "Ward 9/stray"):
        assert name in content
    assert "Müller & Söhne" not in content
    assert "record 0815 has no picture" in content
    assert all(one.row["key"] in content for one in keyed(identified))


def test_patients_stand_together_under_their_result_right_eye_first(screener, write):
    records = [
        record(screener, "a.jpg", "normal", patient="z", eye="left"),
        record(screener, "b.jpg", "unreadable", patient="y"),
        record(screener, "c.jpg", "abnormal", 0.6, patient="x", eye="left"),
        record(screener, "d.jpg", "ungradable", patient="z", eye="right"),
        record(screener, "e.jpg", "abnormal", 0.9, patient=""),
        record(screener, "f.jpg", "normal", 0.3, patient="x", eye="right"),
        record(screener, "g.jpg", "abnormal", 0.8, patient="w"),
        record(screener, "h.jpg", "unfamiliar", patient="v", eye="left"),
        record(screener, "i.jpg", "normal", patient="u", eye="left"),
    ]
    of_key = {one.row["key"]: one.row["photo"][0] for one in keyed(records)}
    of_patient = {
        key.partition(".")[0]: records["abcdefghi".index(of_key[key])].row["patient"] for key in of_key if "." in key
    }
    content = write(records)
    order = []
    for kind, words in Page(content).said:
        known = of_patient if kind == "who" else of_key
        order.append(next(known[key] for key in sorted(known, key=len, reverse=True) if key in words))
    assert order == ["w", "g", "x", "f", "c", "z", "d", "a", "v", "h", "y", "b", "u", "i", "e"]
    assert re.findall(r'class="unit patient ([\w-]+)"', content) == [
        "refer",
        "refer",
        "retake",
        "look",
        "check-the-file",
        "none",
    ]
    assert "9 photographs of 6 patients" in content
    counted = re.search(r"Patients: (.*?)\. ", Page(content).text).group(1)
    assert counted == "2 refer, 1 retake, 1 look at it yourself, 1 check the file, 1 no referral"


def test_the_heading_of_a_patient_says_what_is_suspected_of_any_eye_and_which_eye_is_missing(screener, write):
    page = Page(write([record(screener, "a.jpg", "abnormal", 0.9, patient="x", eye="left")]))
    heading = next(words for kind, words in page.said if kind == "who")
    assert "refer suspected: an abnormality" in heading
    assert "right eye: no photograph" in page.text


def test_on_paper_every_page_says_which_model_spoke_and_patients_do_not_begin_pages(screener, write, bundle):
    content = write([record(screener, f"{index}.jpg", patient=str(index)) for index in range(3)])
    style = content[: content.index("</style>")]
    foot = re.search(r'@bottom-left { content: "([^"]*)"', style).group(1)
    assert bundle.identity in foot and "not a medical device" in foot
    assert "break-before" not in style


def test_photographs_without_patients_have_no_headings(report):
    page = Page(report)
    assert [kind for kind, _ in page.said] == ["card unreadable"] * 3
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
    page = Page(write([record(screener, f"{index:03d}.jpg") for index in range(2 * PHOTOS_PER_BLOCK + 1)]))
    assert sum(attributes.get("class") == "block" for _, attributes in page.tags) == 3
    assert len(page.cards) == 2 * PHOTOS_PER_BLOCK + 1


def test_evidence_is_shown_of_what_was_judged_only(write, pictured):
    assert "evidence map: any abnormality" in write([pictured])
    unjudged = replace(pictured, row=pictured.row | {"status": "ungradable"})
    content = write([unjudged])
    assert "evidence map:" not in Page(content).cards[0][1]
    assert 'class="alone half"' in content


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


def long_run(screener, patients: int | None) -> list[Record]:
    statuses = ("normal", "normal", "abnormal", "ungradable")
    return [
        record(
            screener,
            f"{index:05d}.jpg",
            statuses[index % 4],
            0.4 + 0.5 * index / (MOST_SHOWN_WHOLE + 400),
            **({} if patients is None else {"patient": f"p{index % patients}", "eye": "left"}),
        )
        for index in range(MOST_SHOWN_WHOLE + 400)
    ]


def test_a_long_report_shows_the_most_urgent_and_a_sample_and_counts_all(screener, write):
    content = write(long_run(screener, patients=None))
    page = Page(content)
    assert len(page.cards) == 3 * (URGENT + SAMPLED)
    assert "2,400 photographs" in page.text and f"{MOST_SHOWN_WHOLE // 2 + 200:,}" in page.text
    assert [link["href"] for link in page.named("a") if "href" in link] == ["results.csv"]
    probabilities = [
        float(re.search(r"any abnormality ([0-9.]+)", words)[1]) for status, words in page.cards if status == "abnormal"
    ]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("patients", [3, 400, 2_300])
def test_a_long_report_stays_short_however_many_photographs_a_patient_has(screener, write, patients):
    page = Page(write(long_run(screener, patients)))
    shown = len([kind for kind, _ in page.said if kind == "who"])
    assert f"of {patients:,} patients" in page.text and 0 < shown <= patients
    assert len(page.cards) <= 3 * (URGENT + SAMPLED + 2 * MOST_OF_A_PATIENT)


def test_distributions_are_shown_of_what_is_not_shown_itself(screener, write):
    histogram = Histogram("any abnormality", 1.0, 0.4, (3, 0, 1))
    records = [record(screener, "a.jpg")]
    few = write(records, totals=Totals("results.csv", {"normal": 1}, {}, (histogram,)))
    assert "any abnormality, threshold" not in few
    page = Page(write(records, totals=Totals("results/", {"normal": 4}, {}, (histogram,))))
    assert "any abnormality, threshold 0.4: 4 photographs" in page.text
    assert "the column key of results/" in page.text
