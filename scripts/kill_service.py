"""Kills a service again and again while photographs are sent, and checks that each accepted one has exactly one finding.

python -m scripts.kill_service {worker,server,postgres} [--kills 10] [--seed 1]
"""

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import psutil
from benchmarks.serving import ask, form, free_port, start, wait_until_ready
from PIL import Image
from scripts.postgres_cluster import postgres_cluster
from sqlalchemy import text

from eyeground.datasets.synthetic import render
from eyeground.serving.server import open_service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.store.database import open_database
from eyeground.serving.sweeping import sweep

BUNDLE = "eyeground-mobilenetv2-fundus-224"
HEIGHT = 480
PAUSE = 0.1  # seconds between two photographs
SHORTEST, LONGEST = 0.3, 4.0  # seconds between two kills


@dataclass
class Sent:
    """Photographs that a client was told are accepted, and how often it had to send again."""

    ids: list[str] = field(default_factory=list)
    repeated: int = 0


def main() -> int:
    """Kill, restart, and compare; 1 if a photograph is lost, is there twice, or has no or two findings."""
    arguments = _parser().parse_args()
    random = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="kill-service-") as name:
        data = Path(name) / "clinic"
        if arguments.what != "postgres":
            return _run(arguments, random, data, None, lambda: None)
        with postgres_cluster() as cluster:
            return _run(arguments, random, data, cluster.url, cluster.stop_and_start)


def _run(
    arguments: argparse.Namespace,
    random: np.random.Generator,
    data: Path,
    database: str | None,
    restart_database: Callable[[], None],
) -> int:
    port, sent = free_port(), Sent()
    process = start(data, port, BUNDLE, database)
    try:
        wait_until_ready(port)
        over = threading.Event()
        client = threading.Thread(target=_send, args=(port, sent, over))
        client.start()
        for kill in range(arguments.kills):
            _wait_until_it_answers(port)
            time.sleep(random.uniform(SHORTEST, LONGEST))
            if arguments.what == "postgres":
                restart_database()
            elif arguments.what == "server":
                process.kill()
                process.wait()
                process = start(data, port, BUNDLE, database)
            else:
                _kill_worker(process.pid)
            print(f"kill {kill + 1}: {len(sent.ids)} photos accepted", flush=True)
        over.set()
        client.join()
        _wait_until_done(port)
        problems = _problems(data, database, sent)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
    restarted = open_service(ServiceSettings(data=data, database=database))
    sweep(restarted.store, restarted.folder)  # as at the next start
    restarted.store.close()
    left = [entry.name for entry in (data / "incoming").iterdir()]
    problems += [f"{len(left)} uploads were left"] if left else []
    for problem in problems:
        print("WRONG:", problem)
    print(
        f"{arguments.kills} kills, {len(sent.ids)} photos accepted, sent again {sent.repeated} times, {len(problems)} problems"
    )
    return 1 if problems else 0


def _send(port: int, sent: Sent, over: threading.Event) -> None:
    """Send photographs while it is killed, each until it is accepted."""
    stream = BytesIO()
    Image.fromarray(render("diabetic_retinopathy", height=HEIGHT).pixels).save(stream, "JPEG")
    content = stream.getvalue()
    for place in count():
        if over.is_set():
            return
        body = form(content + place.to_bytes(4, "big"))
        while True:
            with suppress(OSError, ValueError):
                status, answer = ask(port, "POST", "/api/v1/photos", *body)
                if status == 202:
                    sent.ids.append(str(answer["id"]))
                    break
            sent.repeated += 1
            time.sleep(0.2)
        time.sleep(PAUSE)


def _kill_worker(server: int) -> None:
    """Kill the worker; where there is none yet, nothing."""
    for child in psutil.Process(server).children():
        with suppress(psutil.NoSuchProcess):
            if "eyeground.serving.worker" in child.cmdline():
                child.kill()


def _wait_until_it_answers(port: int, patience: float = 120) -> None:
    last = time.monotonic() + patience
    while time.monotonic() < last:
        with suppress(OSError, ValueError):
            if ask(port, "GET", "/health")[0] == 200:
                return
        time.sleep(0.05)
    raise TimeoutError("the service does not come back")


def _wait_until_done(port: int, patience: float = 900) -> None:
    last = time.monotonic() + patience
    while time.monotonic() < last:
        with suppress(OSError, ValueError):
            status, answer = ask(port, "GET", "/api/v1/findings?status=pending&limit=1")
            if status == 200 and answer["total"] == 0:
                return
        time.sleep(0.5)
    raise TimeoutError("photographs are still pending")


def _problems(data: Path, database: str | None, sent: Sent) -> list[str]:
    store = open_database(database or f"sqlite:///{data / 'eyeground.db'}")
    with store.read() as session:
        photos = set(session.execute(text("SELECT id FROM photos")).scalars())
        counts = dict(session.execute(text("SELECT photo_id, COUNT(*) FROM findings GROUP BY photo_id")).all())
        statuses = dict(session.execute(text("SELECT status, COUNT(*) FROM findings GROUP BY status")).all())
        jobs = session.execute(text("SELECT COUNT(*) FROM jobs")).scalar_one()
    store.close()
    print(f"statuses: {statuses}")
    accepted = set(sent.ids)
    found = {
        "accepted photos are lost": len(accepted - photos),
        "photos were not accepted": len(photos - accepted),
        "ids were given twice": len(sent.ids) - len(accepted),
        "photos have no finding": len(accepted - set(counts)),
        "photos have several findings": sum(number > 1 for number in counts.values()),
        "jobs are left": jobs,
        "photos are unreadable, and all are alike": statuses.get("unreadable", 0),
    }
    return [f"{number} {what}" for what, number in found.items() if number]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["worker", "server", "postgres"])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
