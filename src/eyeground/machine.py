"""What the machine has to offer."""

import os


def usable_cores() -> int:
    """How many cores this process may use: those it is bound to, where the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
