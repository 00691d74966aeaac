"""Songs times entrants: decode a song once, let each entrant answer, score, store, forget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from unbraid.errors import Cancelled, UnbraidError, UsageError
from unbraid.evaluate.dataset import Track
from unbraid.evaluate.entrants import Entrant
from unbraid.evaluate.score import Scores, score_asked, score_stems
from unbraid.evaluate.song import Song, load_song
from unbraid.evaluate.store import Store


@dataclass(frozen=True)
class Step:
    """One song scored for one entrant, for the screen. error: why it could not be."""

    done: int
    of: int
    song: str
    entrant: str
    error: str = ""


@dataclass
class Evaluation:
    """entrants and songs: what was compared, in order. scores: (entrant, song) -> figures. failed: -> why none."""

    entrants: tuple[Entrant, ...]
    songs: tuple[str, ...]
    scores: dict[tuple[str, str], Scores] = field(default_factory=dict)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)


def evaluate(
    tracks: Sequence[Track],
    entrants: Sequence[Entrant],
    folder: Path,
    *,
    words: Sequence[str] = (),
    jobs: int = 1,
    on_step: Callable[[Step], None] | None = None,
    stop_asked: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Score every entrant on every track; what ``folder`` holds already is not done again.

    ``jobs`` songs are in work at once, by threads (numpy and the runtimes let go of the interpreter's lock), and memory
    is that of ``jobs`` songs. A song that cannot be decoded or separated is in ``failed`` and the rest goes on.
    Raises UsageError for names that occur twice, OutputError if ``folder`` cannot be written, Cancelled once
    ``stop_asked()``.
    """
    for what, names in (("model", [one.name for one in entrants]), ("song", [track.name for track in tracks])):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"{what} {', '.join(twice)} is there twice; each must have a name of its own")
    work = _Work(Store(folder, tuple(words)), tuple(entrants), tuple(tracks), tuple(words), on_step, stop_asked)
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work.do, track) for track in tracks]
        try:
            for future in futures:
                future.result()
        except BaseException:
            work.give_up()
            raise
    return work.evaluation


class _Work:
    """What the threads share."""

    def __init__(
        self,
        store: Store,
        entrants: tuple[Entrant, ...],
        tracks: tuple[Track, ...],
        words: tuple[str, ...],
        on_step: Callable[[Step], None] | None,
        stop_asked: Callable[[], bool],
    ) -> None:
        self.evaluation = Evaluation(entrants, tuple(track.name for track in tracks))
        self._store, self._words = store, words
        self._on_step, self._stop_asked = on_step, stop_asked
        self._lock, self._gave_up = threading.Lock(), threading.Event()

    def give_up(self) -> None:
        self._gave_up.set()

    def do(self, track: Track) -> None:
        song: Song | None = None
        for entrant in self.evaluation.entrants:
            if self._gave_up.is_set() or self._stop_asked():
                raise Cancelled("stopped on request")
            scores = self._store.get(track, entrant)
            error = ""
            if scores is None:
                try:
                    song = song or load_song(track, self._words)
                    scores = self._scored(song, entrant)
                except Cancelled:
                    raise
                except UnbraidError as reason:
                    error = str(reason)
                else:
                    self._store.put(track, entrant, scores)
            self._note(track, entrant, scores, error)

    def _scored(self, song: Song, entrant: Entrant) -> Scores:
        scores = score_stems(song, entrant.estimate(song))
        present = [word for word in self._words if word in song.sounds]
        if entrant.ask is None or not present:
            return scores
        asked = score_asked(song, entrant.ask(song, present))
        return Scores(scores.stems, asked.asked, scores.left_out | asked.left_out)

    def _note(self, track: Track, entrant: Entrant, scores: Scores | None, error: str) -> None:
        key = (entrant.name, track.name)
        with self._lock:
            if scores is None:
                self.evaluation.failed[key] = error
            else:
                self.evaluation.scores[key] = scores
            done = len(self.evaluation.scores) + len(self.evaluation.failed)
            total = len(self.evaluation.songs) * len(self.evaluation.entrants)
            if self._on_step is not None:
                self._on_step(Step(done, total, track.name, entrant.name, error))
