"""Adds the pages to an application."""

from fastapi import FastAPI

from eyeground.serving.pages import adapt, admin, finding, login, monitor, problems, upload, worklist
from eyeground.serving.pages.rendering import static


def install_pages(app: FastAPI) -> None:
    """Add the pages, their assets, and errors in words; after the API and its handlers of errors."""
    for router in (
        static,
        login.pages,
        worklist.pages,
        upload.pages,
        finding.pages,
        adapt.pages,
        monitor.pages,
        admin.pages,
    ):
        app.include_router(router)
    problems.install(app)
