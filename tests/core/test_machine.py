"""Processes that share a machine well, and leave it with whoever started them."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

PARENT = """
import os, time
from eyeground.core.machine import processes
if __name__ == "__main__":
    with processes(2) as pool:
        print(*set(pool.map(time.sleep, [0.2, 0.2])), flush=True)
        print(*pool._processes, flush=True)
        time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX systems do")
def test_workers_of_a_killed_process_end(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    with subprocess.Popen([sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, text=True) as parent:
        parent.stdout.readline()
        workers = [int(number) for number in parent.stdout.readline().split()]
        assert len(workers) == 2 and all(psutil.pid_exists(number) for number in workers)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    until = time.monotonic() + 10
    while any(_is_running(number) for number in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_is_running(number) for number in workers)


def _is_running(number):
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE
