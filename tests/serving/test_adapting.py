"""Adapting to the clinic's own grades: what is written down, what is made, and which model screens afterwards."""

import csv
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from eyeground.config.training_recipe import ProbeRecipe
from eyeground.data.manifest import Manifest
from eyeground.errors import UserError
from eyeground.screening.runtime import Screener
from eyeground.serving import adapting, adapting_process
from eyeground.serving.adapting import ADAPTED, MANIFEST, adaptation, adaptations, labelled, start, use, write_state
from eyeground.serving.app import create_app
from eyeground.serving.audit import trail
from eyeground.serving.grading import save_grade
from eyeground.serving.intake import Upload, accept
from eyeground.serving.model_choice import BUNDLE, choice, put_into_use
from eyeground.serving.server import open_service
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.workflows.build import probe as probing
from eyeground.workflows.build.validated_build import Built

HTML = {"Accept": "text/html"}
EACH = 10  # patients with a normal, and with an abnormal photo


class NoProcess:
    """In place of a process: what it would do is done in the test."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def wait(self) -> int:
        return 0


@pytest.fixture(scope="module")
def graded(
    screener: Screener,
    screen_with: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service with photographs of 20 patients, graded, and one that is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", None)  # put back afterwards what the service sets
        patch.setenv("TMPDIR", "")
        patch.setattr(adapting, "Popen", NoProcess)
        settings = ServiceSettings(
            data=tmp_path_factory.mktemp("adapting") / "clinic", bundle=str(screener.bundle.folder)
        )
        service = open_service(settings)
        grades = {}
        for place in range(2 * EACH + 1):
            ill = {"disease": "diabetic_retinopathy", "grade": 4} if place % 2 else {}
            content = BytesIO(photo_bytes(seed=place, height=160, **ill))
            upload = Upload(content, f"{place}.jpg", "clinic", "local", patient=f"SECRET-{place}")
            photo_id = accept(service.store, service.folder, service.settings.limits, upload).id
            grades[photo_id] = "abnormal" if ill else "normal"
        screen_with(service)
        with service.store.write() as session:
            for photo_id, grade in list(grades.items())[:-1]:
                save_grade(session, photo_id, "person:Ada", grade, label="DR" if grade == "abnormal" else "")
        yield service
        service.store.close()


def test_too_few_grades_are_refused(service: Service) -> None:
    with pytest.raises(UserError):
        start(service, "calibration", "x", "local")
    with pytest.raises(UserError):
        start(service, "nonsense", "x", "local")
    assert adaptations(service.folder) == []


def test_a_model_is_made_of_the_grades_without_a_name_left_behind(
    graded: Service, screener: Screener, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[tuple[Manifest, ProbeRecipe, str]] = []

    def probe(manifest: Manifest, recipe: ProbeRecipe, source: str, *_: object) -> Built:
        learnt.append((manifest, recipe, source))
        return Built(screener.bundle, None, None)  # type: ignore[arg-type]  # only the bundle is looked at

    monkeypatch.setattr(probing, "probe_embedding", probe)
    with graded.store.read() as session:
        there = labelled(session, graded.folder)
    assert (there.photos, there.patients, there.counts) == (2 * EACH, 2 * EACH, {"normal": EACH, "abnormal": EACH})
    assert there.classes == {"normal": EACH, "DR": EACH}
    adapted_id = start(graded, "classes", "our clinic", "person:Ada")
    place = graded.folder.path / ADAPTED / adapted_id
    with (place / MANIFEST).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * EACH and all((place / row["photo"]).is_file() for row in rows)
    assert "SECRET" not in (place / MANIFEST).read_text(encoding="utf-8")
    with pytest.raises(UserError):
        start(graded, "classes", "a second one meanwhile", "person:Ada")
    adapting_process.adapt(place)
    made = adaptation(graded.folder, adapted_id)
    assert made is not None and made.state == "done", made
    assert made.summary["identity"] == screener.bundle.identity
    ((manifest, recipe, source),) = learnt
    assert sorted(manifest.table["finding"]) == ["DR"] * EACH + ["normal"] * EACH
    assert (recipe.targets[0].kind, recipe.targets[0].healthy) == ("multiclass", "normal")
    assert source == str(screener.bundle.folder)
    left = {entry.name for entry in place.iterdir()}
    assert BUNDLE in left and not left & {"cache", "run", MANIFEST}, "no copy of a photograph stays"
    with graded.store.read() as session:
        assert "person:Ada" in [entry.actor for entry in trail(session) if entry.action == "adaptation started"]


def test_a_failed_adaptation_says_why(graded: Service) -> None:
    adapted_id = start(graded, "calibration", "x", "local")
    place = graded.folder.path / ADAPTED / adapted_id
    (place / MANIFEST).write_text("photo,patient\nnone.jpg,1\n", encoding="utf-8")
    adapting_process.adapt(place)
    made = adaptation(graded.folder, adapted_id)
    assert made is not None and made.state == "failed" and made.problem
    with pytest.raises(UserError):
        use(graded, adapted_id, "local")


def test_a_killed_adaptation_is_not_called_running_for_ever(graded: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    adapted_id = start(graded, "calibration", "x", "local")
    assert adaptations(graded.folder)[0].state == "running"
    later = adapting.now
    monkeypatch.setattr(adapting, "now", lambda: later().replace(year=2100))
    made = adaptation(graded.folder, adapted_id)
    assert made is not None and made.state == "stopped"
    write_state(graded.folder.path / ADAPTED / adapted_id, "failed")


def test_the_model_in_use_is_what_a_worker_opens(service: Service, screener: Screener, tmp_path: Path) -> None:
    from eyeground.serving.worker import _open_model

    def opened() -> tuple[str, str | None]:
        model, adapted = _open_model(service.store, service.folder, str(screener.bundle.folder), None)
        return str(model.bundle.folder), adapted

    given = (str(screener.bundle.folder), None)
    assert opened() == given
    bundle = service.folder.path / ADAPTED / "a1" / BUNDLE
    bundle.parent.mkdir(parents=True)
    bundle.symlink_to(screener.bundle.folder)
    with service.store.write() as session:
        put_into_use(session, "a1", "person:Ada", model="x")
        assert choice(session, service.folder, None, "youden").operating_point is None
    assert opened() == (str(bundle.absolute()), "a1")
    bundle.unlink()
    assert opened() == given, "a model that cannot be opened stops no screening"
    with service.store.read() as session:
        assert choice(session, service.folder, None, None).bundle is None
        assert [entry.actor for entry in trail(session) if entry.action == "model put into use"] == [
            "worker",
            "person:Ada",
        ]


def test_the_pages_start_an_adaptation_and_put_it_into_use(graded: Service) -> None:
    client = TestClient(create_app(graded), base_url="http://127.0.0.1:8000")
    page = client.get("/adapt", headers=HTML).text
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    form = {"csrf_token": token, "kind": "calibration", "name": "<b>"}
    running = client.post("/adapt", data=form, headers=HTML)
    assert running.status_code == 200 and "Running" in running.text and "<b>" not in running.text
    adapted_id = running.url.path.rpartition("/")[2]
    assert client.post("/adapt/use", data={"csrf_token": token, "adapted": adapted_id}, headers=HTML).status_code == 400
    adapting_process.adapt(graded.folder.path / ADAPTED / adapted_id)
    done = client.get(f"/adapt/{adapted_id}", headers=HTML).text
    assert "Put it into use" in done and "sensitivity" in done
    client.post("/adapt/use", data={"csrf_token": token, "adapted": adapted_id}, headers=HTML)
    assert "In use" in client.get(f"/adapt/{adapted_id}", headers=HTML).text
    assert "Use it again" in client.get("/adapt", headers=HTML).text
    client.post("/adapt/use", data={"csrf_token": token}, headers=HTML)
    assert "Put it into use" in client.get(f"/adapt/{adapted_id}", headers=HTML).text
    assert client.get("/adapt/nothing", headers=HTML).status_code == 404
