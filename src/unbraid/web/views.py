"""Requests in, answers out: one method a route."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from unbraid.errors import UsageError
from unbraid.web.desk import Desk
from unbraid.web.patience import Few, Streamed, steady
from unbraid.web.shelf import Entry
from unbraid.web.sound import mixed, piece

_LONGEST_NAME, _LONGEST_BODY, _MOST_STATES = 200, 4096, 200
_AT_ONCE = 2


class Views:
    """One method a route. What takes long has threads of its own, few of them, so that the rest is always answered."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._uploads = 0
        self._slow = Few(_AT_ONCE)

    async def about(self, _: Request) -> Response:
        limits = self._desk.limits
        return JSONResponse({"upload_mb": limits.upload_mb, "minutes": limits.minutes, "keep_h": limits.keep_h})

    async def add(self, request: Request) -> Response:
        """The body is the file; ``?name=`` is what its owner calls it."""
        name = request.query_params.get("name", "").strip()[:_LONGEST_NAME] or "song"
        name = name.encode("utf-8", "replace").decode()
        if self._desk.waiting + self._uploads >= self._desk.limits.waiting:
            raise HTTPException(503, "too many songs are waiting; try again in a while")
        self._uploads += 1
        try:
            id, path = await run_in_threadpool(self._desk.shelf.begin)
            try:
                await self._store(request, path)
                entry = await run_in_threadpool(self._desk.add, id, name)
            except BaseException:
                self._desk.shelf.drop(id)
                raise
        finally:
            self._uploads -= 1
        return JSONResponse(self._desk.status(entry), 201)

    async def _store(self, request: Request, path: Path) -> None:
        most, size = self._desk.limits.upload_mb * 10**6, 0
        try:
            with path.open("wb") as file:
                async for chunk in steady(request.stream()):
                    size += len(chunk)
                    if size > most:
                        raise HTTPException(413, f"a file may have {self._desk.limits.upload_mb} MB here")
                    await run_in_threadpool(file.write, chunk)
        except (ClientDisconnect, TimeoutError) as error:
            raise HTTPException(400, "the upload was broken off") from error
        except OSError as error:
            raise HTTPException(507, f"the file cannot be stored ({error.strerror})") from error
        if not size:
            raise HTTPException(400, "the file is empty")

    async def states(self, request: Request) -> Response:
        """``?ids=A,B``: the state of each song, "gone" where there is none."""
        ids = request.query_params.get("ids", "").split(",")[:_MOST_STATES]

        def told() -> list[dict[str, Any]]:
            found = {id: self._desk.find(id) for id in ids if id}
            return [
                {"id": id, "state": "gone"} if each is None else self._desk.status(each) for id, each in found.items()
            ]

        return JSONResponse(await run_in_threadpool(told))

    async def song(self, request: Request) -> Response:
        entry = await self._entry(request)
        if request.method == "DELETE":
            await run_in_threadpool(self._desk.remove, entry.id)
            return Response(status_code=204)
        return JSONResponse(self._desk.status(entry))

    async def ask(self, request: Request) -> Response:
        """``{"text": "the harp"}``"""
        entry = await self._entry(request)
        body = b""
        async for chunk in steady(request.stream()):
            body += chunk
            if len(body) > _LONGEST_BODY:
                raise HTTPException(413, "a question is shorter than that")
        try:
            text = json.loads(body)["text"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise HTTPException(400, 'say what is asked: {"text": "the harp"}') from error
        if not isinstance(text, str):
            raise HTTPException(400, "what is asked must be a text")
        changed = await run_in_threadpool(self._desk.ask, entry.id, text)
        if changed is None:
            raise _gone()
        return JSONResponse(self._desk.status(changed), 202)

    async def sounds(self, request: Request) -> Response:
        entry = await self._entry(request)
        heard = await self._slow.run(lambda: self._desk.sounds(entry.id))
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
        headers = _saved_as(f"{_bare(entry)} (mix).wav")
        return Streamed(self._slow, mixed(heard), "audio/wav", headers)

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
        entry = await run_in_threadpool(self._desk.find, request.path_params["id"])
        if entry is None:
            raise _gone()
        return entry

    async def _stems(self, request: Request) -> tuple[Entry, dict[str, Path]]:
        """The song and the files that its report names."""
        entry = await self._entry(request)
        if entry.report is None:
            raise HTTPException(409, "the song is not taken apart yet")
        folder = self._desk.shelf.stems(entry.id)
        return entry, {name: folder / each["file"] for name, each in entry.report["stems"].items()}


def _gone() -> HTTPException:
    return HTTPException(404, "there is no such song here; it may have been removed")


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
