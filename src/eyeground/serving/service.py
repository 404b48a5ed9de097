"""What the handlers of a running service share."""

from dataclasses import dataclass, field
from typing import cast

from fastapi import FastAPI, Request

from eyeground.serving.keys import Allowance
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.store.database import Store
from eyeground.serving.store.folder import DataFolder


@dataclass(frozen=True)
class Service:
    """Settings, store, data folder, and what is left of every caller's allowance."""

    settings: ServiceSettings
    store: Store
    folder: DataFolder
    allowance: Allowance = field(default_factory=Allowance)

    @property
    def uses_tls(self) -> bool:
        """Whether browsers reach it by https."""
        return self.settings.certificate is not None or self.settings.behind_proxy


def attach(app: FastAPI, service: Service) -> None:
    """Give an application its service."""
    app.state.service = service


def service_of(request: Request) -> Service:
    """The service that a request was sent to; also a dependency of handlers."""
    return cast(Service, request.app.state.service)
