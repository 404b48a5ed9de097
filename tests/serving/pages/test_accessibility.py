"""No page has anything that axe-core objects to, on a bright and a dark screen, on a phone and a desktop."""

import json
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from .conftest import PASSWORD, Site

pytestmark = pytest.mark.browser

PATHS = ("/worklist", "/upload", "/batches", "/monitor", "/adapt", "/welcome", "/nowhere", "right", "unreadable")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing(
    chromium: Browser, site: Site, closed_site: str, axe: str, scheme: Literal["light", "dark"], width: int
) -> None:
    # The policy of the pages lets nothing be evaluated, as axe has to be; what it blocks is watched in the other tests.
    context = chromium.new_context(
        base_url=site.url, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    page = context.new_page()
    places = {"right": site.photos["P-1 right"], "unreadable": site.photos["<script>alert(1)</script>.jpg"]}
    found = {}
    for path in PATHS:
        page.goto(f"/findings/{places[path]}" if path in places else path)
        found[path] = violations(page, axe)
    page.goto(closed_site)
    found["/login"] = violations(page, axe)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Admin").click()
    found["/admin"] = violations(page, axe)
    context.close()
    assert not any(found.values()), json.dumps(found, indent=1)


def violations(page: Page, axe: str) -> list[tuple[str, list[str]]]:
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
