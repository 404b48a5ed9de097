"""Cores, memory and processes of the machine."""

import ctypes
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line asks for the number of cores, and has to answer at once
    from concurrent.futures import ProcessPoolExecutor

# Options of mallopt(3), by their numbers in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_LARGEST_INT = 2**31 - 1


def usable_cores() -> int:
    """How many cores this process may use: those it is bound to, where the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def process_rank() -> int:
    """Which of the processes of one training this is: 0 writes and reports, the others work along."""
    named = (("TORCHELASTIC_RUN_ID", "RANK"), ("SLURM_NTASKS", "SLURM_PROCID"), ("LOCAL_RANK", "LOCAL_RANK"))
    return next((int(os.environ[rank]) for launcher, rank in named if launcher in os.environ), 0)


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, where the C library is glibc; elsewhere nothing is done.

    glibc returns every large block to the system at once, so training on a CPU clears fresh pages at every layer of
    every step: MobileNetV2 at 384 px trains 2.3 photos/s that way, and 5.4 with this.
    """
    for option, value in ((_TRIM_THRESHOLD, _LARGEST_INT), (_TOP_PAD, 256 << 20), (_MMAP_MAX, 0)):
        _set_allocator(option, value)


def save_address_space() -> None:
    """Keep this process's address space small, for machines that limit it; call it before NumPy is imported.

    On two cores OpenBLAS sets 160 MB aside for threads that screening has no use for, and glibc 64 MB for every
    other thread that allocates anything.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _set_allocator(_ARENA_MAX, 2)


def _set_allocator(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone has it
        if mallopt is not None:
            mallopt(option, value)


def processes(jobs: int) -> "ProcessPoolExecutor":
    """A pool of processes with one OpenCV thread each; they leave Ctrl-C to their parent, and end when it is killed."""
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(jobs, initializer=_set_up)


def _set_up() -> None:
    import cv2

    cv2.setNumThreads(0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """A pool's processes hold the pipe on which they wait for work, so they do not notice the death of their parent."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
