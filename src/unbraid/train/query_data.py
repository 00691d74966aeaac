"""Training examples for the head that answers words: a stretch of a song, and several questions about it.

A song's parts carry labels ("snare", "string ensemble 1"), which the list of sounds knows. The target of a sound is the
sum of all parts that are it or a part of it, so "strings" holds the violin, while "violin" does not hold the strings.
A sound is absent where no part is it, a part of it, or so general that it might hold it: a song with "percussion" may
have a shaker.

A question is one of many ways of saying a sound, or two sounds of one stem at once, asked of its stem or of the mix.
Beside the questions every sound is called once, for whether it is heard: that costs a net little, so all can be learned
from at once. What can be heard is told by energy, high frequencies lifted by the difference of neighbouring samples.

Songs with a harp are few. Guests, parts of other songs, bring rare sounds into more company than they were written for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from unbraid.data.sample import readable
from unbraid.data.tracks import Part, Song, read_part
from unbraid.errors import UsageError
from unbraid.query.encoder import TextEncoder
from unbraid.query.sounds import Sound, chain, home, of_label, sounds
from unbraid.signal import Samples

HEARD, AUDIBLE = 3e-3, 1e-5  # of energy: of the mix at the same time, and of its mean

TEMPLATES = ("{}", "the {}", "{} part", "{} track", "a {}", "some {}", "the sound of the {}", "only the {}")


@dataclass(frozen=True)
class Asking:
    """How examples are drawn.

    absent: share of questions for what is not there. two: of those for two sounds. mix: of those asked of the mix.
    drop_part: chance that a part is left out. gain_db: of each part, within plus and minus. silent: energy below which,
    relative to the mix, a sound is not there in a stretch. guest: chance of a part of another song, and of a second.
    mono: chance of a recording in mono.
    """

    absent: float = 0.3
    two: float = 0.15
    mix: float = 0.2
    drop_part: float = 0.1
    gain_db: float = 4.0
    silent: float = 1e-4
    guest: float = 0.5
    mono: float = 0.15


@dataclass(frozen=True)
class Questions:
    """``mix[batch, channel, time]``, ``target[batch, query, channel, time]``, ``query[batch, query, words + stem]``,
    ``weights[batch, query, stem]`` of the stems that are asked, and ``present[batch, query]``, 1 or 0.

    called: ``[batch, sound, words + stem]``, every sound that can be asked for. known: ``[batch, sound]``, 1 where it
    is certain whether it is there. heard: ``[batch, sound, token]``, 1 where it has at least -25 dB of the mix's energy
    in a token of two hops, and -50 dB of its mean.
    """

    mix: Samples
    target: Samples
    query: Samples
    weights: Samples
    present: Samples
    called: Samples
    known: Samples
    heard: Samples


@dataclass(frozen=True)
class Labelled:
    """A song all of whose parts have a known sound. parts: each with its sound."""

    song: Song
    parts: tuple[tuple[Part, Sound], ...]

    @property
    def present(self) -> list[str]:
        """The sounds that can be asked for: those of the parts and what they are parts of, whole stems left out."""
        names = {name for _, sound in self.parts for name in chain(sound)}
        return sorted(name for name in names if sounds()[name].whole is not None)

    def parts_of(self, name: str) -> list[Part]:
        return [part for part, sound in self.parts if name in chain(sound)]

    def absent(self, name: str) -> bool:
        """Whether it is certain that the song has no ``name``."""
        own = {sound.name for _, sound in self.parts}
        general = {each for each in chain(sounds()[name]) if sounds()[each].whole is not None}
        return not self.parts_of(name) and not own & general


def labelled(songs: Sequence[Song]) -> list[Labelled]:
    """The songs that can be learned from."""
    found = []
    for song in songs:
        known = [(part, of_label(part.label)) for part in song.parts]
        if all(sound is not None and len(part.stems) == 1 for part, sound in known):
            found.append(Labelled(song, tuple((part, sound) for part, sound in known if sound is not None)))
    return found


class QuerySampler:
    """Draws batches from ``songs`` for a trunk with ``stems``.

    hops: of a piece, an odd number. hop: in samples.
    """

    def __init__(
        self, songs: Sequence[Song], stems: Sequence[str], hops: int, hop: int, encoder: TextEncoder, asking: Asking
    ) -> None:
        self._songs, self._stems, self._length, self._hop = labelled(songs), tuple(stems), hops * hop, hop
        self._encoder, self._asking = encoder, asking
        if not self._songs:
            raise UsageError(f"none of {len(songs)} songs has only parts with labels that unbraid knows")
        counts = Counter(name for song in self._songs for name in song.present)
        # Rare sounds are asked for more often than they occur, and less often than if all were equal.
        self._rarity = {name: count**-0.5 for name, count in counts.items()}
        self._encoded: dict[str, Samples] = {}
        self._called = [name for name, sound in sounds().items() if sound.whole is not None]
        self.place = {name: number for number, name in enumerate(self._called)}
        """The number of each sound that is called."""
        self._with = {name: [song for song in self._songs if name in song.present] for name in counts}

    @property
    def query_size(self) -> int:
        return self._encoder.size + len(self._stems)

    @property
    def any_song(self) -> Song:
        """One of those that are drawn from."""
        return self._songs[0].song

    def batch(self, seed: Sequence[int], size: int, queries: int) -> Questions:
        """``size`` stretches with ``queries`` questions each, each stretch from a generator of ``(*seed, item)``."""
        rows = [readable(lambda rng: self._example(rng, queries), [*seed, item]) for item in range(size)]
        return Questions(*(np.stack(column) for column in zip(*rows, strict=True)))

    def _example(self, rng: Generator, queries: int) -> tuple[Samples, ...]:
        host = self._songs[rng.integers(len(self._songs))]
        waves = self._waves(rng, host, host.parts)
        song = host
        for _ in range(2):
            if rng.random() < self._asking.guest:
                guest, parts = self.guest(rng)
                waves |= self._waves(rng, guest, parts)
                song = Labelled(host.song, (*song.parts, *parts))
        if rng.random() < self._asking.mono:
            waves = {path: np.repeat(wave.mean(0, keepdims=True), 2, axis=0) for path, wave in waves.items()}
        mix: Samples = np.sum(np.stack(list(waves.values())), axis=0)
        asked = [self.question(rng, song) for _ in range(queries)]
        target = np.zeros((queries, *mix.shape), np.float32)
        for row, (names, _, _) in enumerate(asked):
            heard = {part.path for name in names for part in song.parts_of(name)}
            for path in heard:
                target[row] += waves[path]
        energy = np.square(target).sum((1, 2)) / max(float(np.square(mix).sum()), 1e-9)
        weights = np.stack([weight for _, _, weight in asked])
        query = np.concatenate([self._encoder.encode([text for _, text, _ in asked]), weights], 1)
        present: Samples = (energy > self._asking.silent).astype(np.float32)
        return mix, target, query, weights, present, *self._roll_call(rng, song, waves, mix)

    def _roll_call(
        self, rng: Generator, song: Labelled, waves: dict[Path, Samples], mix: Samples
    ) -> tuple[Samples, ...]:
        """What :class:`Questions` has of every sound."""
        energy = {path: self._energy(wave) for path, wave in waves.items()}
        whole = self._energy(mix)
        least = HEARD * whole + AUDIBLE * whole.mean()
        heard = np.zeros((len(self._called), len(whole)), np.float32)
        for row, name in enumerate(self._called):
            parts = song.parts_of(name)
            if parts:
                heard[row] = sum(energy[part.path] for part in parts) > least
        return *self.call(rng, song), heard

    def call(self, rng: Generator, song: Labelled) -> tuple[Samples, Samples]:
        """Every sound's query ``[sound, words + stem]``, and ``[sound]``, 1 where it is certain whether it is there."""
        known = [bool(song.parts_of(name)) or song.absent(name) for name in self._called]
        weights = np.stack([self._asked_of(rng, name) for name in self._called])
        texts = [said(rng, sounds()[name]) for name in self._called]
        return np.concatenate([self.vectors(texts), weights], 1), np.array(known, np.float32)

    def vectors(self, texts: Sequence[str]) -> Samples:
        """``[text, words]``, kept: to encode some hundred texts anew took a third of the time of an example."""
        new = [text for text in texts if text not in self._encoded]
        if new:
            self._encoded.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._encoded[text] for text in texts])

    def _energy(self, wave: Samples) -> Samples:
        """``[channel, time]`` to ``[token]``: token k is the two frames around ``(2 k + 1/2) hop``."""
        lifted = np.diff(wave, axis=1, prepend=wave[:, :1])
        padded = np.pad(np.square(lifted).sum(0), self._hop // 2)
        energy: Samples = padded.reshape(-1, 2 * self._hop).sum(1)
        return energy

    def _waves(self, rng: Generator, song: Labelled, parts: Sequence[tuple[Part, Sound]]) -> dict[Path, Samples]:
        """Every part's wave in one stretch of ``song``, by its path."""
        start = int(rng.integers(max(1, song.song.samples - self._length)))
        return {part.path: self._wave(rng, part, start) for part, _ in parts}

    def guest(self, rng: Generator) -> tuple[Labelled, tuple[tuple[Part, Sound], ...]]:
        """A song, and the first of its parts that is a sound drawn by its rarity."""
        name = self._pick(rng, list(self._rarity))
        song = self._with[name][rng.integers(len(self._with[name]))]
        return song, next((pair,) for pair in song.parts if name in chain(pair[1]))

    def _wave(self, rng: Generator, part: Part, start: int) -> Samples:
        gain = 10 ** (rng.uniform(-1, 1) * self._asking.gain_db / 20) * (rng.random() >= self._asking.drop_part)
        return read_part(part, start, self._length) * np.float32(gain)

    def question(self, rng: Generator, song: Labelled) -> tuple[list[str], str, Samples]:
        """The sounds, the text, and a weight for each stem."""
        asking = self._asking
        if rng.random() < asking.absent:
            names = [self._absent(rng, song)]
        else:
            names = [self._pick(rng, song.present)]
            stem = home(sounds()[names[0]], self._stems)
            others = [each for each in song.present if each not in names and home(sounds()[each], self._stems) == stem]
            if others and rng.random() < asking.two:
                names.append(self._pick(rng, others))
        weights = self._asked_of(rng, names[0])
        return names, " and ".join(said(rng, sounds()[name]) for name in names), weights

    def _asked_of(self, rng: Generator, name: str) -> Samples:
        """A weight for each stem: of that of ``name``, or of all."""
        stem = home(sounds()[name], self._stems)
        of_mix = stem is None or rng.random() < self._asking.mix
        return np.array([1.0 if of_mix else float(each == stem) for each in self._stems], np.float32)

    def _absent(self, rng: Generator, song: Labelled) -> str:
        """A sound that the song lacks: mostly one that other songs have, lest the head answer out of habit."""
        pool = list(self._rarity) if rng.random() < 0.7 else [n for n, s in sounds().items() if s.whole is not None]
        lacking = [name for name in pool if song.absent(name)] or [n for n in sounds() if song.absent(n)]
        return lacking[rng.integers(len(lacking))]

    def _pick(self, rng: Generator, names: Sequence[str]) -> str:
        chances = np.array([self._rarity.get(name, 1.0) for name in names])
        return names[int(rng.choice(len(names), p=chances / chances.sum()))]


def said(rng: Generator, sound: Sound) -> str:
    """One of the ways of saying ``sound`` that are for training."""
    way = sound.said[rng.integers(len(sound.said))]
    return TEMPLATES[rng.integers(len(TEMPLATES))].format(way)
