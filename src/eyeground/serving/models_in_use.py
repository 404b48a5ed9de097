"""The models that a service screens with, as the store keeps them: identity, rule, and both in words for people."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from eyeground.serving.store.tables import Model, WorkerBeat, now

if TYPE_CHECKING:  # the server has no use for what a model needs to run
    from eyeground.screening.runtime import Screener

_ONLY = 1
SILENT = timedelta(seconds=20)  # after which a worker counts as stopped


def register(session: Session, screener: "Screener") -> int:
    """The id of a model at its operating point, added where it is new."""
    description = describe(screener)
    rule = description["operating_point"]
    known = session.scalar(
        select(Model).where(Model.identity == screener.bundle.identity, Model.operating_point == rule)
    )
    if known is None:
        known = Model(identity=screener.bundle.identity, operating_point=rule, description=description)
        session.add(known)
        session.flush()
    return known.id


def describe(screener: "Screener") -> dict[str, Any]:
    """What people need to know of a model: rule, thresholds and where they come from, outputs in words."""
    from eyeground.screening.suspicion import describe_disease
    from eyeground.screening.words import describe_origin, describe_performance

    rule = screener.rule
    return {
        "name": screener.bundle.description.name,
        "digest": screener.bundle.digest,
        "operating_point": rule.decision.rule if rule.decision else "none",
        "origin": describe_origin(rule.decision),
        "performance": describe_performance(rule.decision),
        "outputs": {output: describe_disease(rule.targets, output) for output in rule.outputs},
        "thresholds": dict(rule.thresholds),
        "healthy": sorted(rule.healthy),
        "evidence": screener.gives_evidence,
    }


def beat(session: Session, model_id: int, photos_per_second: float | None) -> None:
    """Say that the worker lives, and with which model."""
    mark = session.get(WorkerBeat, _ONLY)
    if mark is None:
        session.add(WorkerBeat(id=_ONLY, at=now(), model_id=model_id, photos_per_second=photos_per_second))
    else:
        mark.at, mark.model_id, mark.photos_per_second = now(), model_id, photos_per_second


def current_model(session: Session) -> Model | None:
    """The model that photographs are screened with now; None before the first worker of a store has started."""
    mark = session.get(WorkerBeat, _ONLY)
    return None if mark is None or mark.model_id is None else session.get(Model, mark.model_id)


def worker_lives(session: Session) -> bool:
    """Whether the worker gave a sign of life lately."""
    mark = session.get(WorkerBeat, _ONLY)
    return mark is not None and now() - mark.at < SILENT


def speed(session: Session) -> float | None:
    """Photographs per second of the last minutes; None where nothing was screened."""
    mark = session.get(WorkerBeat, _ONLY)
    return None if mark is None else mark.photos_per_second
