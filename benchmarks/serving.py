"""A service under load, against `eyeground screen` on the same files: photographs per second, latencies, memory, one that cannot wait.

python -m benchmarks.serving [--clients 50] [--seconds 60] [--bundle NAME] [--database URL]
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from eyeground.datasets.synthetic import DISEASES, render

HEIGHT, RENDERED = 1536, 16
LOOK_EVERY = 1.0  # seconds between two questions of a client
IDLE = 75.0  # seconds after which a worker that has worked was replaced


@dataclass
class Load:
    """What clients saw."""

    ids: dict[int, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    findings: dict[str, str] = field(default_factory=dict)


def main() -> int:
    """Run the load, then `screen` on what was sent; 1 if a photograph was lost or a request failed with 5xx."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        rendered = _rendered()
        with running(folder / "clinic", arguments.bundle, arguments.database) as port:
            idle = memory_of_children()
            ask(port, "POST", "/api/v1/photos", *form(_content(rendered, -1)))  # decoders are started
            time.sleep(5)
            started, worked = time.monotonic(), processor_seconds()
            load = under_load(port, rendered, arguments.clients, arguments.seconds)
            seconds, worked = time.monotonic() - started, processor_seconds() - worked
            quick = interactive(port, rendered, 10)
            after = _idle_after_work(port) if arguments.idle else None
        photos = folder / "photos"
        photos.mkdir()
        for place in load.ids:
            (photos / f"{place:06d}.jpg").write_bytes(_content(rendered, place))
        started, before = time.monotonic(), processor_seconds()
        _screen(photos, folder / "out", arguments.bundle)
        alone, worked_alone = time.monotonic() - started, processor_seconds() - before
    count = len(load.ids)
    lost = count - sum(status not in ("pending", "cancelled") for status in load.findings.values())
    bad = sum(number for status, number in load.statuses.items() if status >= 500)
    latencies = np.percentile(load.seconds, [50, 95, 99])
    print(f"{arguments.clients} clients, {count} photos, {sum(load.statuses.values())} requests: {dict(load.statuses)}")
    print(f"lost {lost}, doubled {count - len(set(load.ids.values()))}, 5xx {bad}")
    print("seconds to answer: p50 {:.3f} p95 {:.3f} p99 {:.3f}".format(*latencies))
    print(f"photos/s: served {count / seconds:.2f}, screen {count / alone:.2f}, ratio {alone / seconds:.2f}")
    ours, theirs = worked / count, worked_alone / count
    print(f"processor seconds per photo: served {ours:.2f}, screen {theirs:.2f}, ratio {theirs / ours:.2f}")
    print("an interactive photo while the queue is full, seconds: " + " ".join(f"{one:.2f}" for one in sorted(quick)))
    print(f"memory, MB: idle at start {idle:.0f}{'' if after is None else f', idle after work {after:.0f}'}")
    return 1 if lost or bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--bundle", help="by default that of `screen`")
    parser.add_argument("--database", help="by default SQLite")
    parser.add_argument("--idle", action="store_true", help="wait, and measure the memory after work too")
    return parser


def _rendered() -> list[bytes]:
    diseases = sorted(DISEASES)
    contents = []
    for seed in range(RENDERED):
        with tempfile.TemporaryFile() as stream:
            pixels = render(diseases[seed % len(diseases)], height=HEIGHT, seed=seed).pixels
            Image.fromarray(pixels).save(stream, "JPEG", quality=90)
            stream.seek(0)
            contents.append(stream.read())
    return contents


def _content(rendered: list[bytes], place: int) -> bytes:
    """A photograph like no other: what follows the end of a JPEG is no part of the picture."""
    return rendered[place % len(rendered)] + place.to_bytes(8, "big", signed=True)


@contextmanager
def running(data: Path, bundle: str | None, database: str | None, port: int | None = None) -> Iterator[int]:
    """A service that is ready, on a port of this machine."""
    port = port or free_port()
    process = start(data, port, bundle, database)
    try:
        wait_until_ready(port)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def start(data: Path, port: int, bundle: str | None, database: str | None) -> "subprocess.Popen[bytes]":
    """Start a service; its log goes beside its data."""
    command = [sys.executable, "-m", "eyeground", "serve", "--data", str(data), "--port", str(port), "--no-browser"]
    command += ["--bundle", bundle] if bundle else []
    command += ["--database", database] if database else []
    with data.with_suffix(".log").open("ab") as log:
        return subprocess.Popen(command, stderr=log, stdout=log)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_until_ready(port: int, patience: float = 120) -> None:
    """Return once the worker lives."""
    last = time.monotonic() + patience
    while time.monotonic() < last:
        try:
            if ask(port, "GET", "/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the service is not ready")


def ask(
    port: int, method: str, path: str, body: bytes | None = None, kind: str | None = None
) -> tuple[int, dict[str, object]]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else {}
    finally:
        connection.close()


def form(content: bytes, **fields: str) -> tuple[bytes, str]:
    """A multipart body with a file, and its type."""
    edge = "edge-of-a-part"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="eye.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    return body, f"multipart/form-data; boundary={edge}"


def under_load(port: int, rendered: list[bytes], clients: int, seconds: float) -> Load:
    """Clients that each send a photograph, ask until it is screened, and send the next, for a time; then until all are done."""
    load, lock, last = Load(), threading.Lock(), time.monotonic() + seconds
    numbers = iter(range(10**9))

    def request(*what: object) -> tuple[int, dict[str, object]]:
        started = time.monotonic()
        status, body = ask(port, *what)  # type: ignore[arg-type]
        with lock:
            load.seconds.append(time.monotonic() - started)
            load.statuses[status] += 1
        return status, body

    def client() -> None:
        while time.monotonic() < last:
            with lock:
                place = next(numbers)
            status, body = request("POST", "/api/v1/photos", *form(_content(rendered, place)))
            if status != 202:
                time.sleep(1)
                continue
            photo_id = str(body["id"])
            with lock:
                load.ids[place] = photo_id
            while (found := request("GET", f"/api/v1/findings/{photo_id}")[1].get("status")) == "pending":
                time.sleep(LOOK_EVERY)
            with lock:
                load.findings[photo_id] = str(found)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def interactive(port: int, rendered: list[bytes], count: int) -> list[float]:
    """Seconds from sending to the finding of photographs that cannot wait, while others fill the queue."""
    for place in range(60):
        ask(port, "POST", "/api/v1/photos", *form(_content(rendered, 10**6 + place), priority="bulk"))
    times = []
    for place in range(count):
        started = time.monotonic()
        _, body = ask(
            port, "POST", "/api/v1/photos", *form(_content(rendered, 2 * 10**6 + place), priority="interactive")
        )
        while ask(port, "GET", f"/api/v1/findings/{body['id']}")[1]["status"] == "pending":
            time.sleep(0.03)
        times.append(time.monotonic() - started)
        time.sleep(0.2)
    return times


def processor_seconds() -> float:
    """Of all processes below this one, alive or ended: what a busy machine does not change."""
    own = psutil.Process()
    total = own.cpu_times().children_user + own.cpu_times().children_system
    for process in own.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return float(total)


def memory_of_children() -> float:
    """MB of the service's processes: proportional set size, which counts shared pages once."""
    processes = psutil.Process().children(recursive=True)
    return sum(process.memory_full_info().pss for process in processes) / 1e6


def _idle_after_work(port: int) -> float:
    while ask(port, "GET", "/api/v1/findings?status=pending&limit=1")[1]["total"]:
        time.sleep(1)
    time.sleep(IDLE)
    return memory_of_children()


def _screen(photos: Path, output: Path, bundle: str | None) -> None:
    command = [sys.executable, "-m", "eyeground", "screen", str(photos), "-o", str(output)]
    subprocess.run(
        command + (["--bundle", bundle] if bundle else []), check=True, stdout=subprocess.DEVNULL, env={**os.environ}
    )


if __name__ == "__main__":
    sys.exit(main())
