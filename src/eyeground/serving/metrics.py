"""What Prometheus reads at /metrics: requests, the queue, findings; without names or ids."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from eyeground.serving import models_in_use
from eyeground.serving.store.database import Store
from eyeground.serving.store.tables import Finding, Job

_REGISTRY = CollectorRegistry()
_REQUESTS = Counter("eyeground_requests", "Requests", ["method", "route", "status"], registry=_REGISTRY)
_SECONDS = Histogram("eyeground_request_seconds", "Time to answer", ["method", "route"], registry=_REGISTRY)


def count_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request that was answered."""
    _REQUESTS.labels(method, route, str(status)).inc()
    _SECONDS.labels(method, route).observe(seconds)


class _OfStore(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._store.read() as session:
            jobs = session.execute(select(Job.state, func.count()).group_by(Job.state)).all()
            statuses = session.execute(select(Finding.status, func.count()).group_by(Finding.status)).all()
            lives = models_in_use.worker_lives(session)
        yield _by_label("eyeground_jobs", "Jobs in the queue", "state", jobs)
        yield _by_label("eyeground_findings", "Findings in the store", "status", statuses)
        yield GaugeMetricFamily("eyeground_worker_up", "Whether the worker lives", value=float(lives))


def _by_label(name: str, documentation: str, label: str, counts: Iterable[tuple[str, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, number in counts:
        family.add_metric([value], number)
    return family


def exposition(store: Store) -> bytes:
    """All measures in Prometheus's text format."""
    own = CollectorRegistry()
    own.register(_OfStore(store))
    return generate_latest(_REGISTRY) + generate_latest(own)
