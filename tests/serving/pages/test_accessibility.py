"""No page has anything that axe-core objects to, on a bright and a dark screen, on a phone and a desktop."""

import json
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from eyeground.serving.adapting import LOG, REQUEST, write_state
from eyeground.serving.model_choice import ADAPTED

from .conftest import PASSWORD, Site

pytestmark = pytest.mark.browser

PATHS = (
    "/worklist",
    "/upload",
    "/batches",
    "/monitor",
    "/adapt",
    "/welcome",
    "/nowhere",
    "right",
    "unreadable",
    "done",
    "failed",
)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing(
    chromium: Browser, site: Site, closed_site: str, axe: str, scheme: Literal["light", "dark"], width: int
) -> None:
    # The policy of the pages lets nothing be evaluated, as axe has to be; what it blocks is watched in the other tests.
    context = chromium.new_context(
        base_url=site.url, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True
    )
    page = context.new_page()
    names = {"right": "P-1 right", "unreadable": "<script>alert(1)</script>.jpg"}
    places = {path: f"/findings/{site.photos[name]}" for path, name in names.items()}
    found = {}
    for state in ("done", "failed"):
        places[state] = f"/adapt/{adapted(site, state)}"
    for path in PATHS:
        page.goto(places.get(path, path))
        found[path] = violations(page, axe)
    page.goto(closed_site)
    found["/login"] = violations(page, axe)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Admin").click()
    found["/admin"] = violations(page, axe)
    page.goto(f"{closed_site}/admin/audit")
    found["/admin/audit"] = violations(page, axe)
    context.close()
    assert not any(found.values()), json.dumps(found, indent=1)


def adapted(site: Site, state: str) -> str:
    """The id of an adaptation that ended so, with all that its page shows."""
    place = site.service.folder.path / ADAPTED / f"axe{state}"
    place.mkdir(parents=True, exist_ok=True)
    started = "2026-01-02T10:00:00+00:00"
    (place / REQUEST).write_text(json.dumps({"kind": "probe", "name": "ours", "started": started, "source": None}))
    (place / LOG).write_text("fold 1 of 5\n" * 40)
    share = {"value": 0.9, "low": 0.8, "high": 0.95, "photos": 40}
    summary = {
        "identity": "ours@1",
        "origin": "chosen out of fold",
        "performance": "It was measured.",
        "before": {"found": share, "passed": share},
        "metrics": [{"of": "any abnormality", "metric": "auroc", **share}],
        "thresholds": {"any abnormality": 0.4},
    }
    write_state(place, state, "Too few patients." if state == "failed" else "", summary if state == "done" else None)
    return place.name


def violations(page: Page, axe: str) -> list[tuple[str, list[str]]]:
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run()).violations")
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]
