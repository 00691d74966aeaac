"""Requests in, answers out. What changes anything must bear a header that other sites' pages cannot send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Container
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from unbraid.errors import UnbraidError, UsageError
from unbraid.web.desk import Desk
from unbraid.web.shelf import Entry
from unbraid.web.sound import mixed, piece

STATIC = Path(__file__).parent / "static"
OWN = "x-unbraid"
"""A header that only our own page sends: a browser asks us first before another site's page may."""
_LOOK_S, _ALIVE_S = 0.2, 15.0
_LONGEST_NAME = 200
_STREAM = {"cache-control": "no-store", "x-accel-buffering": "no"}  # what stands before us must not hold it back
_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def app_for(desk: Desk, hosts: Container[str] | None) -> Starlette:
    """The application. hosts: the names by which it may be asked for; None for any.

    A desk for oneself answers to its own names only, or a page of another site could point a name of its own at it.
    """
    views = Views(desk)
    routes = [
        Route("/api/desk", views.about),
        Route("/api/songs", views.add, methods=["POST"]),
        Route("/api/songs/{id}", views.song, methods=["GET", "DELETE"]),
        Route("/api/songs/{id}/events", views.events),
        Route("/api/songs/{id}/asked", views.ask, methods=["POST"]),
        Route("/api/songs/{id}/sounds", views.sounds),
        Route("/api/songs/{id}/outlines", views.outlines),
        Route("/api/songs/{id}/mix", views.mix),
        Route("/api/songs/{id}/stems/{stem}", views.stem),
        Route("/api/songs/{id}/stems/{stem}/piece", views.piece),
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]
    middleware = [Middleware(_Careful, hosts=hosts)]
    handlers: dict[Any, Callable[[Request, Exception], Response]] = {HTTPException: _told, UnbraidError: _refused}
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
        host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname or ""
        if self._hosts is not None and host not in self._hosts:
            return f"this desk is not called {host}"
        if method not in ("GET", "HEAD") and OWN.encode() not in headers:
            return f"a request that changes something needs the header {OWN}"
        return ""


class Views:
    """One method a route."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def about(self, _: Request) -> Response:
        limits = self._desk.limits
        return JSONResponse({"upload_mb": limits.upload_mb, "minutes": limits.minutes, "keep_h": limits.keep_h})

    async def add(self, request: Request) -> Response:
        """The body is the file; ``?name=`` is what its owner calls it."""
        if self._desk.full():
            raise HTTPException(503, "too many songs are waiting; try again in a while")
        name = request.query_params.get("name", "").strip()[:_LONGEST_NAME] or "song"
        id, path = await run_in_threadpool(self._desk.shelf.begin)
        try:
            await self._store(request, path)
            entry = await run_in_threadpool(self._desk.add, id, name)
        except BaseException:
            await run_in_threadpool(self._desk.shelf.drop, id)
            raise
        return JSONResponse(self._desk.status(entry), 201)

    async def _store(self, request: Request, path: Path) -> None:
        most, size = self._desk.limits.upload_mb * 10**6, 0
        try:
            with path.open("wb") as file:
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > most:
                        raise HTTPException(413, f"a file may have {self._desk.limits.upload_mb} MB here")
                    await run_in_threadpool(file.write, chunk)
        except ClientDisconnect as error:
            raise HTTPException(400, "the upload was broken off") from error
        except OSError as error:
            raise HTTPException(507, f"the file cannot be stored ({error.strerror})") from error
        if not size:
            raise HTTPException(400, "the file is empty")

    async def song(self, request: Request) -> Response:
        entry = await self._entry(request)
        if request.method == "DELETE":
            await run_in_threadpool(self._desk.remove, entry.id)
            return Response(status_code=204)
        return JSONResponse(self._desk.status(entry))

    async def events(self, request: Request) -> Response:
        """The song's state whenever it changes, until it is done or failed (server-sent events)."""
        entry = await self._entry(request)

        async def told() -> AsyncIterator[str]:
            last, quiet = "", 0.0
            while not await request.is_disconnected():
                now = await run_in_threadpool(self._desk.shelf.find, entry.id)
                status = {"state": "gone"} if now is None else self._desk.status(now)
                text = json.dumps(status)
                quiet += _LOOK_S
                if text != last:
                    yield f"data: {text}\n\n"
                    last, quiet = text, 0.0
                elif quiet > _ALIVE_S:  # so that nothing between us takes the connection for dead
                    yield ": still here\n\n"
                    quiet = 0.0
                if status["state"] in ("done", "failed", "gone"):
                    return
                await asyncio.sleep(_LOOK_S)

        return StreamingResponse(told(), media_type="text/event-stream", headers=_STREAM)

    async def ask(self, request: Request) -> Response:
        """``{"text": "the harp"}``"""
        entry = await self._entry(request)
        try:
            text = (await request.json())["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise HTTPException(400, 'say what is asked: {"text": "the harp"}') from error
        if not isinstance(text, str):
            raise HTTPException(400, "what is asked must be a text")
        changed = await run_in_threadpool(self._desk.ask, entry, text)
        return JSONResponse(self._desk.status(changed), 202)

    async def sounds(self, request: Request) -> Response:
        entry = await self._entry(request)
        heard = await run_in_threadpool(self._desk.sounds, entry)
        return JSONResponse([{"name": each.name, "stem": each.stem, "presence": each.presence} for each in heard])

    async def outlines(self, request: Request) -> Response:
        entry = await self._entry(request)
        return JSONResponse(await run_in_threadpool(self._desk.shelf.outlines, entry.id))

    async def mix(self, request: Request) -> Response:
        """``?vocals=0&drums=0.5``: gains; a stem that is not named is left out."""
        entry, stems = await self._stems(request)
        gains = {stems[name]: _gain(value) for name, value in request.query_params.items() if name in stems}
        heard = {path: gain for path, gain in gains.items() if gain}
        if not heard:
            raise UsageError("nothing is to be heard; turn up a stem")
        return StreamingResponse(mixed(heard), media_type="audio/wav", headers=_saved_as(f"{_bare(entry)} (mix).wav"))

    async def stem(self, request: Request) -> Response:
        entry, stems = await self._stems(request)
        path = _one_of(stems, request)
        headers = _saved_as(f"{_bare(entry)} ({request.path_params['stem']}).flac")
        return FileResponse(path, media_type="audio/flac", headers=headers)

    async def piece(self, request: Request) -> Response:
        """``?start=&frames=`` in samples."""
        _, stems = await self._stems(request)
        try:
            start, frames = (int(request.query_params[name]) for name in ("start", "frames"))
        except (KeyError, ValueError) as error:
            raise HTTPException(400, "say which piece: ?start=0&frames=44100") from error
        cut = await run_in_threadpool(piece, _one_of(stems, request), start, frames)
        return Response(cut, media_type="audio/flac", headers={"cache-control": "private, max-age=3600"})

    async def _entry(self, request: Request) -> Entry:
        entry = await run_in_threadpool(self._desk.shelf.find, request.path_params["id"])
        if entry is None:
            raise HTTPException(404, "there is no such song here; it may have been removed")
        return entry

    async def _stems(self, request: Request) -> tuple[Entry, dict[str, Path]]:
        """The song and the files that its report names."""
        entry = await self._entry(request)
        if entry.report is None:
            raise HTTPException(409, "the song is not taken apart yet")
        folder = self._desk.shelf.stems(entry.id)
        return entry, {name: folder / each["file"] for name, each in entry.report["stems"].items()}


def _one_of(stems: dict[str, Path], request: Request) -> Path:
    path = stems.get(request.path_params["stem"])
    if path is None or not path.is_file():
        raise HTTPException(404, f"the song has no such stem; it has {', '.join(stems)}")
    return path


def _gain(text: str) -> float:
    try:
        gain = float(text)
    except ValueError:
        gain = -1.0
    if not 0 <= gain <= 4:
        raise UsageError(f"a gain is {text!r}; give a number from 0 to 4")
    return gain


def _bare(entry: Entry) -> str:
    return Path(entry.name.replace("\\", "/")).stem or "song"


def _saved_as(name: str) -> dict[str, str]:
    """RFC 6266, in any language."""
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code)


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, UsageError) else 500)
