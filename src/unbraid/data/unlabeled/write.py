"""Excerpts as songs of one part, the sum of all stems but the absent one: what the sampler calls weakly labelled."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unbraid.data.tracks.found import STEMS, SoundFile
from unbraid.data.tracks.prepare import RATE, load
from unbraid.data.tracks.write import SongFolder
from unbraid.data.unlabeled.excerpts import Excerpt


def write_excerpts(excerpts: Sequence[Excerpt], out: Path, split: str = "train") -> list[Path]:
    """Write every excerpt to ``out/split`` as a song; returns the folders. One that is there already is kept.

    It is the sum of all stems but the absent one, whichever of them were looked for.

    Two sources absent from the same stretch leave one song each: their members overlap, and the sampler takes either.
    Raises AudioError for a file that is broken or gone.
    """
    folders = []
    for file in dict.fromkeys(each.file for each in excerpts):
        mine = [(each, out / split / _name(each)) for each in excerpts if each.file == file]
        folders += [folder for _, folder in mine]
        if all(folder.exists() for _, folder in mine):
            continue
        wave = load(SoundFile(Path(file)), RATE)
        gain = np.float32(min(1.0, 0.999 / max(float(np.abs(wave).max(initial=0)), 1e-9)))
        for each, folder in mine:
            cut = wave[:, round(each.start_s * RATE) : round(each.end_s * RATE)] * gain
            with SongFolder(folder, RATE) as song:
                song.add("rest.wav", cut, frozenset(STEMS) - {each.absent}, f"song without {each.absent}", source=file)
                song.finish("unlabeled", absent=each.absent, start_s=each.start_s)
    return folders


def _name(excerpt: Excerpt) -> str:
    digest = hashlib.sha256(excerpt.file.encode("utf-8", "surrogateescape")).hexdigest()[:10]
    return f"no-{excerpt.absent}-{digest}-{round(excerpt.start_s * 10):06d}"
