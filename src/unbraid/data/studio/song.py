"""One song from its number and seed: score, players, voices, effects, balance, master, folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unbraid.data.studio import effects
from unbraid.data.studio.assets import Material
from unbraid.data.studio.cast import Player, cast_drums, cast_line, cast_percussion
from unbraid.data.studio.drum_patterns import KICK
from unbraid.data.studio.folder import write_song
from unbraid.data.studio.genres import GENRES, Genre
from unbraid.data.studio.labels import is_bass, piece_of
from unbraid.data.studio.midi import score_from_midi
from unbraid.data.studio.mixing import Part, balanced, ducked, mastered
from unbraid.data.studio.mma import score_from_mma
from unbraid.data.studio.own_score import write_score
from unbraid.data.studio.score import Line, Score, humanised, key_name
from unbraid.data.studio.soundfont import Fonts
from unbraid.data.studio.vocals import vocal_parts
from unbraid.data.studio.voice import Voices

RATE = 44_100
_TAIL_S = 1.5
_MOST_OTHERS = 7
_SCORE_SHARES = (0.5, 0.3, 0.2)
# How songs of other people's styles and MIDI files are produced.
_PLAIN = replace(GENRES[0], name="plain", electronic=0.25, rap=0.05, sung=0.8, pump=0.06, loud=0.5)


@dataclass
class Studio:
    """What a process keeps between the songs of one split."""

    material: Material
    fonts: Fonts
    voices: Voices


def song_rng(seed: int, number: int) -> np.random.Generator:
    """The generator that decides everything about song ``number``."""
    return np.random.default_rng([seed, number])


def make_song(folder: Path, seed: int, number: int, studio: Studio) -> None:
    """Render one song into ``folder``."""
    rng = song_rng(seed, number)
    score = compose(studio.material, rng)
    genre = next((genre for genre in GENRES if genre.name == score.genre), _PLAIN)
    parts = render(score, genre, studio, rng)
    facts = {
        "kind": "studio", "seed": seed, "number": number, "style": score.style, "bpm": round(score.bpm, 2),
        "key": key_name(score.key, score.minor), "score": score.source, "score_licence": score.licence,
    }  # fmt: skip
    write_song(folder, parts, facts)


def compose(material: Material, rng: np.random.Generator) -> Score:
    """A score from patterns of our own, an accompaniment style, or a MIDI file."""
    kind = str(rng.choice(["own", "mma", "midi"], p=_SCORE_SHARES))
    if kind == "mma":
        return score_from_mma(material.split, rng)
    if kind == "midi" and material.midi:
        score = score_from_midi(material.midi[int(rng.integers(len(material.midi)))], rng)
        if score is not None:
            return score
    return write_score(rng)


def render(score: Score, genre: Genre, studio: Studio, rng: np.random.Generator) -> list[Part]:
    """All parts of the song, mixed and mastered."""
    room = effects.draw_room(rng)
    parts = drum_parts(score, genre, studio, room, rng)
    parts += pitched_parts(score, studio, room, rng)
    parts += vocal_parts(score, genre, studio.voices, room, score.seconds + _TAIL_S, rng)
    sounding = [part for part in parts if np.abs(part.samples).max() > 1e-5]
    mixed = balanced(sounding, rng)
    if rng.random() < genre.pump:
        kicks = [
            note.start_s
            for line in score.lines
            if line.role == "drums"
            for note in line.notes
            if note.pitch in (35, KICK)
        ]
        mixed = ducked(mixed, kicks, score.beat_s, rng)
    loud = rng.random() < genre.loud
    return mastered(mixed, float(rng.uniform(-11, -7.5) if loud else rng.uniform(-18, -11)))


def drum_parts(score: Score, genre: Genre, studio: Studio, room: effects.Room, rng: np.random.Generator) -> list[Part]:
    """One part for each piece of the kit, all from one kit and one room."""
    notes = [note for line in score.lines if line.role == "drums" for note in line.notes]
    if not notes:
        return []
    kit = cast_drums(studio.material, studio.fonts, genre.electronic, rng)
    hands = cast_percussion(studio.material, rng) or kit
    played = humanised(notes, rng, 0.0 if rng.random() < genre.electronic else 0.004)
    parts = []
    for piece in sorted({piece_of(note.pitch) for note in played}):
        line = [note for note in played if piece_of(note.pitch) == piece]
        source, licence, perform = hands if piece == "percussion" else kit
        samples = perform(line, score.seconds + _TAIL_S, rng)
        treated = effects.treat(samples, piece, "drums", room, score.beat_s, rng)
        if piece in ("percussion", "toms", "hihat", "cymbals"):
            treated = effects.panned(treated, float(rng.uniform(-0.5, 0.5)))
        parts.append(Part("drums", piece, treated, source, licence))
    return parts


def pitched_parts(score: Score, studio: Studio, room: effects.Room, rng: np.random.Generator) -> list[Part]:
    """Bass and the other instruments; lines with the same notes are a double-tracked pair, panned apart."""
    lines = [line for line in score.lines if line.role != "drums" and line.notes]
    basses = sorted((line for line in lines if line.role == "bass"), key=lambda line: -len(line.notes))[:1]
    others = [line for line in lines if line.role != "bass"][:_MOST_OTHERS]
    parts, places = [], _places(others, rng)
    for line, place in zip([*basses, *others], [0.0] * len(basses) + places, strict=True):
        player = cast_line(line, studio.material, studio.fonts, rng)
        parts.append(_pitched_part(line, player, place, score, room, rng))
    return parts


def _pitched_part(
    line: Line, player: Player, place: float, score: Score, room: effects.Room, rng: np.random.Generator
) -> Part:
    stem = "bass" if line.role == "bass" or (is_bass(line.program) and player.label.endswith("bass")) else "other"
    notes = humanised(line.notes, rng, 0.002 if player.source.startswith("own:synth") else 0.007)
    samples = player.perform(notes, score.seconds + _TAIL_S, rng)
    if stem == "bass":
        samples = effects.narrowed(samples, float(rng.uniform(0, 0.3)))
    elif abs(place) > 0.6:
        samples = effects.narrowed(samples, 0.2)
    treated = effects.treat(samples, player.label, stem, room, score.beat_s, rng)
    return Part(stem, player.label, effects.panned(treated, place), player.source, player.licence)


def _places(lines: list[Line], rng: np.random.Generator) -> list[float]:
    """Where each part stands from left to right; the second of a pair stands opposite the first."""
    places: list[float] = []
    for number, line in enumerate(lines):
        paired = number > 0 and line.notes is lines[number - 1].notes
        if paired:
            places[-1] = float(rng.uniform(0.6, 1.0) * rng.choice([-1, 1]))
            places.append(-places[-1])
        else:
            places.append(float(np.clip(rng.normal(0, 0.4), -0.9, 0.9)))
    return places
