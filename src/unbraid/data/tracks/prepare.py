"""Songs of any layout made into the form that training reads, once.

All parts get one rate, two channels and one length. Where one is louder than full scale, all are turned down alike, so
that their sum stays the song. A song whose files are plain 16-bit stereo WAVs of the right rate is not copied: its
description points at them. What has been made is made again only if one of the files changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.audio.downmix import to_stereo
from unbraid.audio.read import open_audio
from unbraid.audio.resample import Resampler, resampled_length
from unbraid.data.cache import Cache, cache_folder, stamp
from unbraid.data.facts import FileFacts, file_facts
from unbraid.data.tracks.find import OnBroken, find_songs
from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.data.tracks.song import CHANNELS, Song, plain_header, read_song
from unbraid.data.tracks.write import DESCRIPTION, SongFolder
from unbraid.errors import AudioError
from unbraid.signal import Samples

try:
    import fcntl
except ImportError:  # Windows: two processes that prepare at once do the work twice, each whole
    fcntl = None  # type: ignore[assignment]  # the module is absent, and its use asks for that

RATE = 44_100
_ROOM = 0.999  # resampling may raise a peak a little; what still exceeds full scale is clipped
_UNEVEN_S = 0.1  # encoders pad by some milliseconds; more than this is a fault


def prepared(
    data: Path,
    split: str,
    on_broken: OnBroken | None = None,
    naming: Naming = USUAL,
    cache: Path | None = None,
    rate: int = RATE,
) -> list[Song]:
    """The songs of ``data``'s split ("train", "valid", "test"), by name, at ``rate`` Hz; made where they are not yet.

    cache: where converted songs and facts are kept, see :func:`~unbraid.data.cache.cache_folder`.
    A song that cannot be used raises AudioError, which names the file, or is told to ``on_broken``.
    """
    found = find_songs(data, naming, on_broken)[split]
    if not found:
        return []
    folder = cache_folder(data, cache)
    songs = []
    with _alone(folder):
        facts = Cache(folder / "facts.json")
        for each in found:
            try:
                songs.append(prepare(each, folder / "songs", facts, rate))
            except AudioError as error:
                if on_broken is None:
                    raise
                on_broken(error)
            finally:
                facts.save()
    return songs


def prepare(found: FoundSong, folder: Path, cache: Cache, rate: int = RATE) -> Song:
    """``found`` as a song below ``folder``; AudioError names the file that makes that impossible."""
    target = folder / f"{_slug(found.name)}-{_identity(found, rate)}"
    made_of = {str(part.file): stamp(part.file.path) for part in found.parts}
    if _is_fresh(target, made_of):
        return read_song(target)
    length_s, peak = _common(found, {part.file: file_facts(part.file, cache) for part in found.parts})
    with SongFolder(target, rate) as out:
        if not _point_at_files(found, out, rate):
            gain = np.float32(min(1.0, _ROOM / peak) if peak > 1 else 1.0)
            length = round(length_s * rate)
            for number, part in enumerate(found.parts):
                samples = load(part.file, rate, length) * gain
                out.add(f"{number:02d}-{_slug(part.label)}.wav", samples, part.stems, part.label, part.words)
        out.finish(found.kind, name=found.name, made_of=made_of)
    return read_song(target)


def load(file: SoundFile, rate: int, length: int | None = None) -> Samples:
    """The whole file as ``[2, time]`` at ``rate`` Hz, cut or continued with silence to ``length``."""
    with open_audio(file.path, file.stream) as reader:
        resampler: Resampler | None = None
        blocks = []
        for block in reader.blocks():
            stereo = np.broadcast_to(to_stereo(block, reader.layout)[0], (CHANNELS, block.shape[1]))
            resampler = resampler or Resampler(reader.rate, rate, CHANNELS)
            blocks.append(resampler.push(np.asarray(stereo)))
        if resampler is not None:
            blocks.append(resampler.flush(resampled_length(reader.length or 0, reader.rate, rate)))
    samples = np.concatenate([np.zeros((CHANNELS, 0), np.float32), *blocks], axis=1)
    missing = 0 if length is None else length - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing > 0 else samples[:, :length]


def _common(found: FoundSong, facts: dict[SoundFile, FileFacts]) -> tuple[float, float]:
    """Length in seconds and loudest peak of the parts; AudioError if they do not belong together."""
    for file, each in facts.items():
        if each.error:
            raise AudioError(each.error)
        if not each.samples:
            raise AudioError(f"{file}: holds no sound (zero samples)")
    (first, reference), *_ = facts.items()
    longest = max(each.seconds for each in facts.values())
    for file, each in facts.items():
        if each.rate != reference.rate and not found.uneven:
            raise AudioError(f"{file}: has {each.rate} Hz and {first} {reference.rate}; a song's files have one rate")
        if longest - each.seconds > _UNEVEN_S and not found.uneven:
            raise AudioError(f"{file}: is {each.seconds:.2f} s long and another of the song's files {longest:.2f} s")
    return longest, max(each.peak for each in facts.values())


def _point_at_files(found: FoundSong, out: SongFolder, rate: int) -> bool:
    """Describe the files as they are, if all are plain WAVs of one length at ``rate``; else False."""
    headers = [_header(part) for part in found.parts]
    if None in headers or len(set(headers)) != 1 or headers[0] is None or headers[0][0] != rate:
        return False
    for part in found.parts:
        out.mention(str(part.file.path.absolute()), headers[0][1], part.stems, part.label, part.words)
    return True


def _header(part: FoundPart) -> tuple[int, int] | None:
    return plain_header(part.file.path) if part.file.path.suffix.lower() == ".wav" else None


def _is_fresh(folder: Path, made_of: dict[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / DESCRIPTION).read_text("utf-8"))["made_of"] == made_of)
    except (OSError, ValueError, KeyError):
        return False


def _identity(found: FoundSong, rate: int) -> str:
    """Tells apart songs of one name, and one song under two naming tables."""
    what = [str(found.folder.absolute()), rate, [(str(part.file), sorted(part.stems)) for part in found.parts]]
    return hashlib.sha256(json.dumps(what).encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name.lower()).strip("-")[:60] or "song"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time; the others wait and find the work done."""
    with (folder / "lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
