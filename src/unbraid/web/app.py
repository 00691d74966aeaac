"""The application: its routes, and who is answered. Changes must bear a header that other sites cannot send."""

from __future__ import annotations

from collections.abc import Callable, Container
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from unbraid.errors import UnbraidError, UsageError
from unbraid.web.desk import Desk
from unbraid.web.views import Views

STATIC = Path(__file__).parent / "static"
OWN = "x-unbraid"
"""A header that only our own page sends: a browser asks us first before another site's page may."""
_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def app_for(desk: Desk, hosts: Container[str] | None) -> Starlette:
    """The application. hosts: the names by which it may be asked for; None for any.

    A desk for oneself answers to its own names only, or a page of another site could point a name of its own at it.
    """
    views = Views(desk)
    routes = [
        Route("/api/desk", views.about),
        Route("/api/songs", views.add, methods=["POST"]),
        Route("/api/songs", views.states),
        Route("/api/songs/{id}", views.song, methods=["GET", "DELETE"]),
        Route("/api/songs/{id}/asked", views.ask, methods=["POST"]),
        Route("/api/songs/{id}/sounds", views.sounds),
        Route("/api/songs/{id}/outlines", views.outlines),
        Route("/api/songs/{id}/mix", views.mix),
        Route("/api/songs/{id}/stems/{stem}", views.stem),
        Route("/api/songs/{id}/stems/{stem}/piece", views.piece),
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]
    middleware = [Middleware(_Careful, hosts=hosts)]

    def refused(_: Request, error: Exception) -> Response:
        # Sentences name folders of this machine, which are nobody else's business.
        text = str(error).replace(str(desk.shelf.folder), "the desk")
        return JSONResponse({"error": text}, 400 if isinstance(error, UsageError) else 500)

    handlers: dict[Any, Callable[[Request, Exception], Response]] = {HTTPException: _told, UnbraidError: refused}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


class _Careful:
    """Refuses other names and changes without our header, and tells browsers to load nothing from elsewhere."""

    def __init__(self, app: ASGIApp, hosts: Container[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        why = self._refusal(scope["method"], dict(scope["headers"]))
        if why:
            await JSONResponse({"error": why}, 403)(scope, receive, send)
            return

        async def careful(message: Any) -> None:
            if message["type"] == "http.response.start":
                held = message.setdefault("headers", [])
                held += [(b"content-security-policy", _POLICY.encode()), (b"x-content-type-options", b"nosniff")]
                held += [(b"referrer-policy", b"no-referrer")]
            await send(message)

        await self._app(scope, receive, careful)

    def _refusal(self, method: str, headers: dict[bytes, bytes]) -> str:
        """Why a request is not answered; empty if it is."""
        try:
            host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
        except ValueError:
            host = "that"
        if self._hosts is not None and host not in self._hosts:
            return f"this desk is not called {host}"
        if method not in ("GET", "HEAD") and OWN.encode() not in headers:
            return f"a request that changes something needs the header {OWN}"
        return ""


def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)
