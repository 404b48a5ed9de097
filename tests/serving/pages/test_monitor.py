"""The monitor: shares per week, agreement with its interval, the alarm."""

from fastapi.testclient import TestClient

from eyeground.core.proportions import wilson_interval
from eyeground.screening.runtime import Screener
from eyeground.serving.pages.charts import HEIGHT, WeekShare, chart_of
from eyeground.serving.pages.rendering import percent
from eyeground.serving.service import Service

from .conftest import HTML
from .stored import add_finding, add_model


def test_an_empty_service_has_a_monitor(client: TestClient) -> None:
    assert client.get("/monitor", headers=HTML).status_code == 200


def test_agreement_is_told_with_its_interval_and_cameras_apart(client: TestClient, service: Service) -> None:
    with service.store.write() as session:
        model_id = add_model(session, "tiny@0")
        for place in range(8):
            add_finding(
                session, model_id, "abnormal", name=str(place), grade="abnormal" if place else "normal", camera="CR-2"
            )
        add_finding(session, model_id, "ungradable", name="bad", days=14, camera="<AFC>")
    page = client.get("/monitor", headers=HTML).text
    low, high = wilson_interval(7, 8)
    assert f"{percent(7 / 8)}</strong> (95 % interval {percent(low)} to {percent(high)})" in page
    assert "&lt;AFC&gt;" in page and "<AFC>" not in page
    of_one = client.get("/monitor?camera=CR-2", headers=HTML).text
    assert of_one.count('<th scope="row">20') == 1


def test_photos_unlike_those_of_the_training_raise_an_alarm(
    client: TestClient, service: Service, screener: Screener
) -> None:
    with service.store.write() as session:
        model_id = add_model(session, screener.bundle.identity)
        columns = {f"probability_{output}": 0.99 for output in screener.rule.outputs}
        for place in range(60):
            add_finding(session, model_id, "unfamiliar", name=str(place), **columns)
    assert "unlike those of the training" in client.get("/monitor", headers=HTML).text


def test_a_chart_holds_all_weeks_inside_its_frame() -> None:
    chart = chart_of([WeekShare("a", 0, 5), WeekShare("b", 0, 0), WeekShare("c", 5, 5)])
    assert chart is not None and len(chart.dots) == 2, "a week without photographs has no share"
    assert all(0 <= end <= HEIGHT for dot in chart.dots for end in (dot.y, dot.low, dot.high))
    assert chart.dots[0].y > chart.dots[1].y
    assert chart_of([WeekShare("a", 0, 0)]) is None
