"""Running a service: store and folder are opened, the worker started, and requests answered until it is told to stop."""

import os
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from eyeground.errors import UserError
from eyeground.serving.app import create_app
from eyeground.serving.logs import log, log_to_standard_error
from eyeground.serving.people import is_open
from eyeground.serving.service import Service
from eyeground.serving.settings import ServiceSettings
from eyeground.serving.store.database import open_database
from eyeground.serving.store.folder import DataFolder
from eyeground.serving.store.migrate import migrate
from eyeground.serving.supervisor import Supervisor
from eyeground.serving.sweeping import sweep

STOPPING = 30  # seconds for requests that are being answered


def open_service(settings: ServiceSettings) -> Service:
    """Open, and if need be make, the store of a service.

    Raises:
        UserError: If the folder or the database cannot be used.
    """
    folder = DataFolder(settings.data)
    folder.prepare()
    store = open_database(settings.url)
    migrate(store, folder)
    return Service(settings, store, folder)


def serve(settings: ServiceSettings, open_browser: bool = False) -> None:
    """Answer requests until SIGTERM or Ctrl-C; what is in hand is finished.

    Args:
        settings: Of the service.
        open_browser: Show the page once it answers.

    Raises:
        UserError: If something that the settings name cannot be used.
    """
    refuse_unsafe(settings)
    service = open_service(settings)
    refuse_open(service)
    lock = service.folder.lock("server")
    service.folder.sweep_temporary()
    sweep(service.store, service.folder)
    log_to_standard_error()
    app = create_app(service)
    server = uvicorn.Server(_config(app, settings))
    mistaken = threading.Event()

    def on_mistake() -> None:
        mistaken.set()
        server.should_exit = True

    supervisor = Supervisor(settings, on_mistake)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        supervisor.start()
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [address(settings)]).start()
        yield
        log("stopping")
        supervisor.stop()

    app.router.lifespan_context = lifespan
    try:
        server.run()
    finally:
        service.store.close()
        os.close(lock)
    if mistaken.is_set():
        raise UserError("the worker could not start; the line above says why")


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        timeout_graceful_shutdown=STOPPING,
    )


def address(settings: ServiceSettings) -> str:
    """Where a browser on this machine finds the page."""
    scheme = "https" if settings.certificate is not None else "http"
    return f"{scheme}://{settings.host}:{settings.port}/"


def refuse_unsafe(settings: ServiceSettings) -> None:
    """Refuse to be reached from elsewhere without encryption.

    Raises:
        UserError: Without a certificate and without a proxy.
    """
    if settings.is_local:
        return
    if settings.certificate is None and not settings.behind_proxy:
        raise UserError(
            f"{settings.host}: other machines could reach the service unencrypted; give --certificate and --key, or say "
            "--behind-proxy where a proxy in front of it ends TLS"
        )


def refuse_open(service: Service) -> None:
    """Refuse to be reached from elsewhere while nobody has to log in.

    Raises:
        UserError: If there is neither an account nor a key.
    """
    with service.store.read() as session:
        if is_open(session) and not service.settings.is_local:
            raise UserError(
                f"{service.settings.host}: other machines could use the service without an account; add one with "
                f"`eyeground accounts add NAME --role admin --data {service.settings.data}`"
            )
