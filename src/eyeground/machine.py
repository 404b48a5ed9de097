"""What the machine has to offer: its cores, and processes that share them well."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor


def usable_cores() -> int:
    """How many cores this process may use: those it is bound to, where the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processes(jobs: int) -> ProcessPoolExecutor:
    """A pool of processes with one OpenCV thread each; Ctrl-C is the parent's business."""
    return ProcessPoolExecutor(jobs, initializer=_set_up)


def _set_up() -> None:
    import cv2

    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
