"""The worker: a process that screens what is in the queue, several photographs at a time, interactive ones first.

Each photograph is claimed, read, judged and stored by itself, so that one that cannot wait finds a place within a fraction of a second.
What fails is put back, and the process ends: the server starts another. Settings come as a line of JSON on standard input.
"""

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from eyeground.core.machine import usable_cores
from eyeground.errors import EXIT_USER_ERROR, UserError
from eyeground.screening.decoder_pool import DecoderPool, DecoderSettings
from eyeground.screening.runtime import Screener, load
from eyeground.serving import audit, models_in_use, queue
from eyeground.serving.logs import log, log_error, log_to_standard_error
from eyeground.serving.model_choice import adapted_in_use, choice, put_into_use
from eyeground.serving.pictures import PICTURE_SIDE
from eyeground.serving.queue import Claimed
from eyeground.serving.settings import Limits
from eyeground.serving.store.database import Store, open_database
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.tables import new_id
from eyeground.serving.structures import Drawing
from eyeground.serving.sweeping import tidy
from eyeground.serving.work import Bench, WritingError, do

LOOK_EVERY = 0.05  # seconds
BEAT_EVERY = 5.0
CHOICE_EVERY = 2.0
TIDY_EVERY = 3600.0
IDLE_SECONDS = 60.0  # after which a worker that has worked makes room for a fresh one, for the memory that it holds
LONGEST_ENDING = 120.0  # seconds that the worker of a killed server may take to finish what it has in hand
FAILED = 3
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_RECENT = 200  # photographs over which speed is counted


class Lanes:
    """The threads that do jobs, one each; `failed` once one could not do its own."""

    def __init__(self, bench: Bench, count: int) -> None:
        self._bench = bench
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._free = threading.Semaphore(count)
        self.failed = False
        self.finished: deque[float] = deque(maxlen=_RECENT)

    def wait_for_one(self, seconds: float) -> bool:
        """Take a lane, if one becomes free in time."""
        return self._free.acquire(timeout=seconds)

    def give_back(self) -> None:
        """Free a lane that was taken and not used."""
        self._free.release()

    def do(self, job: Claimed) -> None:
        """Do a job on the lane that was taken."""
        self._threads.submit(self._do, job)

    def join(self) -> None:
        """Wait until all jobs in hand are done."""
        self._threads.shutdown(wait=True)

    def _do(self, job: Claimed) -> None:
        started = time.monotonic()
        try:
            do(self._bench, job)
            self.finished.append(time.monotonic())
            log("job done", photo=job.photo_id, archive_of=job.archive_of, seconds=round(time.monotonic() - started, 3))
        except Exception as error:
            self.failed = True
            log_error("job failed", job=job.id)
            self._put_back(job, counted=not isinstance(error, WritingError))
        finally:
            self._free.release()

    def _put_back(self, job: Claimed, counted: bool) -> None:
        try:
            with self._bench.store.write() as session:
                queue.put_back(session, job, self._bench.worker, counted)
        except Exception:  # the store is gone: the next worker puts it back
            log_error("job not put back", job=job.id)

    def photos_per_second(self) -> float | None:
        """Over the last photographs; None with fewer than two."""
        if len(self.finished) < 2:
            return None
        return (len(self.finished) - 1) / max(self.finished[-1] - self.finished[0], 1e-3)


def work(bench: Bench, lanes: int, is_stopped: Callable[[], bool], drawing: Drawing | None = None) -> bool:
    """Do jobs until stopped, or until there were none for a while, finishing those in hand; False if one failed.

    Args:
        bench: What to work with.
        lanes: Jobs at a time.
        is_stopped: Asked between jobs.
        drawing: What draws structures meanwhile, which is work, too.
    """
    at_work = Lanes(bench, lanes)
    last_beat, last_job, has_worked = -BEAT_EVERY, time.monotonic(), False
    try:
        while not is_stopped() and not at_work.failed:
            if time.monotonic() - last_beat >= BEAT_EVERY:
                with bench.store.write() as session:
                    models_in_use.beat(session, bench.model_id, at_work.photos_per_second())
                    queue.renew(session, bench.worker)
                last_beat = time.monotonic()
            if not at_work.wait_for_one(LOOK_EVERY):
                continue
            job = None if at_work.failed else _next_job(bench)
            if job is not None:
                last_job, has_worked = time.monotonic(), True
                at_work.do(job)
                continue
            at_work.give_back()
            if drawing is not None and drawing.last_drawn > last_job:
                last_job, has_worked = drawing.last_drawn, True
            if has_worked and time.monotonic() - last_job > IDLE_SECONDS:
                break
            time.sleep(LOOK_EVERY)
    finally:
        at_work.join()
    return not at_work.failed


def run_jobs(bench: Bench) -> int:
    """Do the jobs that there are, one after the other, in this thread; returns how many."""
    count = 0
    while (job := _next_job(bench)) is not None:
        do(bench, job)
        count += 1
    return count


def _tidy_hourly(store: Store, folder: DataFolder, retention_days: int | None) -> None:
    while True:
        try:
            deleted = tidy(store, folder, retention_days)
            if deleted:
                log("photos deleted for their age", photos=deleted)
        except Exception:  # in an hour it is tried again
            log_error("tidying failed")
        time.sleep(TIDY_EVERY)


def _next_job(bench: Bench) -> Claimed | None:
    with bench.store.read() as session:
        if not queue.has_work(session):
            return None
    with bench.store.write() as session:
        return queue.claim(session, bench.worker)


def run(settings: dict[str, Any], is_stopped: Callable[[], bool]) -> int:
    """Open model and store, take over what a killed worker had, and work.

    Args:
        settings: `data`, `database`, `bundle`, `operating_point`, `keep_originals`, `retention_days`,
            `structures`, `jobs`.
        is_stopped: Asked between jobs.

    Returns:
        The exit code.
    """
    folder = DataFolder(Path(settings["data"]))
    folder.prepare()
    lock = folder.lock("worker", patience=LONGEST_ENDING)
    store = open_database(settings["database"])
    screener, adapted = _open_model(store, folder, settings["bundle"], settings["operating_point"])
    lanes = settings["jobs"] or usable_cores()
    worker = new_id()
    try:
        with store.write() as session:
            model_id = models_in_use.register(session, screener)
            taken = queue.release_all(session)
        tidying = (store, folder, settings["retention_days"])
        threading.Thread(target=_tidy_hourly, args=tidying, name="tidying", daemon=True).start()
        drawing = Drawing(store, folder) if settings["structures"] else None
        if drawing is not None:
            drawing.start()
        log("worker started", model=screener.bundle.identity, lanes=lanes, taken_over=taken)
        with DecoderPool(DecoderSettings(screener.bundle.description.preprocessing, PICTURE_SIDE), lanes) as pool:
            bench = Bench(store, folder, screener, model_id, pool, worker, settings["keep_originals"], Limits())
            return 0 if work(bench, lanes, _or_another_model(store, adapted, is_stopped), drawing) else FAILED
    finally:
        store.close()
        os.close(lock)


def _open_model(
    store: Store, folder: DataFolder, bundle: str | None, operating_point: str | None
) -> tuple[Screener, str | None]:
    """The model in use, and its id if it was adapted here; where it cannot be opened, the one asked for at the start."""
    with store.read() as session:
        chosen = choice(session, folder, bundle, operating_point)
    if chosen.adapted is not None:
        try:
            return load(chosen.bundle, threads=1), chosen.adapted
        except UserError:
            log_error("the adapted model cannot be opened")
            with store.write() as session:
                put_into_use(session, None, audit.WORKER, problem="it cannot be opened")
    return load(bundle, operating_point=operating_point, threads=1), None


def _or_another_model(store: Store, adapted: str | None, is_stopped: Callable[[], bool]) -> Callable[[], bool]:
    """Whether to stop, which is also when another model was put into use: the next worker starts with it."""
    looked = time.monotonic()

    def is_over() -> bool:
        nonlocal looked
        if is_stopped():
            return True
        if time.monotonic() - looked < CHOICE_EVERY:
            return False
        looked = time.monotonic()
        with store.read() as session:
            return adapted_in_use(session) != adapted

    return is_over


def main() -> None:
    """The program of the worker process."""
    log_to_standard_error()
    settings = json.loads(sys.stdin.buffer.readline())
    _end_with(settings["parent"])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    try:
        code = run(settings, lambda: stopped.is_set() or os.getppid() != settings["parent"])
    except UserError as error:
        print(error, file=sys.stderr)
        code = EXIT_USER_ERROR
    except Exception:
        log_error("worker failed")
        code = FAILED
    sys.exit(code)


def _end_with(parent: int) -> None:
    """Have the system ask this process to stop when its parent dies; elsewhere than on Linux, it looks for itself."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


if __name__ == "__main__":
    main()
