"""What a desk does with songs: takes them apart one after the other, since one takes all cores, and answers questions.

Whatever happens to a song, its state says it, and the next one has its turn: queues that stand still are what peers'
users complain of. What is asked of a song puts it into the line again, with all that was asked before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import soundfile

from unbraid.api import Job, Model, Options, separate_file
from unbraid.api.asking import plan_asking
from unbraid.api.listen import Heard, list_sounds
from unbraid.engine.progress import OnProgress, Progress, StopAsked
from unbraid.errors import Cancelled, OutputError, UnbraidError, UsageError
from unbraid.web.line import Line
from unbraid.web.shelf import Entry, Shelf
from unbraid.web.sound import outline

_MOST_ASKED = 12
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class Limits:
    """What strangers may use up; on one's own machine only ``upload_mb`` matters.

    minutes: of a song, from its beginning; 0 for all of it. waiting: songs at once, those being uploaded among them.
    keep_h: hours until a song is forgotten; 0 for never.
    """

    upload_mb: int = 1000
    minutes: float = 0.0
    waiting: int = 100
    keep_h: float = 0.0

    def __post_init__(self) -> None:
        if self.upload_mb < 1 or self.waiting < 1 or not self.minutes >= 0 or not self.keep_h >= 0:
            raise UsageError(f"limits are {self}; upload_mb and waiting must be 1 or more, the others not below 0")

    @property
    def longest_s(self) -> float | None:
        return 60 * self.minutes or None


class Desk:
    """The songs of a folder. :meth:`close` it. ``on_stage`` hears what is being done with a song, "" at its end.

    Raises OutputError, or UsageError if another desk has the folder.
    """

    def __init__(
        self, model: Model, folder: Path, limits: Limits, on_stage: Callable[[str], None] = lambda stage: None
    ) -> None:
        self.shelf, self.limits, self._model, self._on_stage = Shelf(folder), limits, model, on_stage
        self._books = threading.Lock()  # held while an entry is read, changed and written
        self._unwritten: dict[str, Entry] = {}  # what a full disk would not take
        self._ears, self._heard = threading.Lock(), dict[str, list[Heard]]()
        self._line = Line(self._take_apart, self._forget)
        for entry in self.shelf.all():
            if entry.state == "waiting":
                self._line.add(entry.id)

    @property
    def waiting(self) -> int:
        return len(self._line)

    def add(self, id: str, name: str) -> Entry:
        """The uploaded song gets its place in the line."""
        entry = self.shelf.keep(id, name)
        self._line.add(id)
        return entry

    def find(self, id: str) -> Entry | None:
        """The song, if there is one of that ID. Raises OutputError if the disk does not answer."""
        return self._unwritten.get(id) or self.shelf.find(id)

    def ask(self, id: str, text: str) -> Entry | None:
        """Also give the sound that ``text`` names; None if the song is gone. Raises UsageError for no good question."""
        text = text.strip()
        if not text or len(text) > _LONGEST_TEXT or not text.isprintable():
            raise UsageError(f"a question has {len(text)} characters; give 1 to {_LONGEST_TEXT}, in plain words")
        plan_asking(self._model.spec.stems, ask=[text])  # refuses what names nothing
        with self._books:
            entry = self.find(id)
            if entry is None or text in entry.asked:
                return entry
            if len(entry.asked) >= _MOST_ASKED:
                raise UsageError(f"{_MOST_ASKED} sounds were asked of this song; that is all")
            entry = self._change(replace(entry, asked=(*entry.asked, text), state="waiting", why=""))
        self._line.add(id)
        return entry

    def sounds(self, id: str) -> list[Heard]:
        """What can be heard in the song; one song at a time, each once. Raises UnbraidError."""
        with self._ears:
            if id not in self._heard:
                stop_s = self.limits.longest_s
                self._heard[id] = list_sounds(self.shelf.upload(id), self._model, lambda: self._line.closed, stop_s)
            return self._heard[id]

    def remove(self, id: str) -> None:
        """Forget a song, whether it waits, is worked on or is done."""
        self._line.remove(id)
        with self._books:
            self._unwritten.pop(id, None)
            self._heard.pop(id, None)
            self.shelf.remove(id)

    def status(self, entry: Entry) -> dict[str, Any]:
        """What a browser is told of a song."""
        place = self._line.place(entry.id)
        told: dict[str, Any] = {"id": entry.id, "name": entry.name, "asked": entry.asked, "state": entry.state}
        if place.running is not None:
            progress = place.running
            told |= {"state": "running", "fraction": round(progress.fraction, 3), "stage": progress.stage}
        elif entry.state == "waiting":
            told["ahead"] = place.ahead or 0
        if entry.why:
            told["why"] = entry.why
        if entry.report is not None:
            told["report"] = entry.report
        return told

    def close(self) -> None:
        """Stop at once; what was not finished waits for the next desk."""
        self._line.close()
        self.shelf.close()

    def _take_apart(self, id: str, hear: OnProgress, stop_asked: StopAsked) -> None:
        entry = self.find(id)
        if entry is None:
            return

        def tell(progress: Progress) -> None:
            self._on_stage(progress.stage)
            hear(progress)

        facts: dict[str, Any]
        try:
            facts = {"state": "done", "report": self._report(entry, tell, stop_asked)}
        except Cancelled:  # removed, or the desk is closing
            facts = {}
        except UnbraidError as error:
            # The sentence names a path of this machine; its owner knows the song by another name.
            facts = {"state": "failed", "why": str(error).replace(str(self.shelf.upload(id)), entry.name)}
        except Exception as error:
            facts = {"state": "failed", "why": f"this is a bug in unbraid: {type(error).__name__}"}
        self._on_stage("")
        with self._books:
            now = self.find(id)
            if now is None:
                self.shelf.remove(id)  # what was written after it had been removed
            elif facts:
                self._change(replace(now, **self._with_questions(facts, entry, now)))

    def _with_questions(self, facts: dict[str, Any], entry: Entry, now: Entry) -> dict[str, Any]:
        """``facts`` of ``entry`` beside what was asked until ``now``."""
        since = now.asked[len(entry.asked) :]
        if facts["state"] == "failed" and entry.report is not None:
            # What was asked last is what failed; the stems are there, and other questions may be put.
            facts["asked"] = (*_answered(entry.report), *since)
        return facts | {"state": "waiting"} if since else facts

    def _change(self, entry: Entry) -> Entry:
        try:
            self.shelf.write(entry)
            self._unwritten.pop(entry.id, None)
        except OutputError:
            self._unwritten[entry.id] = entry
        return entry

    def _report(self, entry: Entry, hear: OnProgress, stop_asked: StopAsked) -> dict[str, Any]:
        longest = self.limits.longest_s
        options = Options(format="flac", depth=24, ask=entry.asked, stop_s=longest, template="{stem}.{ext}")
        job = Job(self.shelf.upload(entry.id), "song", self.shelf.stems(entry.id), options)
        report = separate_file(job, self._model, progress=hear, stop_asked=stop_asked)
        told = report.as_json()
        warnings = list(told["warnings"])
        if longest is not None and report.seconds > longest - 0.1:
            warnings.append(f"this desk takes the first {self.limits.minutes:g} minutes of a song")
        files = {name: job.out / each.file for name, each in report.stems.items()}
        self.shelf.keep_outlines(entry.id, {name: outline(path) for name, path in files.items()})
        facts = soundfile.info(next(iter(files.values())))
        kept = {key: told[key] for key in ("seconds", "took_s", "model", "stems")}
        return {**kept, "warnings": warnings, "rate": facts.samplerate, "samples": facts.frames}

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
