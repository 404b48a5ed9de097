"""Keeps the worker process running: another is started when one ends, after a pause that grows while they fail."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from time import monotonic

from eyeground.errors import EXIT_DONE, EXIT_USER_ERROR
from eyeground.serving.logs import log
from eyeground.serving.settings import ServiceSettings

LONGEST_PAUSE = 30.0  # seconds
SOUND = 60.0  # seconds after which a worker that ran counts as sound
# As `core.machine.save_address_space` has it, for a process that imports NumPy at once.
_LITTLE_MEMORY = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
STOPPING = 90.0  # seconds in which a worker finishes what it has in hand


class Supervisor:
    """Starts the worker in `start`, and ends it, its work in hand done, in `stop`.

    Args:
        settings: Of the service.
        on_mistake: Called when the worker refuses to start because of what the user gave, such as a bundle that is none.
    """

    def __init__(self, settings: ServiceSettings, on_mistake: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._on_mistake = on_mistake
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The worker dies with the thread that started it, so this one lives as long as the service.
        self._thread = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """Of the worker process, if it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the worker."""
        self._thread.start()

    def stop(self) -> None:
        """Let the worker finish what it has in hand, and end it."""
        self._stopping.set()
        self._thread.join(STOPPING + 5)

    def _keep_running(self) -> None:
        pause = 0.5
        while not self._stopping.is_set():
            started = monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            if code == EXIT_USER_ERROR:
                self._on_mistake()
                return
            if code == EXIT_DONE:  # it was idle
                continue
            pause = 0.5 if monotonic() - started > SOUND else min(2 * pause, LONGEST_PAUSE)
            log("worker ended", code=code, restart_in=pause)
            self._stopping.wait(pause)

    def _run_once(self) -> int:
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "eyeground.serving.worker"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **_LITTLE_MEMORY},
        )
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(_for_worker(self._settings)).encode() + b"\n")
            process.stdin.close()
        except BrokenPipeError:  # it ended at once
            pass
        while True:
            try:
                return process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                if self._stopping.is_set():
                    return _end(process)


def _end(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _for_worker(settings: ServiceSettings) -> dict[str, object]:
    return {
        "parent": os.getpid(),
        "data": str(settings.data.absolute()),
        "database": settings.url,
        "bundle": settings.bundle,
        "operating_point": settings.operating_point,
        "keep_originals": settings.keep_originals,
        "retention_days": settings.retention_days,
        "structures": settings.structures,
        "jobs": settings.jobs,
    }
