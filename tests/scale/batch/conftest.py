"""A bundle that is built in milliseconds, photographs good and damaged, S3 on this machine, and workers without Ray."""

import os
import runpy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest

from eyeground.bundle.open import Bundle
from eyeground.scale.batch.screen import Options, ScreenedAtScale, screen_at_scale
from eyeground.scale.batch.shard import ShardScreener, Task
from eyeground.scale.batch.workers import Call
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings
from eyeground.screening.runtime import Screener, load

SCREENING = runpy.run_path(str(Path(__file__).parents[2] / "screening" / "conftest.py"))
READABLE, DAMAGED = 17, 3


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return SCREENING["_build"](tmp_path_factory.mktemp("bundles") / "colour", SCREENING["Blueprint"]())


@pytest.fixture(scope="session")
def screener(bundle: Bundle) -> Screener:
    return load(bundle.folder, threads=1)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 photographs of two clinics, three of them damaged."""
    folder = tmp_path_factory.mktemp("many") / "photos"
    for index in range(READABLE):
        path = folder / f"clinic {index % 2}" / f"eye {index:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), SCREENING["_fundus"](blue=0.4 if index % 3 else 0.02, seed=index)[..., ::-1])
    whole = path.read_bytes()
    for index in range(DAMAGED):
        (folder / "clinic 1" / f"torn {index}.jpg").write_bytes(whole[: index * 600])
    return folder


@dataclass
class InlineWorkers:
    """Answers calls in this process; dies, like a driver that is killed, at its `dies_at`th call."""

    task: Task
    most: int | None = None

    answered = 0
    dies_at: int | None = None

    def run(self, calls: Any) -> Iterator[tuple[Call, Any]]:
        worker = ShardScreener(self.task)
        try:
            for call in calls:
                if InlineWorkers.answered == InlineWorkers.dies_at:
                    raise KeyboardInterrupt
                InlineWorkers.answered += 1
                yield call, getattr(worker, call.method)(call.shard, call.argument)
        finally:
            worker.close()


Run = Callable[..., ScreenedAtScale]


@pytest.fixture(scope="session")
def decoders() -> Iterator[Callable[[DecoderSettings, int], Any]]:
    """Decoder processes that all runs share, as starting them takes most of a test's time."""
    with ExitStack() as opened:
        pools: dict[int, DecoderPool] = {}

        def shared(settings: DecoderSettings, jobs: int) -> Any:
            side = settings.picture_side
            if side not in pools:
                pools[side] = opened.enter_context(DecoderPool(settings, jobs))
            return nullcontext(pools[side])

        yield shared


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch, decoders: object) -> type[InlineWorkers]:
    monkeypatch.setattr("eyeground.scale.batch.shard.DecoderPool", decoders)
    monkeypatch.setattr("eyeground.scale.batch.screen.cluster", lambda _: nullcontext())
    monkeypatch.setattr("eyeground.scale.batch.screen.machines", lambda: 1)
    monkeypatch.setattr("eyeground.scale.batch.screen.Workers", InlineWorkers)
    monkeypatch.setattr("eyeground.scale.batch.plan.FEWEST_ROWS", 8)  # three shards
    monkeypatch.setattr(InlineWorkers, "answered", 0)
    return InlineWorkers


@pytest.fixture
def run(inline: object, screener: Screener, tmp_path: Path) -> Run:
    """Screen on workers of this process into `tmp_path / "scaled"`, or `output`."""

    def screened(*sources: str | Path, output: object = tmp_path / "scaled", **options: Any) -> ScreenedAtScale:
        given = Options(bundle=str(screener.bundle.folder), **options)
        return screen_at_scale([str(source) for source in sources], screener, str(output), "local", given)

    return screened


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The URL of a bucket, empty at first; the environment says how it is reached."""
    moto = pytest.importorskip("moto.server", reason="S3 is not tested: moto is not installed")
    pytest.importorskip("s3fs", reason="S3 is not tested: s3fs is not installed")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    known = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "of-a-test",
        "AWS_SECRET_ACCESS_KEY": "of-a-test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in known}
    os.environ.update(known)
    import s3fs

    s3fs.S3FileSystem(use_listings_cache=False).mkdir("bucket")
    yield "s3://bucket"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
