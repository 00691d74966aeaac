"""Training examples for a net that is asked: a mixture of two sounds, one of them, and its words or its own sound.

The sounds are captioned clips, ``train.json`` or ``train.csv`` in the data's folder (see unbraid.data.tracks.captions),
as AudioSep learns from; or, where there is no such table, the parts of songs whose labels unbraid knows ("snare"), each
asked for in one of the many ways of saying it.

Whether words or sounds are asked with is drawn once a batch (Liu et al. 2023, "Separate Anything You Describe", and the
published code's ``use_text_ratio``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator

from unbraid.data.clips import ClipSampler
from unbraid.data.tracks import Song, scan
from unbraid.data.tracks.captions import Clip, clips
from unbraid.data.tracks.find import OnBroken
from unbraid.errors import UsageError
from unbraid.query.encoder import TableEncoder, TextEncoder
from unbraid.query.sounds import of_label, sounds
from unbraid.runtime.torch_clap import ClapEncoder
from unbraid.signal import Samples
from unbraid.train.query_data import said
from unbraid.train.recipe import AskingSection
from unbraid.zoo.encoder import clap_encoder

_CLIP = "captioned clip"
"""The kind of a song that is one captioned sound."""


@dataclass(frozen=True)
class Asked:
    """mixture, target: ``[batch, 1, time]`` at the sounds' rate. query: ``[batch, embedding]``."""

    mixture: Samples
    target: Samples
    query: Samples


def asked_songs(root: Path, split: str, rate: int, on_broken: OnBroken) -> list[Song]:
    """The clips of the table ``split`` in ``root`` at ``rate`` Hz, each as a song of one part; else the songs there."""
    tables = (root / f"{split}.json", root / f"{split}.csv")
    table = next((path for path in tables if path.is_file()), None)
    if table is None:
        return scan(root, split, on_broken)
    return [_as_song(clip, rate) for clip in clips(table, rate, on_broken)]


def labelled_clips(songs: Sequence[Song]) -> list[Clip]:
    """Every part of ``songs`` that has one name, with its caption or the name of its sound."""
    found = []
    for song in songs:
        for part in song.parts:
            sound = None if song.kind == _CLIP else of_label(part.label)
            if song.kind == _CLIP:
                found.append(Clip(part, part.label, song.samples))
            elif sound is not None and len(part.stems) == 1:
                found.append(Clip(part, sound.name, song.samples))
    return found


@lru_cache(maxsize=1)
def encoder_for(clap: Path | None, tokenizer: Path | None, size: int) -> TextEncoder | ClapEncoder:
    """CLAP of the checkpoint ``clap``, or without one the table of words in the package; UsageError if not of ``size``.

    Kept, since a run asks again at every validation and CLAP takes seconds to read.
    """
    encoder = TableEncoder() if clap is None else clap_encoder(clap, size, tokenizer)
    if encoder.size != size:
        raise UsageError(
            f"net.config.embedding is {size}, and the table of words has {encoder.size} numbers a word; "
            f"set net.config.embedding to {encoder.size}, or give asking.clap, the checkpoint of CLAP"
        )
    return encoder


class AskedSampler:
    """Draws mixtures of ``length`` samples from the sounds of ``songs``, for a net with queries of ``embedding``."""

    def __init__(self, songs: Sequence[Song], length: int, embedding: int, asking: AskingSection) -> None:
        self._mixtures = ClipSampler(labelled_clips(songs), length, asking.mixing)
        self._encoder = encoder_for(asking.clap, asking.tokenizer, embedding)
        self._rate, self._text_share = songs[0].rate, asking.text_share
        self._captioned = any(song.kind == _CLIP for song in songs)

    def batch(self, seed: Sequence[int], size: int) -> Asked:
        """``size`` examples, which follow from ``seed`` alone."""
        drawn = self._mixtures.batch(seed, size)
        # No item has the number ``size``, so this generator is nobody else's.
        rng = np.random.default_rng([*seed, size])
        by_text = rng.random() < self._text_share
        texts = [self._said(rng, caption) for caption in drawn.captions]
        query = self._encoder.encode(texts) if by_text else self._heard(drawn.target, texts)
        return Asked(drawn.mixture, drawn.target, query)

    def _said(self, rng: Generator, caption: str) -> str:
        return caption if self._captioned else said(rng, sounds()[caption])

    def _heard(self, targets: Samples, texts: Sequence[str]) -> Samples:
        """``targets[batch, 1, time]`` as queries; silence, which sounds like nothing, by its text."""
        encoder = self._encoder
        assert isinstance(encoder, ClapEncoder), "the recipe asks for sounds only where there is CLAP"
        return np.stack(
            [
                encoder.encode_clip(target, self._rate) if target.any() else encoder.encode([text])[0]
                for target, text in zip(targets, texts, strict=True)
            ]
        )


def _as_song(clip: Clip, rate: int) -> Song:
    part = replace(clip.part, label=clip.caption)
    return Song(part.path.stem, part.path.parent, _CLIP, rate, clip.samples, (part,))
