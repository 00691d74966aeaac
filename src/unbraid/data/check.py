"""``unbraid data check``: what is wrong with a folder of songs, file by file.

A fault that makes a song unusable: a file that is broken or missing, of another rate or length than the rest, or
shifted against it; a stem that is missing. The rest is only said: a part that is silent or clipped, one sound in two
places, a mixture that is not the sum of its parts (training uses the sum), a file that no name explains.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from unbraid.data.agreement import Agreement, agreement
from unbraid.data.cache import Cache, cache_folder, stamp
from unbraid.data.facts import FileFacts, file_facts
from unbraid.data.tracks.find import find_songs
from unbraid.data.tracks.found import STEMS, FoundSong, SoundFile
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.errors import AudioError, UsageError


@dataclass(frozen=True)
class Limits:
    """From where on something is a fault.

    stems: that every song must have. uneven_s: by how much lengths may differ, for encoders pad. silent_db: a part
    whose loudest second is below it is silent. clipped: so many runs of samples at full scale are too many.
    mixture_db: error of the sum of parts against the mixture, from which it is said; lossy files of one song are about
    -25 dB off.
    """

    stems: tuple[str, ...] = STEMS
    uneven_s: float = 0.1
    silent_db: float = -60.0
    clipped: int = 10
    mixture_db: float = -30.0


@dataclass(frozen=True)
class Fault:
    """kind: "corrupt", "wrong-rate", "unequal-length", "misaligned", "missing-stem", "unreadable-song", and those that
    leave the song usable: "damaged", "silent", "clipped", "duplicate", "mixture", "unknown-name", "odd-rate"."""

    song: str
    file: str
    kind: str
    what: str
    unusable: bool = False


@dataclass(frozen=True)
class Checked:
    """All faults, and how much there is: split -> songs and hours."""

    faults: tuple[Fault, ...]
    songs: dict[str, int]
    hours: dict[str, float]

    @property
    def unusable(self) -> tuple[str, ...]:
        """Names of songs that cannot be trained on."""
        return tuple(dict.fromkeys(fault.song for fault in self.faults if fault.unusable))


def check(
    data: Path,
    limits: Limits = Limits(),
    naming: Naming = USUAL,
    cache: Path | None = None,
    on_song: Callable[[str, int, int], None] | None = None,
) -> Checked:
    """Look at every file of every song below ``data``; what was seen is kept, so a second look is quick.

    on_song: told name, number and count as songs are looked at. UsageError if there is no song at all.
    """
    broken: list[AudioError] = []
    found = find_songs(data, naming, broken.append)
    songs = [(split, song) for split, each in found.items() for song in each]
    if not songs and not broken:
        raise UsageError(f"{data} holds no songs with known stems; see docs/data.md for the layouts, and --stems")
    kept = Cache(cache_folder(data, cache) / "facts.json")
    faults = [Fault("", str(error).partition(":")[0], "unreadable-song", str(error), True) for error in broken]
    looked: list[tuple[FoundSong, dict[SoundFile, FileFacts]]] = []
    hours: dict[str, float] = defaultdict(float)
    for number, (split, song) in enumerate(songs, start=1):
        facts = {file: file_facts(file, kept) for file in song.files}
        faults += song_faults(song, facts, limits, kept)
        hours[split] += max((each.seconds for each in facts.values()), default=0.0) / 3600
        looked.append((song, facts))
        kept.save()
        if on_song is not None:
            on_song(song.name, number, len(songs))
    faults += [*_duplicates(looked), *_odd_rates(looked)]
    counts = {split: len(each) for split, each in found.items()}
    return Checked(tuple(faults), counts, {split: round(hours[split], 3) for split in found})


def song_faults(
    song: FoundSong, facts: dict[SoundFile, FileFacts], limits: Limits, cache: Cache | None = None
) -> Iterator[Fault]:
    """What is wrong within one song."""
    name = song.name
    for stem in song.missing(limits.stems):
        yield Fault(name, str(song.folder), "missing-stem", f"has no file for {stem}", True)
    for path in song.unknown:
        yield Fault(name, str(path), "unknown-name", "is named like no stem, or is in another file, and passed over")
    for file, each in facts.items():
        if each.error:
            yield Fault(name, str(file), "corrupt", each.error, True)
        for warning in each.warnings:
            yield Fault(name, str(file), "damaged", warning)
        if each.clipped > limits.clipped:
            yield Fault(name, str(file), "clipped", f"is clipped in {each.clipped} places")
        if not each.error and max(each.levels_db, default=-100.0) < limits.silent_db:
            yield Fault(name, str(file), "silent", f"is silent (no second above {limits.silent_db:g} dB)")
    whole = {file: each for file, each in facts.items() if not each.error}
    odd = [*_rates(song, whole), *_lengths(song, whole, limits)]
    yield from odd
    if song.mixture in whole and len(whole) == len(facts) and not odd:
        yield from _sums(song, whole, limits, cache)


def _rates(song: FoundSong, facts: dict[SoundFile, FileFacts]) -> Iterator[Fault]:
    """Files of another rate than most of their song."""
    usual = statistics.mode([each.rate for each in facts.values()]) if facts else 0
    for file, each in facts.items():
        if each.rate != usual:
            told = f"has {each.rate} Hz and the song's other files {usual}"
            yield Fault(song.name, str(file), "wrong-rate", told, not song.uneven)


def _lengths(song: FoundSong, facts: dict[SoundFile, FileFacts], limits: Limits) -> Iterator[Fault]:
    """Files that are shorter or longer than most of their song."""
    if not facts or song.uneven:
        return
    usual = statistics.median_high([each.seconds for each in facts.values()])
    for file, each in facts.items():
        if abs(each.seconds - usual) > limits.uneven_s:
            told = f"is {each.seconds:.2f} s long and the song's other files {usual:.2f} s"
            yield Fault(song.name, str(file), "unequal-length", told, True)


def _sums(song: FoundSong, facts: dict[SoundFile, FileFacts], limits: Limits, cache: Cache | None) -> Iterator[Fault]:
    """Parts that are shifted, or a mixture that is something else than their sum."""
    assert song.mixture is not None
    key, stamps = f"sum {song.folder.absolute()}", [[str(file), stamp(file.path)] for file in song.files]
    kept = cache.get(key, stamps) if cache else None
    mixture = facts[song.mixture]
    found = Agreement(**kept) if kept else agreement(song, mixture.samples, mixture.rate, limits.mixture_db)
    if cache and not kept:
        cache.put(key, stamps, asdict(found))
    for file, late in found.shifted.items():
        told = (
            f"is misaligned: {abs(late)} samples too {'late' if late > 0 else 'early'} ({late / mixture.rate:+.4f} s)"
        )
        yield Fault(song.name, file, "misaligned", told, True)
    if found.error_db > limits.mixture_db and not found.shifted:
        told = f"is not the sum of the stems: {found.error_db:g} dB of it is something else"
        yield Fault(song.name, str(song.mixture), "mixture", told)


def _duplicates(songs: Sequence[tuple[FoundSong, dict[SoundFile, FileFacts]]]) -> Iterator[Fault]:
    """Files that hold the very samples of an earlier one; silence is no duplicate."""
    first: dict[str, str] = {}
    for song, facts in songs:
        for file, each in facts.items():
            if each.error or each.peak == 0:
                continue
            if each.digest in first:
                yield Fault(song.name, str(file), "duplicate", f"holds the same sound as {first[each.digest]}")
            first.setdefault(each.digest, str(file))


def _odd_rates(songs: Sequence[tuple[FoundSong, dict[SoundFile, FileFacts]]]) -> Iterator[Fault]:
    """Songs of another rate than most; they are converted, which costs nothing but says something."""
    rates = {song.folder: {each.rate for each in facts.values() if not each.error} for song, facts in songs}
    known = [rate for each in rates.values() for rate in each]
    usual = statistics.mode(known) if known else 0
    for song, _ in songs:
        if len(rates[song.folder]) == 1 and rates[song.folder] != {usual}:
            (rate,) = rates[song.folder]
            yield Fault(song.name, str(song.folder), "odd-rate", f"has {rate} Hz, most songs {usual}; it is converted")
