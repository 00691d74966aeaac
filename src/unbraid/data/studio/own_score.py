"""Songs of our own making: a style, a form of sections with more or less energy, and the parts that play in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unbraid.data.studio import playing
from unbraid.data.studio.drum_patterns import GROOVES, KICK, section_notes
from unbraid.data.studio.genres import GENRES, Genre, Layer
from unbraid.data.studio.harmony import chord_of, draw_progression, scale_of
from unbraid.data.studio.melody import write_tune
from unbraid.data.studio.score import Chord, Line, Note, Score

_FORMS = (
    (("intro", 0.3), ("verse", 0.5), ("chorus", 0.9), ("verse", 0.6), ("chorus", 1.0)),
    (("verse", 0.5), ("chorus", 0.9), ("bridge", 0.2), ("chorus", 1.0)),
    (("chorus", 0.9), ("verse", 0.5), ("chorus", 1.0)),
    (("intro", 0.15), ("verse", 0.4), ("build", 0.65), ("chorus", 1.0)),
    (("verse", 0.6), ("verse", 0.75), ("chorus", 1.0)),
)


@dataclass(frozen=True)
class Section:
    """``bars`` bars from ``start_s`` on; ``energy`` 0 to 1 decides who plays and how hard."""

    name: str
    energy: float
    start_s: float
    bars: int


def draw_genre(rng: np.random.Generator) -> Genre:
    weights = np.array([genre.weight for genre in GENRES])
    return GENRES[int(rng.choice(len(GENRES), p=weights / weights.sum()))]


def write_score(
    rng: np.random.Generator, genre: Genre | None = None, target_s: tuple[float, float] = (32, 48)
) -> Score:
    """A song of about ``target_s`` seconds in a style (drawn if None)."""
    genre = genre or draw_genre(rng)
    bpm = float(rng.uniform(*genre.bpm))
    beat_s = 60 / bpm
    key, minor = int(rng.integers(12)), bool(rng.random() < genre.minor)
    sections = _form(rng.uniform(*target_s), 4 * beat_s, rng)
    chords = _chords(sections, key, minor, beat_s, rng)
    drums = _drums(genre, sections, beat_s, rng)
    lines = [Line("drums", drums), _bass(genre, sections, chords, minor, beat_s, drums, rng)]
    seconds = sections[-1].start_s + sections[-1].bars * 4 * beat_s + 1.5
    sung = _sung(sections, beat_s, rng)
    score = Score(genre.name, genre.name, bpm, key, minor, seconds, chords, lines, "own patterns", "MIT", sung)
    for layer in _drawn_layers(genre, rng):
        notes = _layer_notes(layer, sections, score, rng)
        lines += [Line(layer.role, notes, layer.family) for _ in range(2 if layer.twice else 1) if notes]
    return score


def _form(seconds: float, bar_s: float, rng: np.random.Generator) -> list[Section]:
    form = _FORMS[int(rng.integers(len(_FORMS)))]
    bars = max(round(seconds / bar_s / len(form) / 2) * 2, 2)
    return [Section(name, energy, number * bars * bar_s, bars) for number, (name, energy) in enumerate(form)]


def _chords(sections: list[Section], key: int, minor: bool, beat_s: float, rng: np.random.Generator) -> list[Chord]:
    """One chord a bar; sections of one name share their progression."""
    progressions: dict[str, tuple[str, ...]] = {}
    chords = []
    for section in sections:
        numerals = progressions.setdefault(section.name, draw_progression(rng, minor))
        for bar in range(section.bars):
            root, tones = chord_of(numerals[bar % len(numerals)], key)
            chords.append(Chord(section.start_s + bar * 4 * beat_s, root, tones))
    return chords


def _drums(genre: Genre, sections: list[Section], beat_s: float, rng: np.random.Generator) -> list[Note]:
    grooves = GROOVES[genre.groove]
    chosen: dict[str, int] = {}
    notes: list[Note] = []
    for section in sections:
        if section.energy < 0.4 and rng.random() < 0.45:
            continue  # the drums wait
        groove = grooves[chosen.setdefault(section.name, int(rng.integers(len(grooves))))]
        swing = genre.swing
        notes += section_notes(groove, section.bars, section.start_s, beat_s, swing, section.energy, rng)
    return sorted(notes)


def _bass(
    genre: Genre, sections: list[Section], chords: list[Chord], minor: bool, beat_s: float, drums: list[Note],
    rng: np.random.Generator,
) -> Line:  # fmt: skip
    family = genre.bass_families[int(rng.integers(len(genre.bass_families)))]
    style = genre.basses[int(rng.integers(len(genre.basses)))]
    kicks = [note.start_s for note in drums if note.pitch == KICK]
    notes: list[Note] = []
    for section in sections:
        if section.energy < 0.4 and rng.random() < 0.5:
            continue
        pick = int(rng.integers(8))
        for chord in _within(chords, section, beat_s):
            varied = pick + int(rng.random() < 0.25)
            notes += playing.bass_bar(
                style, chord.root, 3 in chord.tones or minor, chord.start_s, beat_s, kicks, varied
            )
    return Line("bass", notes, family)


def _drawn_layers(genre: Genre, rng: np.random.Generator) -> list[Layer]:
    """Layers by their chances, at least one, at most six."""
    drawn = [layer for layer in genre.layers if rng.random() < layer.chance]
    return (drawn or [genre.layers[int(rng.integers(len(genre.layers)))]])[:6]


def _layer_notes(layer: Layer, sections: list[Section], score: Score, rng: np.random.Generator) -> list[Note]:
    beat_s = score.beat_s
    pattern, low = int(rng.integers(1000)), int(rng.choice([48, 60, 60, 72]))
    scale = scale_of(score.minor, pentatonic=rng.random() < 0.6)
    riff_low = 40 if layer.family == "distorted guitar" else low
    riff = playing.make_riff(scale, score.key, riff_low, beat_s, rng)
    notes: list[Note] = []
    previous: list[int] | None = None
    for section in sections:
        playing_now = section.energy >= layer.from_energy and rng.random() < 0.88
        if not playing_now:
            continue
        if layer.role == "lead":
            span = [(section.start_s, section.start_s + section.bars * 4 * beat_s)]
            notes += [Note(s, e, p, int(rng.integers(84, 118))) for s, e, p in write_tune(score, span, 58, 82, rng)]
            continue
        varied = pattern if section.name != "chorus" else pattern + 3
        for chord in _within(score.chords, section, beat_s):
            at = chord.start_s
            if layer.role == "strum":
                notes += playing.strum_bar(chord, at, beat_s, varied, rng)
            elif layer.role == "power":
                notes += playing.power_bar(chord, at, beat_s, varied)
            elif layer.role == "arpeggio":
                notes += playing.arpeggio_bar(chord, at, beat_s, varied, low)
            elif layer.role == "riff":
                notes += riff(chord, at)
            elif layer.role == "pad":
                played, previous = playing.pad_bar(chord, at, beat_s, previous)
                notes += played
            else:
                played, previous = playing.comp_bar(chord, at, beat_s, varied, previous)
                notes += played
    return sorted(notes)


def _sung(sections: list[Section], beat_s: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Where a singer may sing: verses and choruses, seldom intros and bridges."""
    spans = []
    for section in sections:
        if section.name in ("verse", "chorus") or rng.random() < 0.3:
            spans.append((section.start_s, section.start_s + section.bars * 4 * beat_s))
    return spans


def _within(chords: list[Chord], section: Section, beat_s: float) -> list[Chord]:
    end = section.start_s + section.bars * 4 * beat_s - 1e-6
    return [chord for chord in chords if section.start_s - 1e-6 <= chord.start_s < end]
