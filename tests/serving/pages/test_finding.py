"""The finding page, without a browser."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from eyeground.datasets.synthetic.camera import CameraFaults
from eyeground.serving.grading import grades_of
from eyeground.serving.service import Service

from .conftest import HTML
from .test_worklist import send


def test_of_each_eye_the_page_says_what_is_to_be_done_and_where_the_threshold_comes_from(
    client: TestClient, photo_bytes: Callable[..., bytes], screen_all: Callable[..., int]
) -> None:
    right = send(
        client, photo_bytes(disease="diabetic_retinopathy", grade=4), patient="P", eye="right", visit="2026-11-02"
    )
    send(client, photo_bytes(seed=5), patient="P", eye="left", visit="2026-11-02")
    screen_all()
    page = client.get(f"/findings/{right}", headers=HTML).text
    order = [
        page.index(text)
        for text in (
            'id="result"',
            "Right eye",
            "Gradable",
            "Operating point",
            "Evidence for",
            "Left eye",
            "SHA-256",
            "Research use",
        )
    ]
    assert order == sorted(order)
    assert client.get(f"/api/v1/findings/{right}").json()["model"] in page


def test_a_photo_that_waits_says_so_and_asks_again_by_itself(
    client: TestClient, photo_bytes: Callable[..., bytes]
) -> None:
    page = client.get(f"/findings/{send(client, photo_bytes())}", headers=HTML).text
    assert "Waiting to be screened" in page and 'hx-trigger="every' in page


def test_an_ungradable_photo_shows_no_probability_of_disease(
    client: TestClient, photo_bytes: Callable[..., bytes], screen_all: Callable[..., int]
) -> None:
    photo_id = send(client, photo_bytes(faults=CameraFaults(blur=3.0, darkness=1.5)))
    screen_all()
    assert client.get(f"/api/v1/findings/{photo_id}").json()["status"] == "ungradable"
    page = client.get(f"/findings/{photo_id}", headers=HTML).text
    assert "Retake the photograph" in page and page.index("Retake") < page.index("data-stage")
    assert 'class="reached"' not in page


def test_a_grade_needs_the_token_and_is_shown_beside_the_models_word(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes], screen_all: Callable[..., int], token: str
) -> None:
    photo_id = send(client, photo_bytes())
    screen_all()
    form = {"grade": "abnormal", "comment": "x"}
    assert client.post(f"/findings/{photo_id}/grade", data=form, headers=HTML).status_code == 403
    sent = client.post(f"/findings/{photo_id}/grade", data=form, headers={"X-CSRF-Token": token, "HX-Request": "true"})
    assert sent.status_code == 200 and "<html" not in sent.text and "the model" in sent.text
    wrong = client.post(f"/findings/{photo_id}/grade", data={"grade": "fine", "csrf_token": token}, headers=HTML)
    assert wrong.status_code == 400
    with service.store.read() as session:
        assert [grade.grade for grade in grades_of(session, photo_id)] == ["abnormal"]


def test_whose_photo_it_is_can_be_corrected_and_it_can_be_deleted(
    client: TestClient, photo_bytes: Callable[..., bytes], screen_all: Callable[..., int], token: str
) -> None:
    photo_id = send(client, photo_bytes(), patient="P-1", eye="left")
    screen_all()
    corrected = {"patient": "P-9", "eye": "right", "visit": "2026-11-30", "csrf_token": token}
    assert client.post(f"/findings/{photo_id}/assign", data=corrected).status_code == 200
    found = client.get(f"/api/v1/findings/{photo_id}").json()
    assert (found["patient"], found["eye"], found["visit"]) == ("P-9", "right", "2026-11-30")
    assert client.post(f"/findings/{photo_id}/delete", data={"csrf_token": token}).status_code == 200
    assert client.get(f"/findings/{photo_id}", headers=HTML).status_code == 404


def test_a_key_opens_no_photo_of_another_space(
    client: TestClient, service: Service, photo_bytes: Callable[..., bytes]
) -> None:
    from eyeground.serving.keys import create_key

    photo_id = send(client, photo_bytes())
    with service.store.write() as session:
        key = create_key(session, "camera", ["photos", "findings"], "test")
    headers = {"Authorization": f"Bearer {key}", **HTML}
    assert client.get(f"/findings/{photo_id}", headers=headers).status_code == 404
    assert photo_id not in client.get("/worklist", headers=headers).text
