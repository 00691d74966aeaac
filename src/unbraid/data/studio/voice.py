"""A singer for the studio: notes in, a dry mono line out.

Voices are recordings of speech made to sing (``voice_bank``, ``voice_analysis``) and singers by rule
(``voice_formant``); both are frames that ``voice_phrase`` bends to notes and ``voice_synth`` sounds. Only phrases are
synthesised; rests are zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unbraid.data.studio.voice_analysis import FRAME_S, RATE
from unbraid.data.studio.voice_bank import SPLITS, VoiceBank, VoiceSource, find_sources, load_bank
from unbraid.data.studio.voice_breath import breath
from unbraid.data.studio.voice_formant import rule_voice
from unbraid.data.studio.voice_phrase import HOLD, phrase_frames
from unbraid.data.studio.voice_pitch import Note
from unbraid.data.studio.voice_speech import rap, speak
from unbraid.data.studio.voice_style import Style, draw_style, second_take
from unbraid.data.studio.voice_synth import synthesise
from unbraid.errors import UsageError

Role = Literal["lead", "double", "harmony", "rap", "spoken"]
_REST_S = 0.4
_LEVEL = 0.1
_RULE_SHARE = 0.28
_AS_RECORDED = 0.6
_KEPT_BANKS = 8


@dataclass(frozen=True)
class VoicePart:
    """A sung line: ``samples`` float32 [time], mono, dry, 44.1 kHz, near -20 dB RMS while it sounds, and its source.

    The rest is what another line needs to be sung with the same words by the same singer (``sing_part(like=...)``).
    """

    samples: NDArray[np.float32]
    source: str
    licence: str
    bank: VoiceBank = field(repr=False)
    style: Style = field(repr=False)
    notes: tuple[Note, ...] = field(repr=False)
    lyric: tuple[int, ...] = field(repr=False)


@dataclass
class Voices:
    """The voices of one split; recorded ones are read from disk (or analysed) when first sung."""

    split: str
    assets: Path | None = None
    sources: list[VoiceSource] = field(default_factory=list)
    _banks: dict[str, VoiceBank | None] = field(default_factory=dict, repr=False)

    def pick(self, rng: np.random.Generator, pitch: float) -> VoiceBank:
        """A voice that can sing around MIDI ``pitch``: mostly recorded ones whose speech lies some semitones below."""
        left = list(self.sources)
        if rng.random() < _RULE_SHARE:
            left = []
        while left:
            chosen = left.pop(int(rng.choice(len(left), p=self._weights(left))))
            bank = self.bank(chosen)
            if bank is not None and (not left or rng.random() < fit(bank, pitch)):
                return bank
        return rule_voice(self._rule_number(rng))

    def bank(self, source: VoiceSource) -> VoiceBank | None:
        """The voice of ``source``; the last few are kept, since one takes up to 90 MB."""
        if source.name not in self._banks and self.assets is not None:
            while len(self._banks) >= _KEPT_BANKS:
                del self._banks[next(iter(self._banks))]
            self._banks[source.name] = load_bank(source, self.assets)
        return self._banks.get(source.name)

    def _rule_number(self, rng: np.random.Generator) -> int:
        """A number whose last digit says the split, so that no rule voice is in two splits."""
        digit = {"train": int(rng.integers(8)), "valid": 8, "test": 9}[self.split]
        return int(rng.integers(100_000)) * 10 + digit

    @staticmethod
    def _weights(sources: list[VoiceSource]) -> NDArray[np.float64]:
        weights = np.array([source.weight for source in sources])
        return np.asarray(weights / weights.sum())


def fit(bank: VoiceBank, pitch: float) -> float:
    """How well a speaker can sing at MIDI ``pitch``, 0 to 1: speech lies about 5 semitones below easy singing."""
    speech = 69 + 12 * np.log2(bank.centre_hz / 440)
    return float(np.exp(-(((pitch - speech - 5) / 6) ** 2)))


def load_voices(assets: Path, split: str) -> Voices:
    """The voices of ``split`` in the unpacked packages below ``assets``; without packages the rule voices remain.

    Raises:
        UsageError: ``split`` is none of train, valid, test.
    """
    if split not in SPLITS:
        raise UsageError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}")
    return Voices(split, assets, [source for source in find_sources(assets) if source.split == split])


def sing_part(
    notes: Sequence[Note],
    seconds: float,
    rng: np.random.Generator,
    voices: Voices,
    *,
    role: Role = "lead",
    like: VoicePart | None = None,
) -> VoicePart:
    """Sing ``notes`` (start s, end s, MIDI pitch; in order, one at a time) over a song of ``seconds``.

    Args:
        role: "lead"; "double" and "harmony" of the line ``like``: the same singer and words, sung once more;
            "harmony" without ``like`` is a wordless or worded backing singer; "rap" is speech in the notes' rhythm;
            "spoken" is a called or shouted line where notes begin after a rest.
        like: the line that is doubled or harmonised. Words are matched by the notes' start times.
    """
    held = sorted((float(s), float(e), float(p)) for s, e, p in notes if e > s and s < seconds)
    length = round(seconds * RATE)
    if like is not None:
        return _sing_again(held, length, like, rng, role)
    pitch = float(np.median([note[2] for note in held])) if held else 60.0
    bank, style = voices.pick(rng, pitch), draw_style(rng, role)
    recorded = bank.files and (role in ("rap", "spoken") or (role == "lead" and bank.sung))
    if recorded and (role == "spoken" or rng.random() < _AS_RECORDED):
        samples = speak(held, length, bank, rng) if role == "spoken" else rap(held, length, bank, rng)
        samples *= _LEVEL / max(_rms(samples), 1e-6)
        return VoicePart(samples, bank.name, bank.licence, bank, style, tuple(held), ())
    if role in ("rap", "spoken"):
        lyric = _spoken_lyric(held, bank, rng)
        held = [(s, e, _speech_pitch(bank, p, pitch)) for s, e, p in held]
    else:
        lyric = _lyric(held, bank, style, rng, role)
    samples = _sing(held, lyric, length, bank, style, rng, role)
    return VoicePart(samples, bank.name, bank.licence, bank, style, tuple(held), tuple(lyric))


def _sing_again(notes: list[Note], length: int, like: VoicePart, rng: np.random.Generator, role: Role) -> VoicePart:
    """The line ``like`` once more on ``notes``; a line that was cut from recordings is shifted and detuned instead."""
    if not like.lyric:
        samples = _detuned(like.samples, length, rng)
        return VoicePart(samples, like.source, like.licence, like.bank, like.style, like.notes, ())
    style, lyric = second_take(like.style, rng), _matched_lyric(notes, like, rng)
    late = [(max(s + rng.normal(0, 0.012), 0.0), e + rng.normal(0, 0.015), p) for s, e, p in notes]
    held = [(s, max(e, s + 0.05), p) for s, e, p in late]
    samples = _sing(held, lyric, length, like.bank, style, rng, role)
    return VoicePart(samples, like.source, like.licence, like.bank, style, tuple(held), tuple(lyric))


def _detuned(samples: NDArray[np.float32], length: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``samples`` 10 to 30 ms later and up to a tenth of a semitone off, by a delay that swings slowly."""
    time = np.arange(length)
    rate, depth = rng.uniform(0.1, 0.4), rng.uniform(20, 90)
    delay = rng.uniform(0.01, 0.03) * RATE + depth * np.sin(2 * np.pi * (rate * time / RATE + rng.random()))
    return np.interp(time - delay, np.arange(len(samples)), samples, left=0.0).astype(np.float32)


def phrases(notes: Sequence[Note], rest_s: float = _REST_S) -> list[slice]:
    """Runs of notes without a rest of ``rest_s`` between them."""
    cuts = [i for i in range(1, len(notes)) if notes[i][0] - notes[i - 1][1] > rest_s]
    edges = [0, *cuts, len(notes)]
    return [slice(a, b) for a, b in pairwise(edges) if b > a]


def _sing(
    notes: list[Note],
    lyric: list[int],
    length: int,
    bank: VoiceBank,
    style: Style,
    rng: np.random.Generator,
    role: Role,
) -> NDArray[np.float32]:
    """All phrases at their places in ``length`` samples; each phrase ends before the next one begins."""
    sound = np.zeros(length, dtype=np.float32)
    for phrase in phrases(notes):
        part = notes[phrase]
        begin = max(part[0][0] - 0.18, 0.0)
        frames = int((part[-1][1] + 0.25 - begin) / FRAME_S) + 1
        local = [(s - begin, e - begin, p) for s, e, p in part]
        voiced = phrase_frames(local, lyric[phrase], frames, bank, style, rng, spoken=role in ("rap", "spoken"))
        wave = synthesise(voiced, rng, style.rough)
        wave *= _LEVEL * 10 ** (rng.normal(0, 1.2) / 20) / max(_rms(wave), 1e-6)
        wave *= _edges(len(wave))
        _add(sound, wave, round(begin * RATE))
        if begin > 0.3:
            _add_breath(sound, begin, style, rng)
    return sound


def _add_breath(sound: NDArray[np.float32], begin: float, style: Style, rng: np.random.Generator) -> None:
    """A breath that ends just before ``begin`` seconds, where the line is silent."""
    wave = breath(rng.uniform(0.15, 0.4), rng) * (_LEVEL * 10 ** (style.breaths_db / 20))
    start = round((begin + 0.05) * RATE) - len(wave)
    if start > 0 and not sound[start : start + len(wave) // 2].any():
        _add(sound, wave, start)


def _add(sound: NDArray[np.float32], wave: NDArray[np.float32], start: int) -> None:
    stop = min(start + len(wave), len(sound))
    if stop > start:
        sound[start:stop] += wave[: stop - start]


def _edges(length: int, fade: int = 220) -> NDArray[np.float32]:
    gain = np.ones(length, dtype=np.float32)
    fade = min(fade, length // 2)
    gain[:fade] = np.linspace(0, 1, fade)
    gain[length - fade :] = np.linspace(1, 0, fade)
    return gain


def _rms(wave: NDArray[np.float32]) -> float:
    """Root mean square of what is louder than a fortieth of the peak."""
    loud = wave[np.abs(wave) > 0.025 * float(np.abs(wave).max(initial=0.0))]
    return float(np.sqrt(np.mean(loud**2))) if len(loud) else 0.0


def _lyric(notes: list[Note], bank: VoiceBank, style: Style, rng: np.random.Generator, role: Role) -> list[int]:
    """A syllable for each note; HOLD for a melisma. The words recur; a backing singer may have a single one."""
    words = rng.integers(len(bank.syllables), size=int(rng.integers(6, 40)))
    if role == "harmony" and rng.random() < 0.5:
        words = words[:1]
    lyric: list[int] = []
    for number, note in enumerate(notes):
        near = number > 0 and note[0] - notes[number - 1][1] < 0.05 and abs(note[2] - notes[number - 1][2]) > 0.4
        lyric.append(HOLD if near and rng.random() < style.melisma else int(words[number % len(words)]))
    return lyric


def _spoken_lyric(notes: list[Note], bank: VoiceBank, rng: np.random.Generator) -> list[int]:
    """Syllables in the order they were spoken in, take after take."""
    lyric: list[int] = []
    takes = np.asarray(bank.take_of)
    while len(lyric) < len(notes):
        lyric += [int(i) for i in np.flatnonzero(takes == rng.choice(takes))]
    return lyric[: len(notes)]


def _matched_lyric(notes: list[Note], like: VoicePart, rng: np.random.Generator) -> list[int]:
    """The syllable that ``like`` sings when each note starts; a note that it holds is held here too."""
    starts = np.array([note[0] for note in like.notes])
    lyric: list[int] = []
    for number, note in enumerate(notes):
        near = int(np.argmin(np.abs(starts - note[0]))) if len(starts) else -1
        syllable = like.lyric[near] if near >= 0 else int(rng.integers(len(like.bank.syllables)))
        if syllable == HOLD and number == 0:
            syllable = next((s for s in reversed(like.lyric[:near]) if s != HOLD), 0)
        lyric.append(syllable)
    return lyric


def _speech_pitch(bank: VoiceBank, pitch: float, middle: float) -> float:
    """MIDI pitch of a rapped note: a lively speaking voice that follows the notes a little."""
    speech = 69 + 12 * np.log2(bank.centre_hz / 440)
    return float(speech + 3 + np.clip(0.3 * (pitch - middle), -3, 3))
