"""Layers of structures: drawn while nothing waits, once, of what can be judged, and gone with the photograph."""

from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageFilter

from eyeground.screening.segmenter import load_segmenter
from eyeground.serving.service import Service
from eyeground.serving.store.deletion import delete_photos
from eyeground.serving.structures import Chosen, Drawing, draw_layers, next_to_draw, note_drawn

STRUCTURES = ("optic_disc", "optic_cup", "fovea")


@pytest.fixture(scope="module")
def chosen() -> list[Chosen]:
    return [(load_segmenter("eyeground-disc-fovea-mobilenetv2", threads=1), STRUCTURES)]


def send(client: TestClient, content: bytes) -> str:
    answer = client.post("/api/v1/photos", files={"file": ("eye.jpg", content)})
    return str(answer.json()["id"])


def test_the_last_photo_is_drawn_first_and_none_while_one_waits(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    first, second = (send(client, photo_bytes(seed=seed)) for seed in range(2))
    assert next_to_draw(service.store) is None
    screen_all()
    assert next_to_draw(service.store) == second
    note_drawn(service.store, second, {"optic_disc": "#ffffff"})
    assert next_to_draw(service.store) == first
    note_drawn(service.store, first, {})
    assert next_to_draw(service.store) is None


def test_what_cannot_be_judged_is_not_drawn(
    client: TestClient, service: Service, screen_all: Callable[..., int], photo_bytes: Callable[..., bytes]
) -> None:
    from eyeground.datasets.synthetic import CameraFaults

    send(client, photo_bytes(faults=CameraFaults(darkness=1.5)))
    send(client, b"\xff\xd8\xff")
    screen_all()
    assert next_to_draw(service.store) is None


def test_a_layer_lies_on_its_structure_and_the_page_offers_it(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    chosen: list[Chosen],
) -> None:
    photo_id = send(client, photo_bytes(seed=2))
    screen_all()
    address = f"/api/v1/findings/{photo_id}/pictures/disc"
    assert client.get(address).status_code == 404
    drawn = draw_layers(service.folder, photo_id, chosen)
    note_drawn(service.store, photo_id, drawn)
    assert set(drawn) == set(STRUCTURES)
    layer = client.get(address)
    assert layer.headers["content-type"] == "image/webp"
    place = service.folder.pictures(photo_id)
    opaque = np.asarray(Image.open(place / "disc.webp"))[..., 3] > 0
    rows, columns = np.nonzero(opaque)
    photo = Image.open(place / "photo.jpg").convert("L").filter(ImageFilter.GaussianBlur(20))
    row, column = np.unravel_index(np.asarray(photo).argmax(), opaque.shape)
    assert rows.min() < row < rows.max() and columns.min() < column < columns.max(), "the disc is what shines most"
    page = client.get(f"/findings/{photo_id}", headers={"Accept": "text/html"}).text
    assert 'data-shows="disc"' in page and 'data-shows="lesions"' not in page and drawn["fovea"] in page
    delete_photos(service.store, service.folder, [photo_id], "test")
    assert not place.exists()
    assert draw_layers(service.folder, photo_id, chosen) == {} and not place.exists(), "it was deleted meanwhile"


def test_a_picture_that_cannot_be_drawn_does_not_keep_the_others(
    client: TestClient,
    service: Service,
    screen_all: Callable[..., int],
    photo_bytes: Callable[..., bytes],
    chosen: list[Chosen],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eyeground.serving.structures.needed_segmenters", lambda: chosen)
    sound, damaged = (send(client, photo_bytes(seed=seed)) for seed in range(2))
    screen_all()
    (service.folder.pictures(damaged) / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    drawing = Drawing(service.store, service.folder)
    assert drawing.draw_one() and drawing.draw_one() and not drawing.draw_one()
    assert (service.folder.pictures(sound) / "disc.webp").is_file() and drawing.last_drawn
