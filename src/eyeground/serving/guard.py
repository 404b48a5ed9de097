"""What every request passes: known host names, limits on bodies and their slowness, security headers, measures and a log line.

The visitor's cookie, to which the token of forms is bound before a log-in, is set here.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from http.cookies import SimpleCookie

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from eyeground.serving import metrics
from eyeground.serving.access import VISITOR
from eyeground.serving.logs import log
from eyeground.serving.pages.problems import problem
from eyeground.serving.settings import LOOPBACK, ServiceSettings

FORM_BYTES = 2**20
OVERHEAD = 2**16  # bytes of a multipart body beside its file
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send the forms of our own pages with Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """ASGI middleware.

    Args:
        app: What answers.
        settings: Of the service.
        body_limits: Bytes by path, where they are more than `FORM_BYTES`.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings, body_limits: Mapping[str, int]) -> None:
        self._app = app
        self._settings = settings
        self._body_limits = body_limits
        self._tls = settings.certificate is not None or settings.behind_proxy
        self._hosts = {*LOOPBACK, settings.host, *settings.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500
        headers = Headers(scope=scope)
        visitor = None if VISITOR in SimpleCookie(headers.get("cookie", "")) else secrets.token_urlsafe(24)
        scope[VISITOR] = visitor or ""

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope, MutableHeaders(scope=message), visitor)
            await send(message)

        try:
            refused = self._refused(scope, headers)
            if refused is not None:
                await refused(scope, receive, answer)
            else:
                await self._app(scope, self._limited(scope, receive), answer)
        finally:
            route = getattr(scope.get("route"), "path", "none")  # never the path itself, which holds ids
            method = (
                scope["method"] if scope["method"] in _METHODS else "other"
            )  # callers must not write labels or logs
            seconds = time.monotonic() - started
            metrics.count_request(method, route, status, seconds)
            log("request", method=method, route=route, status=status, seconds=round(seconds, 4))

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        if _name_of(headers.get("host", "")) not in self._hosts:
            return problem(Request(scope), 421, "unknown host name; add it with --public-name")
        announced = headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._most(scope):
            return problem(Request(scope), 413, f"more than {self._most(scope)} bytes", {"Connection": "close"})
        return None

    def _most(self, scope: Scope) -> int:
        return self._body_limits.get(scope["path"], FORM_BYTES)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """The body, given up where it is too long or too slow."""
        limits, most = self._settings.limits, self._most(scope)
        started, received, is_whole = time.monotonic(), 0, False

        async def limited() -> Message:
            nonlocal received, is_whole
            if is_whole:  # what is waited for now is that the client leaves
                return await receive()
            left = limits.patience + received / limits.slowest - (time.monotonic() - started)
            try:
                message = await asyncio.wait_for(receive(), max(0.0, left))
            except TimeoutError as error:
                raise HTTPException(408, "the body came too slowly", {"Connection": "close"}) from error
            received += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if received > most:
                raise HTTPException(413, f"more than {most} bytes", {"Connection": "close"})
            return message

        return limited

    def _add_headers(self, scope: Scope, headers: MutableHeaders, visitor: str | None) -> None:
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")
        if self._tls:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if visitor is not None and headers.get("content-type", "").startswith("text/html"):
            secure = "; Secure" if self._tls else ""
            headers.append("Set-Cookie", f"{VISITOR}={visitor}; Path=/; HttpOnly; SameSite=Strict{secure}")


def _name_of(host: str) -> str:
    """A Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
