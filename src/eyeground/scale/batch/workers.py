"""The workers of a Ray cluster: one per core, each with its own network, which take one shard after the other.

A worker that dies, alone or with its machine, gives its shard back; machines that join get workers while there is work.
"""

import logging
import os
import socket
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eyeground.core.machine import usable_cores
from eyeground.errors import UserError
from eyeground.scale.batch.shard import ShardScreener, Task

LOCAL = "local"
MOST_DEATHS = 5  # of workers at one shard
NO_SHARD = -1  # at which workers die that have not started yet
_STEP = 2.0  # seconds between looks at the cluster
_LONGEST_ANSWER = 10.0  # seconds
_OBJECTS = 2**27  # bytes of shared memory of a cluster on this machine: next to nothing passes through it


@dataclass(frozen=True)
class Call:
    """A method of `ShardScreener` to be called for a shard, and its further argument."""

    method: str
    shard: int
    argument: Any


@contextmanager
def cluster(address: str) -> Iterator[None]:
    """Connect to a Ray cluster, or start one of this machine's cores where the address is `local`.

    Raises:
        UserError: If Ray is not installed, does not start, or there is no cluster at the address.
    """
    ray = _ray()
    _require_answer(address)
    started: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        started |= {"include_dashboard": False, "num_cpus": usable_cores(), "object_store_memory": _OBJECTS}
    try:
        ray.init(**started)
    except Exception as error:  # Ray raises plain exceptions where its processes do not start in time
        ray.shutdown()
        where = "on this machine" if address == LOCAL else f"at {address}"
        raise UserError(
            f"no Ray cluster {where}: {str(error).strip()}. Start one with `ray start --head`, or repeat the command if this "
            "machine was busy"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Refuse an address at which nothing answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or "//" in host:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LONGEST_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"no Ray cluster at {address}: {error}. `ray start --head` on one machine prints its address"
        ) from error


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        import ray
    except ImportError as error:
        raise UserError("--ray needs Ray: pip install 'eyeground[scale]'") from error
    return ray


def machines() -> int:
    """How many machines of the cluster are alive."""
    return sum(bool(node["Alive"]) for node in _ray().nodes())


class _Worker:
    """A `ShardScreener` in a process of its own; mistakes of the user are answers, as Ray wraps what is raised."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def start(self) -> str | None:
        """Load the model; the answer is what is wrong."""
        try:
            self._screener = ShardScreener(self._task)
        except UserError as error:
            return str(error)
        return None

    def call(self, call: Call) -> tuple[str | None, Any]:
        """What is wrong, and the answer."""
        try:
            return None, getattr(self._screener, call.method)(call.shard, call.argument)
        except UserError as error:
            return str(error), None


@dataclass
class Workers:
    """The workers of one run, on a cluster that is connected.

    Attributes:
        task: What they are told.
        most: How many at most; by default as many as the cluster has cores.
    """

    task: Task
    most: int | None = None
    _idle: list[Any] = field(default_factory=list)
    _starting: dict[Any, Any] = field(default_factory=dict)
    _busy: dict[Any, tuple[Any, Call]] = field(default_factory=dict)
    _deaths: Counter[int] = field(default_factory=Counter)

    def run(self, calls: Iterable[Call]) -> Iterator[tuple[Call, Any]]:
        """Have workers answer calls, and yield each with its answer, in the order in which they finish.

        Raises:
            UserError: If a worker met one, or workers died at the same shard `MOST_DEATHS` times.
        """
        ray = _ray()
        waiting = deque(calls)
        while waiting or self._busy:
            self._employ(waiting)
            done, _ = ray.wait([*self._starting, *self._busy], num_returns=1, timeout=_STEP)
            for reference in done:
                actor, call = self._busy.pop(reference, (None, None))
                actor = actor or self._starting.pop(reference)
                try:
                    answer = ray.get(reference)
                except ray.exceptions.RayTaskError:
                    raise  # our mistake
                except ray.exceptions.RayError as error:
                    ray.kill(actor)  # it may only be out of reach, and must not finish twice
                    self._lost(call, error)
                    waiting.extendleft([] if call is None else [call])
                    continue
                problem, value = (answer, None) if call is None else answer
                if problem is not None:
                    raise UserError(problem)
                self._idle.append(actor)
                if call is None:
                    del self._deaths[NO_SHARD]
                else:
                    yield call, value

    def _employ(self, waiting: deque[Call]) -> None:
        """Give work to idle workers, and start more where the cluster has cores for them."""
        ray = _ray()
        while self._idle and waiting:
            actor, call = self._idle.pop(), waiting.popleft()
            self._busy[actor.call.remote(call)] = actor, call
        cores = int(ray.cluster_resources().get("CPU", 0))
        at_work = len(self._starting) + len(self._busy)
        wanted = min(cores, self.most or cores, len(waiting) + at_work)
        start = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
        for _ in range(wanted - at_work):
            actor = start.remote(self.task)
            self._starting[actor.start.remote()] = actor

    def _lost(self, call: Call | None, error: Exception) -> None:
        shard = NO_SHARD if call is None else call.shard
        self._deaths[shard] += 1
        if self._deaths[shard] >= MOST_DEATHS:
            where = "before its first shard" if call is None else f"at shard {shard}"
            raise UserError(
                f"a worker died {where} {MOST_DEATHS} times: {error}; see Ray's logs of its machine. What was finished is kept"
            ) from error
