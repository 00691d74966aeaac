"""Songs from MIDI files that people wrote: a stretch of one, in another key, at another speed, on other instruments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.assets import MidiFile
from unbraid.data.studio.labels import PROGRAM_LABELS, is_bass
from unbraid.data.studio.score import Chord, Line, Note, Score, clipped
from unbraid.errors import AudioError

_DRUM_CHANNEL = 9
_FEWEST_NOTES = 8
_SHORTEST_S = 20.0

# Correlation of pitch classes with a key, Krumhansl and Kessler (1982), Psychological Review 89, table 1.
_MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True)
class Track:
    """Notes of one channel and program in one track; ``program`` is None for drums."""

    name: str
    program: int | None
    notes: list[Note]


def read_tracks(data: bytes) -> tuple[list[Track], float]:
    """The tracks of a MIDI file with times in seconds, and its most common tempo in beats a minute.

    Raises:
        AudioError: the bytes are no MIDI file.
    """
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise AudioError(f"a MIDI file cannot be read ({error})") from error
    tempos = _tempo_map(file)
    tracks: dict[tuple[str, int, int], list[Note]] = {}
    for number, track in enumerate(file.tracks):
        programs, sounding, at = [0] * 16, dict[tuple[int, int], tuple[int, int, int]](), 0
        for message in track:
            at += message.time
            if message.type == "program_change":
                programs[message.channel] = message.program
            elif message.type in ("note_on", "note_off"):
                key = (message.channel, message.note)
                begun = sounding.pop(key, None)
                if begun is not None:
                    start, velocity, program = begun
                    name = (f"{number} {track.name}", message.channel, program)
                    seconds = (_seconds(start, tempos), _seconds(at, tempos))
                    tracks.setdefault(name, []).append(Note(*seconds, message.note, velocity))
                if message.type == "note_on" and message.velocity > 0:
                    sounding[key] = (at, message.velocity, programs[message.channel])
    found = [
        Track(name.partition(" ")[2], None if channel == _DRUM_CHANNEL else program, sorted(notes))
        for (name, channel, program), notes in sorted(tracks.items(), key=lambda item: item[0])
    ]
    return found, _usual_bpm(tempos, file)


def score_from_midi(file: MidiFile, rng: np.random.Generator, target_s: tuple[float, float] = (32, 48)) -> Score | None:
    """A stretch of the file as a score; None if it has too little in it."""
    tracks, bpm = read_tracks(file.data)
    tracks = [track for track in tracks if len(track.notes) >= _FEWEST_NOTES]
    if not tracks:
        return None
    speed, shift = float(rng.uniform(0.88, 1.14)), int(rng.integers(-5, 7))
    length = float(rng.uniform(*target_s)) * speed
    start = _busiest(tracks, length, rng)
    lines: list[Line] = []
    for track in tracks:
        notes = clipped(track.notes, start, start + length)
        moved = [_moved(note, speed, 0 if track.program is None else shift) for note in notes]
        if len(moved) >= _FEWEST_NOTES:
            line = _line(Track(track.name, track.program, moved))
            lines += [] if line is None else [line]
    lines = _with_bass(lines)
    pitched = [note for line in lines if line.role != "drums" for note in line.notes]
    seconds = max((note.end_s for line in lines for note in line.notes), default=0.0)
    if not pitched or seconds < _SHORTEST_S:
        return None
    bpm, beat_s = bpm * speed, 60 / (bpm * speed)
    key, minor = estimate_key(pitched)
    chords = estimate_chords(pitched, seconds, 4 * beat_s)
    return Score(
        file.name, "pop", bpm, key, minor, seconds + 0.5, chords, lines, file.name, file.licence,
        [(4 * beat_s, seconds)],
    )  # fmt: skip


def estimate_key(notes: Sequence[Note]) -> tuple[int, bool]:
    """(pitch class of the tonic, minor?) by correlation with the profiles of Krumhansl and Kessler."""
    weights = _classes(notes)
    scores = {
        (key, minor): float(np.corrcoef(np.roll(profile, key), weights)[0, 1])
        for minor, profile in ((False, _MAJOR_PROFILE), (True, _MINOR_PROFILE))
        for key in range(12)
    }
    return max(scores, key=lambda found: np.nan_to_num(scores[found]))


def estimate_chords(notes: Sequence[Note], seconds: float, bar_s: float) -> list[Chord]:
    """The triad that fits the notes of each bar best; the lowest note counts double."""
    chords = []
    for start in np.arange(0.0, seconds, bar_s):
        held = [note for note in notes if note.start_s < start + bar_s and note.end_s > start + 0.05]
        weights = _classes(held)
        if held:
            weights[min(note.pitch for note in held) % 12] *= 2
        best = max(
            ((root, tones) for root in range(12) for tones in ((0, 4, 7), (0, 3, 7))),
            key=lambda chord: sum(weights[(chord[0] + tone) % 12] for tone in chord[1]),
        )
        chords.append(Chord(float(start), *best))
    return chords


def _classes(notes: Sequence[Note]) -> NDArray[np.float64]:
    """How long each pitch class sounds."""
    weights = np.full(12, 1e-6)
    for note in notes:
        weights[note.pitch % 12] += min(note.end_s - note.start_s, 2.0)
    return weights


def _line(track: Track) -> Line | None:
    if track.program is None:
        return Line("drums", track.notes)
    if is_bass(track.program):
        return Line("bass", track.notes, None, track.program)
    if track.program not in PROGRAM_LABELS:
        return None
    overlaps = sum(a.end_s > b.start_s + 0.05 for a, b in zip(track.notes, track.notes[1:], strict=False))
    role = "lead" if overlaps < 0.1 * len(track.notes) else "chords"
    if PROGRAM_LABELS[track.program] == "distorted guitar" and role == "chords":
        role = "power"
    return Line(role, track.notes, None, track.program)


def _with_bass(lines: list[Line]) -> list[Line]:
    """If no line has a bass instrument, the lowest one that plays below C3 gets it."""
    if any(line.role == "bass" for line in lines):
        return lines
    middles = {number: float(np.median([n.pitch for n in line.notes])) for number, line in enumerate(lines)
               if line.role != "drums"}  # fmt: skip
    lowest = min(middles, key=lambda number: middles[number], default=None)
    if lowest is None or middles[lowest] >= 48 or len(middles) < 2:
        return lines
    return [Line("bass", line.notes) if number == lowest else line for number, line in enumerate(lines)]


def _moved(note: Note, speed: float, shift: int) -> Note:
    pitch = int(np.clip(note.pitch + shift, 21, 108)) if shift else note.pitch
    return Note(note.start_s / speed, max(note.end_s / speed, note.start_s / speed + 0.03), pitch, note.velocity)


def _busiest(tracks: Sequence[Track], length: float, rng: np.random.Generator) -> float:
    """Where to begin: of six random places the one where most tracks play."""
    end = max(note.end_s for track in tracks for note in track.notes)
    places = rng.uniform(0, max(end - length, 0.0), 6)
    playing = [
        sum(any(place <= note.start_s < place + length for note in track.notes) for track in tracks) for place in places
    ]
    return float(places[int(np.argmax(playing))])


def _tempo_map(file: object) -> list[tuple[int, float, float]]:
    """(tick, seconds at it, seconds a tick from there on) for every change of tempo."""
    changes: list[tuple[int, int]] = []
    for track in file.tracks:  # type: ignore[attr-defined]  # mido has no types
        at = 0
        for message in track:
            at += message.time
            if message.type == "set_tempo":
                changes.append((at, message.tempo))
    ticks: int = file.ticks_per_beat  # type: ignore[attr-defined]
    tempos = [(0, 0.0, 0.5 / ticks)]
    for tick, microseconds in sorted(changes):
        last_tick, seconds, rate = tempos[-1]
        tempos.append((tick, seconds + (tick - last_tick) * rate, microseconds * 1e-6 / ticks))
    return tempos


def _seconds(tick: int, tempos: list[tuple[int, float, float]]) -> float:
    low, high = 0, len(tempos)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if tempos[middle][0] <= tick else (low, middle)
    begun, seconds, rate = tempos[low]
    return seconds + (tick - begun) * rate


def _usual_bpm(tempos: list[tuple[int, float, float]], file: object) -> float:
    """The tempo that lasts longest, doubled or halved into 60 to 190."""
    ticks: int = file.ticks_per_beat  # type: ignore[attr-defined]  # mido has no types
    ends = [*(seconds for _, seconds, _ in tempos[1:]), tempos[-1][1] + 30]
    longest = max(zip(tempos, ends, strict=True), key=lambda pair: pair[1] - pair[0][1])[0]
    bpm = 60 / (longest[2] * ticks)
    while bpm < 60:
        bpm *= 2
    while bpm > 190:
        bpm /= 2
    return bpm
