"""The queue behind the desk: songs are taken apart one after the other, since one takes all cores.

One thread works. Whatever happens to a song, its state says it, and the next one has its turn: queues that stand still
are what peers' users complain of. What is asked of a song puts it into the queue again, with all that was asked before.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from unbraid.api import Job, Model, Options, separate_file
from unbraid.api.asking import plan_asking
from unbraid.api.listen import Heard, list_sounds
from unbraid.engine.progress import Progress
from unbraid.errors import Cancelled, OutputError, UnbraidError, UsageError
from unbraid.web.shelf import Entry, Shelf
from unbraid.web.sound import outline

_MOST_ASKED = 12
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class Limits:
    """What strangers may use up; all of it is of no concern on one's own machine but for ``upload_mb``.

    minutes: of a song, from its beginning; 0 for all of it. waiting: songs at once. keep_h: hours until a song is
    forgotten; 0 for never.
    """

    upload_mb: int = 1000
    minutes: float = 0.0
    waiting: int = 100
    keep_h: float = 0.0

    def __post_init__(self) -> None:
        if self.upload_mb < 1 or self.waiting < 1 or self.minutes < 0 or self.keep_h < 0:
            raise UsageError(f"limits are {self}; upload_mb and waiting must be 1 or more, the others not below 0")


class Desk:
    """Songs of a folder and the thread that takes them apart. :meth:`close` it."""

    def __init__(self, model: Model, folder: Path, limits: Limits) -> None:
        self.shelf, self.limits, self._model = Shelf(folder), limits, model
        self._turn = threading.Condition()
        self._queue: deque[str] = deque()
        self._current, self._progress = "", Progress(0.0, "read")
        self._stop, self._closed = False, False
        self._forget()
        for entry in self.shelf.all():
            if entry.state in ("waiting", "running"):
                self._queue.append(entry.id)
        self._ears, self._heard = threading.Lock(), dict[str, list[Heard]]()
        self._worker = threading.Thread(target=self._work, name="unbraid-desk", daemon=True)
        self._worker.start()

    def full(self) -> bool:
        """Whether no more songs are taken for now."""
        return len(self._queue) >= self.limits.waiting

    def add(self, id: str, name: str) -> Entry:
        """The uploaded song gets its place in the queue."""
        entry = self.shelf.keep(id, name)
        self._enqueue(id)
        return entry

    def ask(self, entry: Entry, text: str) -> Entry:
        """Also give the sound that ``text`` names. Raises UsageError for what cannot be asked."""
        text = text.strip()
        if not text or len(text) > _LONGEST_TEXT:
            raise UsageError(f"a question has {len(text)} characters; give 1 to {_LONGEST_TEXT}")
        if text in entry.asked:
            return entry
        if len(entry.asked) >= _MOST_ASKED:
            raise UsageError(f"{_MOST_ASKED} sounds were asked of this song; that is all")
        plan_asking(self._model.spec.stems, ask=[text])  # refuses what names nothing
        with self._turn:
            now = self.shelf.find(entry.id) or entry
            now = self.shelf.change(now, asked=(*now.asked, text), state="waiting", why="")
        self._enqueue(entry.id)
        return now

    def sounds(self, entry: Entry) -> list[Heard]:
        """What can be heard in the song; one at a time. Raises UnbraidError."""
        with self._ears:
            if entry.id not in self._heard:
                song = self.shelf.upload(entry.id)
                self._heard[entry.id] = list_sounds(song, self._model, lambda: self._closed, self._longest_s)
            return self._heard[entry.id]

    def remove(self, id: str) -> None:
        """Forget a song, whether it waits, is worked on or is done."""
        with self._turn:
            with contextlib.suppress(ValueError):
                self._queue.remove(id)
            self._stop = self._stop or self._current == id
        self._heard.pop(id, None)
        self.shelf.remove(id)

    def status(self, entry: Entry) -> dict[str, Any]:
        """What a browser is told of a song."""
        with self._turn:
            running = self._current == entry.id
            before = self._queue.index(entry.id) if entry.id in self._queue else 0
            ahead = before + bool(self._current)
            progress = self._progress
        told: dict[str, Any] = {"id": entry.id, "name": entry.name, "asked": entry.asked, "state": entry.state}
        if running:
            told |= {"state": "running", "fraction": round(progress.fraction, 3), "stage": progress.stage}
        elif entry.state == "waiting":
            told["ahead"] = ahead
        if entry.state == "failed":
            told["why"] = entry.why
        if entry.report is not None:
            told["report"] = entry.report
        return told

    def close(self) -> None:
        """Stop at once; what was not finished waits for the next desk."""
        with self._turn:
            self._closed = self._stop = True
            self._turn.notify()
        self._worker.join(timeout=10)

    def _enqueue(self, id: str) -> None:
        with self._turn:
            if id not in self._queue:
                self._queue.append(id)
            self._turn.notify()

    def _work(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._queue or self._closed, timeout=600)
                if self._closed:
                    return
                self._stop = False
                self._current = self._queue.popleft() if self._queue else ""
                self._progress = Progress(0.0, "read")
            if self._current:
                self._take_apart(self._current)
            with self._turn:
                self._current = ""
            self._forget()

    def _take_apart(self, id: str) -> None:
        entry = self.shelf.find(id)
        if entry is None:
            return
        facts: dict[str, Any]
        try:
            facts = {"state": "done", "report": self._report(entry)}
        except Cancelled:  # removed, or the desk is closing
            if self.shelf.find(id) is None:
                self.shelf.remove(id)
            return
        except UnbraidError as error:
            # The sentence names a path of this machine; its owner knows the song by another name.
            facts = {"state": "failed", "why": str(error).replace(str(self.shelf.upload(id)), entry.name)}
        except Exception as error:
            facts = {"state": "failed", "why": f"this is a bug in unbraid: {type(error).__name__}"}
        with self._turn, contextlib.suppress(OutputError):  # removed in the meantime
            now = self.shelf.find(id) or entry
            since = now.asked[len(entry.asked) :]
            if facts["state"] == "failed" and entry.report is not None:
                # What was asked last is what failed; the stems are there, and other questions may be put.
                facts["asked"] = (*_answered(entry.report), *since)
            self.shelf.change(now, **facts | {"state": "waiting"} if since else facts)

    def _report(self, entry: Entry) -> dict[str, Any]:
        longest = self._longest_s
        options = Options(format="flac", depth=24, ask=entry.asked, stop_s=longest, template="{stem}.{ext}")
        job = Job(self.shelf.upload(entry.id), "song", self.shelf.stems(entry.id), options)
        report = separate_file(job, self._model, progress=self._hear, stop_asked=lambda: self._stop)
        told = report.as_json()
        told["warnings"] = list(told["warnings"])
        if longest is not None and report.seconds > longest - 0.1:
            told["warnings"].append(f"this desk takes the first {self.limits.minutes:g} minutes of a song")
        files = {name: job.out / each.file for name, each in report.stems.items()}
        self._draw(entry, files)
        facts = soundfile.info(next(iter(files.values())))
        kept = {key: told[key] for key in ("seconds", "took_s", "model", "stems", "warnings")}
        return {**kept, "rate": facts.samplerate, "samples": facts.frames}

    def _draw(self, entry: Entry, files: dict[str, Path]) -> None:
        """Outlines, kept beside the stems; a stem is the same bits whatever else is asked."""
        kept = self.shelf.outlines(entry.id)
        drawn = {name: kept[name] if name in kept else outline(path) for name, path in files.items()}
        self.shelf.keep_outlines(entry.id, drawn)

    @property
    def _longest_s(self) -> float | None:
        return 60 * self.limits.minutes or None

    def _hear(self, progress: Progress) -> None:
        self._progress = progress

    def _forget(self) -> None:
        """Remove what is older than it may be."""
        if not self.limits.keep_h:
            return
        for entry in self.shelf.all():
            if entry.since < time.time() - 3600 * self.limits.keep_h:
                self.remove(entry.id)


def _answered(report: dict[str, Any]) -> list[str]:
    """What was asked and is among the files of ``report``."""
    return [each["query"] for each in report["stems"].values() if each.get("query")]
