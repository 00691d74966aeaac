"""Songs once more, with effects and codecs in them: for training that makes its examples where neither can be made.

Training on a processor draws them anew for every example (:mod:`unbraid.data.augment`). A GPU that mixes its own
examples (``run.resident``) plays neither pedalboard nor FFmpeg, and a net that has heard neither loses on real songs,
so here both are done beforehand: each part of a song through a chain of its own, and now and then the song's parts
through one codec.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator

from unbraid.data.codec import CODECS, Codec, check_codecs, draw_codec, through_codec
from unbraid.data.effects import Chain, check_names, draw_chain, through_effects
from unbraid.data.tracks import Part, Song, read_part, scan
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.data.tracks.write import SongFolder
from unbraid.errors import UsageError
from unbraid.signal import Samples


@dataclass(frozen=True)
class Settings:
    """copies: new songs for each song. effect_chance: of a chain for a part; effects: presets to choose from, all if
    empty. codec_chance: of a codec for a song, at ``codec_kbps``.
    """

    copies: int = 1
    effect_chance: float = 0.5
    effects: tuple[str, ...] = ()
    codec_chance: float = 0.15
    codecs: tuple[str, ...] = CODECS
    codec_kbps: tuple[float, float] = (48.0, 256.0)

    def __post_init__(self) -> None:
        for name in ("effect_chance", "codec_chance"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise UsageError(f"{name} is {value}; it is a chance, from 0 to 1")
        if self.copies < 1:
            raise UsageError(f"copies is {self.copies}; it must be 1 or more")
        # Whatever draws would find, but only once they draw it.
        check_names(self.effects)
        check_codecs(self.codecs, self.codec_kbps)


USUAL_SETTINGS = Settings()


def effected(
    data: Path,
    out: Path,
    settings: Settings = USUAL_SETTINGS,
    seed: int = 0,
    split: str = "train",
    on_step: Callable[[str], None] | None = None,
    naming: Naming = USUAL,
    cache: Path | None = None,
) -> list[Path]:
    """Write ``settings.copies`` changed songs for every song of ``data``'s ``split`` to ``out/split``.

    Returns the folders. A song depends on its original's place among the songs by name, the copy's number and the seed;
    one that is there already is kept. ``on_step`` hears a sentence for every song. UsageError if there are no songs, or
    if they lie in ``out``, where the new ones would be taken for originals the next time.
    """
    tell = on_step or (lambda line: None)
    if out.resolve() == data.resolve():
        raise UsageError(f"{out}: is where the songs come from; give another folder for the new ones")
    songs = scan(data, split, lambda error: tell(f"left out: {error}"), naming, cache)
    if not songs:
        raise UsageError(f"{data}: has no songs with known stems in {split}; see docs/data.md for the layouts")
    made = []
    for number, song in enumerate(songs):
        for copy in range(settings.copies):
            folder = out / split / f"{song.folder.name}-effects{copy}"
            if not folder.exists():
                _make(folder, song, settings, [seed, number, copy])
            made.append(folder)
            tell(f"{len(made)}/{len(songs) * settings.copies} {folder.name}")
    return made


def _make(folder: Path, song: Song, settings: Settings, seed: list[int]) -> None:
    rng = np.random.default_rng(seed)
    chains = [_chain(part, settings, rng) for part in song.parts]
    coded = rng.random() < settings.codec_chance
    codec = draw_codec(rng, settings.codecs, settings.codec_kbps) if coded else None
    changed = [partial(_changed, song, part, chain, codec) for part, chain in zip(song.parts, chains, strict=True)]
    # Parts are kept as 16 bits: what rose above full scale turns all of the song down, lest the balance change. Each
    # part is made twice for that, since all of a long song's at once are too many for the memory.
    gain = np.float32(1 / max(1.0, *(float(np.abs(make()).max(initial=0)) for make in changed)))
    with SongFolder(folder, song.rate) as out:
        for number, (part, chain, make) in enumerate(zip(song.parts, chains, changed, strict=True)):
            name = f"{number:02d}-{part.path.stem}.wav"
            out.add(name, make() * gain, part.stems, part.label, part.words, effects=_told(chain))
        coded_by = None if codec is None else asdict(codec)
        out.finish(song.kind, source=song.id, codec=coded_by, seed=seed, settings=asdict(settings))


def _chain(part: Part, settings: Settings, rng: Generator) -> Chain | None:
    if rng.random() >= settings.effect_chance:
        return None
    return draw_chain(rng, part.stems, settings.effects)


def _changed(song: Song, part: Part, chain: Chain | None, codec: Codec | None) -> Samples:
    wave = read_part(part, 0, song.samples)
    if chain:
        wave = through_effects(wave, chain, song.rate)
    return through_codec(wave, codec, song.rate) if codec else wave


def _told(chain: Chain | None) -> list[dict[str, Any]]:
    return [{"plugin": plugin, **dict(numbers)} for plugin, numbers in chain or ()]
