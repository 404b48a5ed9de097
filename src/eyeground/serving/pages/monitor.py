"""The monitor: what changes from week to week, how readers and model agree, and an alarm when photographs look unlike before."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from eyeground.core.proportions import wilson_interval
from eyeground.serving.drifting import WEEKS, drift_warnings
from eyeground.serving.grading import GRADES, agreement
from eyeground.serving.monitoring import WeekCounts, weekly_counts
from eyeground.serving.pages.charts import WeekShare, chart_of
from eyeground.serving.pages.rendering import render
from eyeground.serving.pages.visitors import Reader, Running

pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

MEASURES = (
    ("abnormal", "Called abnormal"),
    ("ungradable", "Ungradable"),
    ("unfamiliar", "Unlike the training photographs"),
)
SPANS = (12, 26, 52)


@pages.get("/monitor")
def get_monitor(
    request: Request,
    service: Running,
    actor: Reader,
    camera: Annotated[str, Query(max_length=64)] = "",
    weeks: Annotated[int, Query(ge=1, le=520)] = 26,
) -> Response:
    """Shares per week, for all cameras or one."""
    with service.store.read() as session:
        counted = weekly_counts(session, weeks, actor.sees)
        alarms = drift_warnings(session, service, actor.sees, camera or None)
        compared = agreement(session)
    shown = [week for week in counted if not camera or week.camera == camera]
    charts = [(words, chart_of(_shares(shown, status))) for status, words in MEASURES]
    agreed = wilson_interval(compared.agreed, compared.judged) if compared.judged else None
    return render(
        request,
        actor,
        "monitor.html",
        counted=shown,
        cameras=sorted({week.camera for week in counted if week.camera}),
        camera=camera,
        weeks=weeks,
        spans=SPANS,
        charts=[*charts, ("Readers agree with the model", chart_of(_agreement(shown)))],
        alarms=alarms,
        alarm_weeks=WEEKS,
        compared=compared,
        agreed=agreed,
        by_status=_by_status(compared.counts),
        grades=GRADES,
    )


def _shares(counted: Sequence[WeekCounts], status: str) -> list[WeekShare]:
    totals, counts = Counter[str](), Counter[str]()
    for week in counted:
        totals[week.monday.isoformat()] += week.photos
        counts[week.monday.isoformat()] += week.statuses.get(status, 0)
    return [WeekShare(monday, counts[monday], total) for monday, total in sorted(totals.items())]


def _agreement(counted: Sequence[WeekCounts]) -> list[WeekShare]:
    totals, counts = Counter[str](), Counter[str]()
    for week in counted:
        totals[week.monday.isoformat()] += week.graded
        counts[week.monday.isoformat()] += week.agreed
    return [WeekShare(monday, counts[monday], total) for monday, total in sorted(totals.items())]


def _by_status(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Photographs by the finding's status, then by the reader's grade."""
    statuses = sorted({status for status, _ in counts})
    return {status: {grade: counts.get((status, grade), 0) for grade in GRADES} for status in statuses}
