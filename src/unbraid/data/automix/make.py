"""Songs from the stems of several songs, written as folders with one file for each stem."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from unbraid.data.automix.align import best_shift_s
from unbraid.data.automix.listen import Heard, listen, stem
from unbraid.data.automix.partners import Match, partner
from unbraid.data.automix.settings import Settings
from unbraid.data.stretch import stretched
from unbraid.data.tracks import Song, scan
from unbraid.data.tracks.found import STEMS
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.data.tracks.write import SongFolder
from unbraid.errors import AudioError, UsageError
from unbraid.signal import Samples

USUAL_SETTINGS = Settings()


@dataclass(frozen=True)
class Placed:
    """A stem of a new song: where from, how changed, and when it begins in the new song's time."""

    stem: str
    match: Match
    shift_s: float


def automix(
    data: Path,
    out: Path,
    settings: Settings = USUAL_SETTINGS,
    seed: int = 0,
    split: str = "train",
    on_step: Callable[[str], None] | None = None,
    naming: Naming = USUAL,
    cache: Path | None = None,
) -> list[Path]:
    """Write ``settings.copies`` new songs for every song of ``data``'s ``split`` to ``out/split``; returns the folders.

    A new song depends on its name, the seed and the songs alone; one that is there already is kept. ``on_step`` hears a
    sentence for every song that was listened to, made, or left out. UsageError if fewer than two songs can be used, or
    if they lie in ``out``, where the new ones would be taken for originals the next time.
    """
    tell = on_step or (lambda line: None)
    if out.resolve() == data.resolve():
        raise UsageError(f"{out}: is where the songs come from; give another folder for the new ones")
    songs = scan(data, split, lambda error: tell(f"left out: {error}"), naming, cache)
    heard = [each for each in (_listened(song, settings, tell) for song in songs) if each is not None]
    if len(heard) < 2:
        raise UsageError(
            f"{data}: {len(heard)} of {len(songs)} songs have drums with a steady beat and a bass; give two"
        )
    made = []
    for number, reference in enumerate(heard):
        for copy in range(settings.copies):
            folder = out / split / f"{reference.song.id}-mix{copy}"
            rng = np.random.default_rng([seed, number, copy])
            if folder.exists() or _make(folder, reference, heard, settings, rng):
                made.append(folder)
                tell(f"{len(made)} made: {folder.name}")
            else:
                tell(f"{folder.name}: no partners within the limits, or too short")
    return made


def _listened(song: Song, settings: Settings, tell: Callable[[str], None]) -> Heard | None:
    if any(len(target) > 1 for target in song.targets()):
        return None
    found = listen(song, settings)
    tell(f"{song.id}: " + (f"{found.tempo_bpm:.1f} beats a minute" if found else "no steady beat, or no bass"))
    return found


def plan(reference: Heard, heard: Sequence[Heard], settings: Settings, rng: Generator) -> list[Placed]:
    """The stems of one new song: a random one from ``reference``, each other from whatever song fits.

    A stem for which no song fits, or whose song lacks it, is taken from ``reference``.
    """
    order = [STEMS[index] for index in rng.permutation(len(STEMS))]
    own = Match(reference, 1.0, 0)
    placed = [Placed(order[0], own, 0.0)]
    beats = np.array(reference.beats_s)
    for name in order[1:]:
        others = [each for each in heard if each is not reference and each.song.parts_of(frozenset([name]))]
        found = partner(reference, others, settings, rng)
        shift = best_shift_s(beats, np.array(found.of.beats_s) / found.tempo, settings) if found else 0.0
        placed.append(Placed(name, found or own, shift))
    return placed


def render(placed: Sequence[Placed], rate: int, settings: Settings) -> dict[str, Samples]:
    """Stem -> ``[2, time]``, all of the length that all have in common, and none louder than the headroom leaves."""
    changed = {each.stem: _changed(each, rate) for each in placed}
    # The latest beginning is where the new song begins, the earliest end where it ends.
    starts = {each.stem: round(each.shift_s * rate) for each in placed}
    first = max(starts.values())
    last = min(starts[name] + samples.shape[1] for name, samples in changed.items())
    cut = {
        name: samples[:, first - starts[name] : max(last, first) - starts[name]] for name, samples in changed.items()
    }
    mixture = sum(cut.values(), np.zeros((2, max(last - first, 0)), np.float32))
    peak = max(float(np.abs(samples).max(initial=0)) for samples in (mixture, *cut.values()))
    gain = np.float32(1 / max(1.0, settings.headroom * peak))
    return {name: samples * gain for name, samples in cut.items()}


def _changed(placed: Placed, rate: int) -> Samples:
    match = placed.match
    return stretched(stem(match.of.song, placed.stem)[:, match.of.start :], rate, match.tempo, match.semitones)


def _make(folder: Path, reference: Heard, heard: Sequence[Heard], settings: Settings, rng: Generator) -> bool:
    """Write one new song; False if it would be an old one again, or too short."""
    placed = plan(reference, heard, settings, rng)
    if all(each.match.of is reference for each in placed):
        return False
    rate = reference.song.rate
    if any(each.match.of.song.rate != rate for each in placed):
        raise AudioError(f"{reference.song.folder}: has {rate} Hz and a partner has not; prepare songs to one rate")
    stems = render(placed, rate, settings)
    if next(iter(stems.values())).shape[1] < settings.shortest_s * rate:
        return False
    with SongFolder(folder, rate) as out:
        for each in sorted(placed, key=lambda each: STEMS.index(each.stem)):
            out.add(f"{each.stem}.wav", stems[each.stem], frozenset([each.stem]), each.stem, **_origin(each))
        out.finish("automix", bpm=round(reference.tempo_bpm, 3), settings=asdict(settings))
    return True


def _origin(placed: Placed) -> dict[str, Any]:
    match = placed.match
    return {
        "source": match.of.song.id,
        "tempo": round(match.tempo, 5),
        "semitones": match.semitones,
        "shift_s": round(placed.shift_s, 4),
    }
