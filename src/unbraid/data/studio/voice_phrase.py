"""Notes, syllables and a style -> the frames of one sung phrase.

Consonants keep their length and come before the beat, as singers place them; the vowel fills the note by wandering
slowly through its steady part; a melisma holds one vowel over several notes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.voice_analysis import BANDS, FRAME_S, NOISE_BANDS, Frames, Syllable, band_centres_hz, mel
from unbraid.data.studio.voice_bank import VoiceBank
from unbraid.data.studio.voice_pitch import Note, pitch_contour
from unbraid.data.studio.voice_style import Style
from unbraid.data.studio.voice_synth import VoiceFrames

HOLD = -1
"""In a lyric: this note goes on with the syllable before."""
_SILENT_DB = -120.0
_LONGEST_ONSET, _LONGEST_CODA = 28, 34


def phrase_frames(
    notes: list[Note],
    lyric: list[int],
    frames: int,
    bank: VoiceBank,
    style: Style,
    rng: np.random.Generator,
    spoken: bool = False,
) -> VoiceFrames:
    """Frames of a phrase whose notes start and end in seconds from frame 0; ``lyric`` has a syllable number a note.

    ``spoken``: syllables keep about their own length and the melody of the speech, moved to the notes' pitch.
    """
    pitch = pitch_contour(notes, frames, rng, style)
    canvas = _Canvas(frames)
    groups = _groups(notes, lyric)
    for number, (start, end, syllable) in enumerate(groups):
        follows = groups[number + 1][0] if number + 1 < len(groups) else frames
        source = bank.syllables[syllable]
        if spoken:
            end = min(end, start + max(int(1.15 * (source.coda - source.vowel)), 12))
        canvas.paint(bank, source, start, end, follows, rng)
    if spoken:
        pitch = pitch + canvas.melody
    factor = bent(style)
    envelope = warp(canvas.envelope_db, factor, 0.012 * _drift(frames, rng))
    effort = _effort(notes, pitch, rng)
    envelope += _colour(style, pitch, effort) + canvas.gain_db[:, None]
    envelope[~canvas.used] = _SILENT_DB
    rough = _fry(notes, frames, style, rng)
    noise = _noisiness(canvas.noise, style)
    return VoiceFrames(envelope, noise, 440 * 2 ** ((pitch - 69) / 12), canvas.voiced & canvas.used, rough)


def _groups(notes: list[Note], lyric: list[int]) -> list[tuple[int, int, int]]:
    """(first frame, last frame, syllable) of every sung syllable: a note and those that hold it."""
    groups: list[tuple[int, int, int]] = []
    for (start, end, _), syllable in zip(notes, lyric, strict=True):
        first, last = round(start / FRAME_S), max(round(end / FRAME_S), round(start / FRAME_S) + 8)
        if syllable == HOLD and groups:
            groups[-1] = (groups[-1][0], last, groups[-1][2])
        else:
            groups.append((first, last, max(syllable, 0)))
    return groups


class _Canvas:
    """Frames of a phrase while syllables are painted onto it, each fading into what is there."""

    def __init__(self, frames: int) -> None:
        self.envelope_db = np.full((frames, BANDS), _SILENT_DB, dtype=np.float32)
        self.noise = np.zeros((frames, NOISE_BANDS), dtype=np.float32)
        self.gain_db = np.zeros(frames, dtype=np.float32)
        self.melody = np.zeros(frames)
        self.voiced = np.zeros(frames, dtype=bool)
        self.used = np.zeros(frames, dtype=bool)

    def paint(
        self, bank: VoiceBank, syllable: Syllable, start: int, end: int, follows: int, rng: np.random.Generator
    ) -> None:
        """Paint one syllable: onset before frame ``start``, vowel to ``end``, coda as far as ``follows`` lets it."""
        onset = min(syllable.vowel - syllable.start, _LONGEST_ONSET, start)
        coda = max(min(syllable.end - syllable.coda, follows - end - 2, _LONGEST_CODA), 0)
        vowel = vowel_map(syllable, end - start, rng)
        source = np.concatenate(
            [np.arange(syllable.vowel - onset, syllable.vowel), vowel, np.arange(syllable.coda, syllable.coda + coda)]
        )
        first = start - onset
        source = source[: len(self.used) - first]
        place = slice(first, first + len(source))
        whole = np.minimum(source.astype(int), len(bank.f0_hz) - 1)
        core = (source >= syllable.vowel) & (source < syllable.coda)
        fade = np.ones(len(source), dtype=np.float32)
        covered = min(int(self.used[place].sum()), 10)
        fade[:covered] = np.linspace(0, 1, covered)
        fade = np.where(self.used[place], fade, 1.0)[:, None]
        self.envelope_db[place] += fade * (_rows(bank.envelope_db, source) - self.envelope_db[place])
        self.noise[place] += fade * (_rows(bank.noise, source) - self.noise[place])
        gain = _level(bank, syllable, source, core, rng)
        self.gain_db[place] += fade[:, 0] * (gain - self.gain_db[place])
        self.melody[place] += fade[:, 0] * (bank.melody[whole] - self.melody[place])
        self.voiced[place] = core | (bank.f0_hz[whole] > 0)
        self.used[place] = True


def vowel_map(syllable: Syllable, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Which source frame each of ``frames`` vowel frames shows: a natural attack and release, a slow wander between."""
    begin, stop = syllable.vowel, syllable.coda
    length = stop - begin
    attack, release = int(min(0.35 * length, 16, 0.4 * frames)), int(min(0.25 * length, 14, 0.3 * frames))
    middle = frames - attack - release
    steady = (begin + attack, stop - release)
    if middle <= steady[1] - steady[0]:
        path = np.linspace(*steady, max(middle, 1))
    else:
        low = steady[0] + 0.2 * (steady[1] - steady[0])
        high = steady[0] + 0.7 * (steady[1] - steady[0])
        turns = np.linspace(0, 1, middle) * max(1.0, middle / 60) + 0.15 * _drift(middle, rng)
        path = high - (high - low) * np.abs(turns % 2 - 1)
        join = min(24, middle // 3)
        path[:join] = np.linspace(steady[0], path[join - 1], join)
        path[-join:] = np.linspace(path[-join], steady[1], join)
    parts = [np.arange(begin, begin + attack), path[: max(middle, 0)], np.linspace(steady[1], stop - 1, release)]
    return np.concatenate(parts)[:frames]


def bent(style: Style) -> NDArray[np.float64]:
    """Stretch factor of each band [BANDS]: the style's warp, bent by two slow waves over 0 to 8 kHz (mel)."""
    along = np.minimum(np.arange(BANDS) / (0.72 * BANDS), 1.0)
    wave = style.throat * np.sin(np.pi * along) + style.mouth * np.sin(2 * np.pi * along)
    return np.asarray(style.warp * np.exp(wave))


def warp(envelope_db: Frames, factor: NDArray[np.float64] | float, drift: NDArray[np.float64]) -> Frames:
    """Stretch the frequency axis by ``factor`` (one, or one for each band) times (1 + ``drift`` [frame])."""
    scale = factor * (1 + drift)[:, None]
    places = np.clip(mel(band_centres_hz() / scale) / mel(band_centres_hz()[-1]) * (BANDS - 1), 0, BANDS - 1.001)
    low = places.astype(int)
    part = (places - low).astype(np.float32)
    row = np.arange(len(envelope_db))[:, None]
    return np.asarray(envelope_db[row, low] * (1 - part) + envelope_db[row, low + 1] * part)


def _level(
    bank: VoiceBank, syllable: Syllable, source: NDArray[np.float64], core: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Gain in dB that brings the syllable's vowel to one level, evens it out and shapes it over the note."""
    levels = np.interp(source, np.arange(syllable.start, syllable.end), bank.level_db[syllable.start : syllable.end])
    top = float(bank.level_db[syllable.vowel : syllable.coda].max())
    even = np.where(core, np.clip(0.7 * (top - levels), 0, 16), 0.0)
    even = np.convolve(np.pad(even, 4, mode="edge"), np.full(9, 1 / 9), mode="valid")
    arc = rng.uniform(0, 2.5) * np.sin(np.pi * np.linspace(0, 1, len(source)))
    return np.asarray(even - 0.9 * top + arc + rng.uniform(-3, 1.5), dtype=np.float32)


def _effort(notes: list[Note], pitch: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Effort of each frame, about -1 to 1: it rises with pitch and wavers with the phrase."""
    middle = float(np.median([note[2] for note in notes]))
    return np.asarray(np.clip((pitch - middle) / 9, -1, 1.3) + 0.25 * _drift(len(pitch), rng))


def _colour(style: Style, pitch: NDArray[np.float64], effort: NDArray[np.float64]) -> Frames:
    """Spectral change [frame, BANDS] in dB that register and effort make."""
    hz = band_centres_hz()
    octaves = np.log2(np.maximum(hz, 250) / 1000)
    strain = style.tension + 0.35 * effort
    flatter = np.where(octaves > -1, np.minimum(octaves + 1, 3.2), 0.0)  # dB an octave of effort, up to 4.5 kHz
    ring = np.exp(-0.5 * ((hz - 3000 * style.warp**0.5) / 550) ** 2)
    bright = np.exp(-0.5 * ((hz - 1800) / 900) ** 2)
    air = np.clip(np.log2(hz / 7000), 0, 1)
    fixed = style.tilt_db * octaves * 0.6 + style.ring_db * ring + style.air_db * air
    moving = strain[:, None] * (3.2 * flatter + 2.5 * bright - 1.5) + 3.0 * effort[:, None]
    above = np.maximum(np.log2(hz / (1.4 * 440 * 2 ** ((pitch[:, None] - 69) / 12))), 0)
    return np.asarray(fixed + moving - style.falsetto * 6.0 * np.minimum(above, 3), dtype=np.float32)


def _noisiness(noise: Frames, style: Style) -> Frames:
    """Noise share with breath added in the upper bands and, for a clear voice, taken away."""
    rise = np.linspace(0.15, 1, NOISE_BANDS, dtype=np.float32)
    clear = noise * (1 - style.clarity * 0.75)
    return np.asarray(clear + (1 - clear) * style.breath * rise)


def _fry(notes: list[Note], frames: int, style: Style, rng: np.random.Generator) -> NDArray[np.float64]:
    """Depth of the subharmonic [frame]: the style's own, and creak at the start or end of some phrases."""
    depth = style.rough.subharmonic * np.clip(0.8 + 0.4 * _drift(frames, rng), 0, 1.2)
    for at, chance in ((notes[0][0], style.fry), (notes[-1][1], style.fry)):
        if rng.random() < chance:
            middle = at / FRAME_S
            near = np.clip(1 - np.abs(np.arange(frames) - middle) / rng.uniform(12, 30), 0, 1)
            depth = np.maximum(depth, rng.uniform(0.3, 0.8) * near)
    return np.clip(depth, 0, 0.9)


def _drift(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Slow noise of about unit variance, 0.3 s wide."""
    kernel = np.hanning(123)
    kernel /= np.sqrt(np.sum(kernel**2))
    return np.asarray(np.convolve(rng.normal(size=frames + len(kernel) - 1), kernel, mode="valid"))


def _rows(rows: Frames, places: NDArray[np.float64]) -> Frames:
    places = np.clip(places, 0, len(rows) - 1)
    low = np.minimum(places.astype(int), len(rows) - 2)
    part = (places - low).astype(np.float32)[:, None]
    return np.asarray(rows[low] * (1 - part) + rows[low + 1] * part)
