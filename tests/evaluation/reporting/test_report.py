"""The report is one safe, complete and accessible document, and its parts lie beside it."""

import base64
import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from io import BytesIO

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from eyeground.evaluation.reporting.figure_style import as_svg
from eyeground.evaluation.reporting.report import KeyEstimate, Provenance, Report, render, write_report
from eyeground.evaluation.reporting.section import FigureBlock, Picture, Section, TableBlock

HOSTILE = """<script>alert("1")</script><img src=x onerror='alert(2)'>--></style>{{ 7 * 7 }}&amp;"""
VOID = {"meta", "br", "img", "link", "input", "hr", "use", "path", "rect", "image"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Elements in order, each with its own and its descendants' text."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert not self.open, f"never closed: {[element.tag for element in self.open]}"

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(parent.tag for parent in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop().tag == tag

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]


def curve(label: str = "abnormal") -> Figure:
    figure = Figure(figsize=(3, 2))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], marker="o")
    axes.set_xlabel(label)
    return figure


def section(key: str, **content) -> Section:
    return Section(key, "Title", ("A paragraph.",), **content)


TABLE = pd.DataFrame(
    {
        "Measure": ["Sensitivity", "PPV", "NPV", "Kappa"],
        "Estimate": ["0.614 (0.572–0.656)", "0.857 (0.824–0.889)", "0.651 (0.609–0.689)", "not estimable"],
        "Said": ["by us", "by us", "by them", ""],
        "note": ["", "at observed prevalence", "at observed prevalence", "no positives in test"],
    }
)


@pytest.fixture
def report() -> Report:
    sections = (
        section("flow", tables=(TableBlock("flow", TABLE[["Measure", "Estimate"]], "Photos in each split."),)),
        section(
            "discrimination",
            figures=tuple(FigureBlock("roc", curve(), f"A rising curve, number {i}.", "ROC.") for i in range(2)),
        ),
        section("operating_points", tables=(TableBlock("counts", TABLE, "At a threshold."),)),
        section("operating_points", figures=(FigureBlock("counts", curve(), "Another curve.", "Again."),)),
        section("calibration"),
    )
    return Report(
        title="Abnormal photographs",
        subtitle="A model on some photographs",
        date="1 May 2026",
        summary=(KeyEstimate("AUROC", "0.809 (0.783–0.835)", "692 positives"), KeyEstimate("Slope", "not estimable")),
        remarks=("The results are optimistic.",),
        sections=sections,
        provenance=Provenance("eyeground evaluate p.csv", 3, 2000, (("p.csv", "ab" * 32),)),
    )


def test_every_identifier_is_unique_and_every_reference_leads_somewhere(report):
    page = Page(render(report))
    identifiers = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert [name for name, count in Counter(identifiers).items() if count > 1] == []
    used = {
        value.removeprefix("#").removeprefix("url(#").removesuffix(")")
        for element in page.elements
        for name, value in element.attributes.items()
        if name in ("href", "xlink:href") or "url(" in value
    }
    labels = {label for element in page.elements for label in element.attributes.get("aria-labelledby", "").split()}
    assert any(name.startswith("figure-2-p") for name in used), "the figures clip nothing; the test needs one that does"
    assert (used | labels) - set(identifiers) == set()


def test_nothing_is_loaded_and_nothing_runs(report):
    html = render(report)
    page = Page(html)
    assert page.all("script", "link", "iframe", "object", "embed", "base", "form") == []
    for element in page.elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href", "srcset", "action", "poster", "data"):
                assert value.startswith(("#", "data:image/"))
            if not name.startswith("xmlns"):
                assert "://" not in value
    styles = "".join(element.text for element in page.all("style"))
    assert styles and "@import" not in styles and "url(" not in styles
    assert "://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", html)
    policy = next(element for element in page.all("meta") if "http-equiv" in element.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'")


def test_hostile_text_stays_text(report, tmp_path):
    table = pd.DataFrame({HOSTILE: [HOSTILE], "n": [HOSTILE], "note": [HOSTILE]})
    figure = FigureBlock("../../" + HOSTILE, curve(HOSTILE), HOSTILE, HOSTILE)
    bad = Section(HOSTILE, HOSTILE, (HOSTILE,), (TableBlock(HOSTILE, table, HOSTILE),), (figure,))
    hostile = replace(
        report,
        title=HOSTILE,
        subtitle=HOSTILE,
        date=HOSTILE,
        summary=(KeyEstimate(HOSTILE, HOSTILE + " (" + HOSTILE, HOSTILE),),
        remarks=(HOSTILE,),
        sections=(*report.sections, bad),
        provenance=replace(report.provenance, command=HOSTILE, fingerprints=((HOSTILE, HOSTILE),)),
    )
    folder = tmp_path / "out"
    page = Page(write_report(hostile, folder).read_text(encoding="utf-8"))
    assert page.all("script", "img") == []
    assert not [name for element in page.elements for name in element.attributes if name.startswith("on")]
    assert page.all("h1")[0].text == HOSTILE
    assert any(element.text == HOSTILE for element in page.all("td"))
    assert any(element.attributes.get("aria-label") == HOSTILE for element in page.all("svg"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.name for path in written} == {"out", "figures", "tables"}


def test_figures_have_alternative_texts_and_captions(report):
    page = Page(render(report))
    pictures = page.all("svg")
    assert len(pictures) == 3
    labels = [picture.attributes["aria-label"] for picture in pictures]
    assert labels == ["A rising curve, number 0.", "A rising curve, number 1.", "Another curve."]
    for picture in pictures:
        assert picture.attributes["role"] == "img" and {"viewBox", "viewbox"} & picture.attributes.keys()
    captions = [element.text for element in page.all("figcaption")]
    assert [text[:9] for text in captions if text.startswith("Figure")] == ["Figure 1.", "Figure 2.", "Figure 3."]
    assert [text[:8] for text in captions if text.startswith("Table")] == ["Table 1.", "Table 2."]


def test_a_figure_or_picture_without_alternative_text_is_refused():
    with pytest.raises(ValueError, match="'mute' has no alternative text"):
        FigureBlock("mute", curve(), "  ", "Caption.")
    with pytest.raises(ValueError, match=r"'Missed\.' has no alternative text"):
        Picture(b"", "", "Missed.")


def test_photographs_of_a_gallery_are_in_the_page_with_alternative_texts(report):
    stream = BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, "JPEG")
    pictures = tuple(Picture(stream.getvalue(), alt, "Missed.") for alt in ("Photo 1: missed.", HOSTILE))
    page = Page(render(replace(report, sections=(section("failures", gallery=pictures),))))
    images = page.all("img")
    assert [image.attributes["alt"] for image in images] == ["Photo 1: missed.", HOSTILE]
    for image in images:
        head, _, data = image.attributes["src"].partition(",")
        assert head == "data:image/jpeg;base64"
        assert base64.b64decode(data) == stream.getvalue()


def test_tables_have_scoped_headers(report):
    page = Page(render(report))
    headers = page.all("th")
    assert headers
    for header in headers:
        expected = {"col"} if header.parents[-2] == "thead" else {"row", "rowgroup"}
        assert header.attributes.get("scope") in expected
    rows = [i for i, element in enumerate(page.elements) if element.tag == "tr"]
    assert all(page.elements[row + 1].tag == "th" for row in rows)
    for table in page.all("table"):
        named = next(e for e in page.elements if e.attributes.get("id") == table.attributes["aria-labelledby"])
        assert named.text.strip()


def test_notes_go_below_the_table_and_equal_notes_share_a_letter(report, tmp_path):
    page = Page(render(report))
    notes = [element.text for element in page.all("li") if element.attributes.get("id", "").startswith("table-2-")]
    assert notes == ["a at observed prevalence", "b no positives in test"]
    rows = {element.text for element in page.all("th") if element.attributes["scope"] == "row"}
    assert {"Sensitivity", "PPVa", "NPVa", "Kappab"} <= rows
    assert "note" not in {element.text for element in page.all("th")}
    write_report(report, tmp_path)
    written = pd.read_csv(tmp_path / "tables" / "counts.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, TABLE)


def test_only_columns_of_numbers_are_set_as_numbers(report):
    cells = Page(render(report)).all("td")
    numbers = {cell.text for cell in cells if cell.attributes.get("class") == "number"}
    assert {"0.614 (0.572–0.656)", "not estimable"} <= numbers
    assert not {"by us", "by them"} & numbers


def test_the_outline_has_one_title_and_skips_no_level(report):
    page = Page(render(report))
    assert page.all("html")[0].attributes["lang"] == "en"
    levels = [int(element.tag[1]) for element in page.elements if re.fullmatch(r"h[1-6]", element.tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert {"header", "nav", "main", "footer"} <= {element.tag for element in page.elements}


def test_contents_lead_to_every_section_in_order(report):
    page = Page(render(report))
    links = [element for element in page.all("a") if "nav" in element.parents]
    targets = [element.attributes["id"] for element in page.all("section") if "id" in element.attributes]
    assert [link.attributes["href"].removeprefix("#") for link in links] == targets
    assert [link.text[0] for link in links] == [str(number) for number in range(1, len(report.sections) + 3)]


def test_remarks_come_before_the_results(report):
    html = render(report)
    assert html.index("The results are optimistic.") < html.index("0.809") < html.index('<section id="section-flow"')
    without = Page(render(replace(report, remarks=(), summary=())))
    assert without.all("aside", "dt")[0].text == "Made by"


def test_parts_lie_beside_the_page_and_none_overwrites_another(report, tmp_path):
    (tmp_path / "metrics.csv").write_text("the caller's")
    assert write_report(report, tmp_path) == tmp_path / "report.html"
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    figures = {f"figures/{name}.{kind}" for name in ("roc", "roc-2", "counts") for kind in ("svg", "png")}
    tables = {"tables/flow.csv", "tables/counts.csv"}
    assert names == figures | tables | {"report.html", "checklist.json", "metrics.csv"}
    assert (tmp_path / "metrics.csv").read_text() == "the caller's"
    with Image.open(tmp_path / "figures" / "roc.png") as picture:
        assert min(picture.size) > 300


def test_the_page_and_the_file_agree_on_every_checklist(report, tmp_path):
    page = Page(write_report(report, tmp_path).read_text(encoding="utf-8"))
    stored = json.loads((tmp_path / "checklist.json").read_text(encoding="utf-8"))["checklists"]
    statuses = [
        element.attributes["class"] for element in page.all("tr") if element.attributes.get("class", "group") != "group"
    ]
    names = {"answered": "answered", "partly answered": "partly", "author must fill": "author"}
    assert statuses == [names[item["status"]] for checklist in stored for item in checklist["items"]]
    assert "answered" in statuses
    for checklist in stored:
        assert sum(checklist["counts"].values()) == len(checklist["items"])


def test_the_same_report_gives_the_same_bytes(report, tmp_path):
    for name in ("first", "second"):
        write_report(report, tmp_path / name)
    for path in (tmp_path / "first").rglob("*"):
        if path.is_file() and path.suffix != ".png":
            other = tmp_path / "second" / path.relative_to(tmp_path / "first")
            assert path.read_bytes() == other.read_bytes()


def test_a_report_without_sections_still_has_checklists_and_provenance(report):
    page = Page(render(replace(report, sections=())))
    assert len(page.all("table")) == 3
    assert any(element.text == "eyeground evaluate p.csv" for element in page.all("code"))


def test_a_table_too_wide_for_paper_is_shown_in_parts_that_begin_alike(report):
    cells = {f"Metric {number}": ["0.914 (0.889–0.936; p 0.021)"] * 2 for number in range(12)}
    table = pd.DataFrame({"Subgroup": ["left", "right"], "Point": ["youden", "fixed"], **cells, "Note": ["few", ""]})
    page = Page(render(replace(report, sections=(section("wide", tables=(TableBlock("wide", table, "Wide."),)),))))
    parts = [element for element in page.all("thead") if "Subgroup" in element.text]
    heads = [element.text for element in page.all("th") if element.attributes.get("scope") == "col"]
    assert len(parts) > 1
    assert heads.count("Subgroup") == heads.count("Point") == len(parts)
    assert [head for head in heads if head.startswith("Metric")] == list(cells)
    assert len([element for element in page.all("figure") if "table" in element.attributes["class"]]) == 1


def test_a_table_that_fits_is_shown_in_one_part(report):
    table = pd.DataFrame({"Output": ["dr"], "AUROC": ["0.914 (0.889–0.936)"], "AUPRC": ["0.914 (0.889–0.936)"]})
    page = Page(render(replace(report, sections=(section("fits", tables=(TableBlock("fits", table, "Fits."),)),))))
    assert [element.text for element in page.all("th")].count("Output") == 1


def test_text_beyond_the_edge_of_a_figure_is_in_the_picture(tmp_path):
    figure = curve()
    figure.text(0.9, 1.1, "a heading that goes beyond two edges")
    svg = as_svg(figure)
    width, height = (float(size) for size in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
    assert width > 3 * 72 and height > 2 * 72
    assert re.search(r'width="([\d.]+)pt"', as_svg(curve()))[1] == "216"
