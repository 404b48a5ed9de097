"""The pages in a browser, as a technician and a reader use them."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from unittest.mock import Mock
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect

from eyeground.datasets.synthetic import render
from eyeground.serving import adapting
from eyeground.serving.adapting import write_state
from eyeground.serving.model_choice import ADAPTED
from eyeground.serving.models_in_use import current_model

from .conftest import PASSWORD, Site, ophthalmic_photo
from .stored import add_finding

pytestmark = pytest.mark.browser


def send(page: Page, files: list[dict[str, object]]) -> None:
    page.goto("/upload")
    page.locator("#files").set_input_files(files)


def jpeg(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def test_sent_photos_are_screened_before_the_technicians_eyes_and_what_is_none_is_named(
    page: Page, site: Site, photo_bytes: Callable[..., bytes]
) -> None:
    page.goto("/upload")
    page.get_by_label("Camera").fill("DRS")
    page.locator("#files").set_input_files(
        [
            jpeg("P-77_OD.jpg", photo_bytes(seed=11)),
            jpeg("P-77_OS.jpg", photo_bytes(seed=12)),
            jpeg("notes.jpg", b"<html>"),
        ]
    )
    expect(page.locator("#sent")).to_have_text("2 of 2")
    expect(page.locator("#refused tbody tr")).to_contain_text("notes.jpg")
    expect(page.get_by_role("button", name="Cancel what is not screened yet")).to_be_visible()
    site.screen_all()
    expect(page.locator("#progress-title")).to_have_text("Done")
    expect(page.locator("#done")).to_have_text("2 of 2")
    page.get_by_role("link", name="Worklist of these").click()
    expect(page.locator("a.opens")).to_have_text(["P-77, right", "P-77, left"])
    expect(page.locator("td.camera").first).to_have_text("DRS")


def test_an_archive_and_a_dicom_object_are_taken_and_screened(
    page: Page, site: Site, photo_bytes: Callable[..., bytes]
) -> None:
    archive, dicom = BytesIO(), BytesIO()
    with ZipFile(archive, "w") as packed:
        packed.writestr("Z-1/left/a.jpg", photo_bytes(seed=51))
        packed.writestr("Z-1/notes.txt", "no photograph")
    ophthalmic_photo(render("normal", height=256, seed=52).pixels, jpeg=True, PatientID="D-1").save_as(
        dicom, enforce_file_format=True
    )
    page.goto("/upload")
    page.locator("#files").set_input_files(
        [
            {"name": "export.zip", "mimeType": "application/zip", "buffer": archive.getvalue()},
            {"name": "IM0001", "mimeType": "application/octet-stream", "buffer": dicom.getvalue()},
        ]
    )
    expect(page.locator("#sent")).to_have_text("2 of 2")
    site.screen_all()
    expect(page.locator("#progress-title")).to_have_text("Done")
    page.goto("/worklist?q=D-1")
    expect(page.locator("a.opens")).to_have_text(["D-1, right"])
    page.goto("/worklist?q=a.jpg")
    expect(page.locator("a.opens")).to_have_count(1)


def test_the_patient_that_is_typed_is_that_of_the_photos_dropped_then(
    page: Page, site: Site, photo_bytes: Callable[..., bytes]
) -> None:
    page.goto("/upload")
    page.get_by_label("Patient", exact=True).fill("T-1")
    page.locator("#files").set_input_files([jpeg("IMG_1_R.jpg", photo_bytes(seed=31))])
    expect(page.get_by_label("Patient", exact=True)).to_have_value("")
    page.get_by_label("Patient", exact=True).fill("T-2")
    page.locator("#files").set_input_files([jpeg("IMG_2.jpg", photo_bytes(seed=32))])
    expect(page.locator("#sent")).to_have_text("2 of 2")
    page.goto("/worklist?q=T-&sort=patient")
    expect(page.locator("a.opens")).to_have_text(["T-1, right", "T-2"])


def test_the_worklist_goes_by_keyboard(page: Page, site: Site) -> None:
    page.goto("/worklist")
    page.keyboard.press("j")
    expect(page.locator("a.opens").first).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("a.opens").first).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("P-2")
    expect(page.locator("a.opens")).to_have_text(["P-2, right"])
    assert "q=P-2" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("a.opens").first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/findings/{site.photos['P-2 right']}?q=P-2")
    page.wait_for_load_state()  # the address changes before the page listens to keys
    page.keyboard.press("u")
    expect(page.locator("a.opens")).to_have_text(["P-2, right"])


def test_a_finding_shows_both_eyes_the_right_one_first_and_earlier_visits(page: Page, site: Site) -> None:
    page.goto(f"/findings/{site.photos['P-1 left']}")
    expect(page.locator(".eye > h2")).to_have_text(["Right eye o", "Left eye"])
    expect(page.locator(".visits h3")).to_have_text(["2025-11-02"])
    page.keyboard.press("o")
    expect(page).to_have_url(f"{site.url}/findings/{site.photos['P-1 right']}")
    expect(page.locator("[data-current] h2")).to_have_text("Right eye")


def test_evidence_fades_and_both_pictures_zoom_together(page: Page, site: Site) -> None:
    page.goto(f"/findings/{site.photos['P-1 right']}")
    stage = page.locator("[data-current] [data-stage]")
    layer = stage.locator("[data-layer=evidence]")
    expect(layer).to_have_js_property("complete", True)
    expect(layer).to_have_css("opacity", "1")
    slider = stage.get_by_label("Opacity")
    slider.fill("40")
    expect(layer).to_have_css("opacity", "0.4")
    page.reload()
    expect(layer).to_have_css("opacity", "0.4")
    page.keyboard.press("e")
    expect(layer).to_have_css("opacity", "0")
    page.keyboard.press("e")
    slider.fill("100")
    page.locator("h1").click()
    page.keyboard.press("+")
    for canvas in stage.locator(".canvas").all():
        assert "scale(1.5)" in (canvas.get_attribute("style") or "")
    page.keyboard.press("0")
    for canvas in stage.locator(".canvas").all():
        assert "scale(1)" in (canvas.get_attribute("style") or "")


def test_structures_are_layers_with_their_colours_in_words(page: Page, site: Site) -> None:
    page.goto(f"/findings/{site.photos['P-1 right']}")
    stage = page.locator("[data-current] [data-stage]")
    layer = stage.locator("[data-layer=disc]")
    expect(layer).to_have_css("opacity", "0")
    stage.get_by_label("Disc and fovea").check()
    expect(layer).to_have_css("opacity", "1")
    assert layer.evaluate("image => image.complete && image.naturalWidth") == 1024
    expect(stage.get_by_role("list", name="Colours of structures").get_by_role("listitem")).to_have_text(
        ["optic disc", "optic cup", "fovea"]
    )


def test_a_reader_grades_by_keyboard_and_goes_on(page: Page, site: Site) -> None:
    page.goto(f"/findings/{site.photos['P-2 right']}?sort=name")
    after = page.locator("#finding").get_attribute("data-after")
    assert after
    page.keyboard.press("c")
    page.keyboard.type("a <i>note</i>")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page).to_have_url(site.url + after)
    page.go_back()
    expect(page.locator("[data-current] [data-grade='1']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-current] .given")).to_contain_text("“a <i>note</i>”")


def test_a_reader_can_grade_before_the_models_answer_is_seen(page: Page, site: Site) -> None:
    page.goto(f"/findings/{site.photos['P-1 right']}")
    page.keyboard.press("h")
    page.reload()
    expect(page.locator("#result")).to_be_hidden()
    expect(page.locator("[data-current] .map")).to_be_hidden()
    expect(page.locator("[data-current] [data-grade='1']")).to_be_visible()
    page.get_by_role("button", name="Hide the model").click()
    expect(page.locator("#result")).to_be_visible()


def test_names_of_files_and_patients_run_no_script(page: Page, site: Site) -> None:
    page.goto("/worklist")
    expect(page.locator("tr.unreadable")).to_contain_text("<b>P-3</b>")
    page.goto(f"/findings/{site.photos['<script>alert(1)</script>.jpg']}")
    expect(page.locator("h1")).to_have_text("<b>P-3</b>")
    assert page.locator("h1 b").count() == 0


def test_a_finding_prints(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto(f"/findings/{site.photos['P-1 right']}")
    page.wait_for_load_state("networkidle")
    assert page.pdf(path=tmp_path / "finding.pdf", prefer_css_page_size=True).startswith(b"%PDF")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Normal").first).to_be_hidden()
    expect(page.locator(".about-model")).to_be_visible()


def test_errors_are_told_in_words(page: Page, site: Site) -> None:
    page.goto("/findings/0123456789abcdef0123456789abcdef")
    expect(page.locator("h1")).to_have_text("Not found")
    page.goto(f"/findings/{site.photos['P-2 right']}")
    page.route("**/grade", lambda route: route.fulfill(status=500, body="<p>It did not work.</p>"))
    page.keyboard.press("2")
    expect(page.get_by_role("alert")).to_have_text("It did not work.")


def test_the_monitor_shows_a_chart_and_its_numbers(page: Page, site: Site) -> None:
    page.goto("/monitor")
    expect(page.get_by_role("img", name="Called abnormal")).to_be_visible()
    expect(page.get_by_role("region", name="Counts per week and camera").locator("tbody tr").first).to_be_visible()
    page.locator("select[name=camera]").select_option("CR-2")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody td", has_text="CR-2").first).to_be_visible()


def test_an_adaptation_is_followed_and_put_into_use(page: Page, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with site.service.store.write() as session:
        model = current_model(session)
        assert model is not None
        for place in range(20):
            grade = "abnormal" if place % 2 else "normal"
            add_finding(session, model.id, grade, name=f"graded {place}", patient=f"G-{place}", grade=grade)
    process = Mock()
    monkeypatch.setattr(adapting, "Popen", process)
    page.goto("/adapt")
    page.get_by_label("Name").fill("our clinic")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("status")).to_contain_text("Running")
    process.assert_called_once()
    place = site.service.folder.path / ADAPTED / page.url.rpartition("/")[2]
    summary = {"identity": "our-clinic@1", "origin": "", "performance": "It was measured.", "before": {}, "metrics": []}
    write_state(place, "done", summary={**summary, "thresholds": {"any abnormality": 0.4}})
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.get_by_role("button", name="Put it into use").click()
    page.get_by_role("dialog").get_by_role("button", name="Yes").click()
    expect(page.get_by_role("row", name="our-clinic@1")).to_contain_text("in use")


def test_who_logs_in_sees_the_page_and_who_mistypes_is_told(chromium: Browser, closed_site: str) -> None:
    context = chromium.new_context(base_url=closed_site)
    page = context.new_page()
    page.goto("/batches")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill("wrong password")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Batches")
    page.get_by_role("button", name="Log out").click()
    expect(page.locator("h1")).to_have_text("Log in")
    context.close()


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_page_is_wider_than_the_screen(page: Page, site: Site, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for path in (
        "/worklist",
        "/upload",
        "/batches",
        f"/findings/{site.photos['P-1 right']}",
        "/monitor",
        "/adapt",
        "/admin",
        "/nowhere",
    ):
        page.goto(path)
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), path


def test_firefox_shows_the_same(firefox: Browser, site: Site, photo_bytes: Callable[..., bytes]) -> None:
    context = firefox.new_context(base_url=site.url)
    page = context.new_page()
    send(page, [jpeg("P-88_OD.jpg", photo_bytes(seed=21))])
    expect(page.locator("#sent")).to_have_text("1 of 1")
    site.screen_all()
    expect(page.locator("#progress-title")).to_have_text("Done")
    page.goto("/worklist?q=P-88")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("P-88")
    page.get_by_label("Opacity").fill("30")
    expect(page.locator(".layer").first).to_have_css("opacity", "0.3")
    context.close()
