"""The recorded voices: which packages hold them, which split each speaker belongs to, and their analysis on disk.

A voice is one package's set of one language, which is one speaker as far as the files tell, or one actor of a game. All
sets of one language go to one split, since one person may have read both games' words; so do an actor's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from unbraid.data.studio.voice_analysis import RATE, Frames, Syllable, Take, analyse, band_centres_hz, frame_level_db

VALID_LANGUAGES = frozenset({"da", "he", "lt", "sl"})
TEST_LANGUAGES = frozenset({"fr", "hu", "it", "uk", "wa"})
_VALID_ACTORS = frozenset({"Pirate", "Default_pl"})
_TEST_ACTORS = frozenset({"Surfer", "HillBilly"})
_SUNG = frozenset({"Singer"})  # this actor sings every line
SPLITS = ("train", "valid", "test")
_CACHE = "voice-bank"
_MOST_TAKES = 260
_FEWEST_FILES = 20  # the smallest ktuberling sets are 8 kHz or copies of each other
_FEWEST_SYLLABLES = 12


@dataclass(frozen=True)
class VoiceSource:
    """One speaker's recordings in the unpacked packages.

    ``weight`` is how often the voice is chosen beside others; ``sung`` says that the recordings are of singing.
    """

    name: str
    split: str
    licence: str
    files: tuple[Path, ...]
    weight: float = 1.0
    sung: bool = False


@dataclass(frozen=True)
class VoiceBank:
    """The analysed frames of one voice: all takes end to end, and their syllables.

    ``take_of[i]`` is the number of the recording that syllable ``i`` was cut from; syllables keep their order in it.
    ``files`` are the recordings and ``take_start`` their first frames; a voice by rule has no files.
    """

    name: str
    licence: str
    envelope_db: Frames
    noise: Frames
    f0_hz: Frames
    syllables: tuple[Syllable, ...]
    take_of: tuple[int, ...]
    files: tuple[str, ...] = ()
    take_start: tuple[int, ...] = ()
    sung: bool = False

    @cached_property
    def centre_hz(self) -> float:
        """Median pitch of the recordings."""
        return float(np.median(self.f0_hz[self.f0_hz > 0]))

    @cached_property
    def melody(self) -> NDArray[np.float64]:
        """Pitch of every frame [frame] in semitones above the voice's centre, carried through what is unvoiced."""
        voiced = np.flatnonzero(self.f0_hz > 0)
        semitones = 12 * np.log2(self.f0_hz[voiced] / self.centre_hz)
        return np.asarray(np.clip(np.interp(np.arange(len(self.f0_hz)), voiced, semitones), -9, 9))

    @cached_property
    def level_db(self) -> NDArray[np.float64]:
        """Level of every frame [frame]."""
        return frame_level_db(self.envelope_db)


def split_of(language: str) -> str:
    """The split that a language's speakers belong to: "train", "valid" or "test"."""
    base = re.split(r"[_@]", language)[0]
    return "test" if base in TEST_LANGUAGES else "valid" if base in VALID_LANGUAGES else "train"


def find_sources(assets: Path) -> list[VoiceSource]:
    """Every voice set in the unpacked packages (``assets/<package>/usr/share/...``), in a fixed order."""
    found = [
        *_language_sets(assets / "klettres-data/usr/share/klettres", "klettres", "GPL-2.0-or-later"),
        *_language_sets(assets / "ktuberling-data/usr/share/ktuberling/sounds", "ktuberling", "GPL-2.0-or-later"),
        *_fillets(assets / "fillets-ng-data-cs/usr/share/games/fillets-ng/sound"),
        *_hedgewars(assets / "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices"),
    ]
    return [source for source in found if len(source.files) >= _FEWEST_FILES]


def _language_sets(root: Path, package: str, licence: str) -> Iterator[VoiceSource]:
    for folder in sorted(path for path in root.glob("*") if path.is_dir() and path.name not in ("pics", "icons")):
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".wav", ".opus"))
        yield VoiceSource(f"{package}:{folder.name}", split_of(folder.name), licence, tuple(files))


def _fillets(root: Path) -> Iterator[VoiceSource]:
    """The two actors of the game's fish: files named ``...-m-...`` (small, she) and ``...-v-...`` (big, he)."""
    for letter in ("m", "v"):
        files = tuple(sorted(path for path in root.rglob("*.ogg") if f"-{letter}-" in path.name))
        yield VoiceSource(f"fillets:cs-{letter}", split_of("cs"), "GPL-2.0-only", files)


def _hedgewars(root: Path) -> Iterator[VoiceSource]:
    """The game's actors: shouts and short lines in several tempers, one of them a singer."""
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        name = folder.name
        split = "test" if name in _TEST_ACTORS else "valid" if name in _VALID_ACTORS else split_of(name.split("_")[-1])
        files = tuple(sorted(folder.glob("*.ogg")))
        sung = name in _SUNG
        yield VoiceSource(f"hedgewars:{name}", split, "GFDL-1.3", files, weight=4.0 if sung else 1.0, sung=sung)


def read_mono(path: Path) -> NDArray[np.float32]:
    """Samples ``[time]`` at 44.1 kHz, channels averaged."""
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return mono if rate == RATE else np.asarray(soxr.resample(mono, rate, RATE), dtype=np.float32)


def load_bank(source: VoiceSource, assets: Path) -> VoiceBank | None:
    """The analysed voice, from the cache beside the assets or made now; None if too few syllables can be used."""
    cache = assets / _CACHE / f"{source.name.replace(':', '-')}.npz"
    if not cache.exists():
        _write(cache, _analyse_all(source.files, assets))
    with np.load(cache, allow_pickle=False) as held:
        if len(held["syllables"]) < _FEWEST_SYLLABLES:
            return None
        bank = _bank(source.name, source.licence, dict(held))
    files = tuple(str(assets / file) for file in bank.files)
    return replace(bank, envelope_db=_steady_top(bank.envelope_db), files=files, sung=source.sung)


def _steady_top(envelope_db: Frames, from_hz: float = 9500.0, frames: int = 7) -> Frames:
    """Even out the top bands over 35 ms: what lossy codecs leave there switches on and off from frame to frame."""
    top = int(np.searchsorted(band_centres_hz(), from_hz))
    padded = np.pad(envelope_db[:, top:], ((frames // 2, frames // 2), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    smooth = (sums[frames:] - sums[:-frames]) / frames
    return np.concatenate([envelope_db[:, :top], smooth.astype(np.float32)], axis=1)


def bank_of(name: str, licence: str, takes: Iterable[Take]) -> VoiceBank:
    """A voice out of takes in memory."""
    return _bank(name, licence, join_takes(takes))


def _bank(name: str, licence: str, held: Mapping[str, NDArray[np.generic]]) -> VoiceBank:
    return VoiceBank(
        name,
        licence,
        held["envelope_db"].astype(np.float32),
        held["noise"].astype(np.float32),
        held["f0_hz"].astype(np.float32),
        tuple(Syllable(*(int(edge) for edge in row)) for row in held["syllables"].astype(np.int64)),
        tuple(int(number) for number in held["take_of"].astype(np.int64)),
        tuple(str(file) for file in held.get("files", ())),
        tuple(int(frame) for frame in held["take_start"].astype(np.int64)),
    )


def _analyse_all(files: tuple[Path, ...], assets: Path) -> dict[str, NDArray[np.generic]]:
    """Analyse at most ``_MOST_TAKES`` recordings, spread evenly over the list."""
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, _MOST_TAKES).astype(int))]
    takes, names = [], []
    for path in chosen:
        try:
            take = analyse(read_mono(path))
        except sf.LibsndfileError:
            continue  # a few packages ship files that libsndfile cannot read; the voice has others
        if take is not None:
            takes.append(take)
            names.append(path.relative_to(assets).as_posix())
    return join_takes(takes) | {"files": np.array(names, dtype=np.str_)}


def join_takes(takes: Iterable[Take]) -> dict[str, NDArray[np.generic]]:
    """Takes end to end as plain arrays; each take is brought to one level so that syllables of a voice agree."""
    envelopes, noises, pitches, table, take_of, starts, at = [], [], [], [], [], [], 0
    for number, take in enumerate(takes):
        loudest = frame_level_db(take.envelope_db).max()
        envelopes.append((take.envelope_db - loudest).astype(np.float16))
        noises.append(take.noise.astype(np.float16))
        pitches.append(take.f0_hz.astype(np.float32))
        table += [(s.start + at, s.vowel + at, s.coda + at, s.end + at) for s in take.syllables]
        take_of += [number] * len(take.syllables)
        starts.append(at)
        at += len(take.f0_hz)
    empty = np.zeros((0, 1), dtype=np.float16)
    return {
        "envelope_db": np.concatenate(envelopes or [empty]),
        "noise": np.concatenate(noises or [empty]),
        "f0_hz": np.concatenate(pitches or [np.zeros(0, dtype=np.float32)]),
        "syllables": np.array(table, dtype=np.int32).reshape(-1, 4),
        "take_of": np.array(take_of, dtype=np.int32),
        "take_start": np.array(starts, dtype=np.int32),
    }


def _write(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]  # numpy's stub takes every keyword for allow_pickle
    partial.replace(path)
