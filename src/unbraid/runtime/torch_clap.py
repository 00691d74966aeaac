"""Words and clips as the queries that AudioSep understands: CLAP around its tokenizer and its sampling rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from unbraid.audio.resample import resample
from unbraid.errors import UsageError
from unbraid.signal import Samples, as_samples

if TYPE_CHECKING:
    from unbraid.nets.clap import ClapAudio, ClapText

RATE = 48_000
CLIP = 10 * RATE
_MOST_PIECES = 6


class Tokens(Protocol):
    """``ids[query, token]`` and ``mask``, 1 where there is one."""

    @property
    def ids(self) -> NDArray[np.int64]: ...

    @property
    def mask(self) -> NDArray[np.int64]: ...


class ClapEncoder:
    """``encode`` for texts and ``encode_clip`` for sounds, on the CPU; each part is loaded when it is first needed.

    size: of a query. load_text: gives the net for texts and its tokenizer. load_audio: gives the net for sounds.
    """

    def __init__(
        self,
        size: int,
        load_text: Callable[[], tuple[ClapText, Callable[[Sequence[str]], Tokens]]],
        load_audio: Callable[[], ClapAudio],
    ) -> None:
        self.size = size
        self._load_text, self._load_audio = load_text, load_audio

    @cached_property
    def _text(self) -> tuple[ClapText, Callable[[Sequence[str]], Tokens]]:
        return self._load_text()

    @cached_property
    def _audio(self) -> ClapAudio:
        return self._load_audio()

    def encode(self, texts: Sequence[str]) -> Samples:
        """``[query, size]``, each of length 1. A text is cut after 512 tokens. Raises UsageError for an empty one."""
        if not all(text.strip() for text in texts):
            raise UsageError("an empty text names no sound; say what to look for")
        if not texts:
            return np.zeros((0, self.size), np.float32)
        net, tokenize = self._text
        tokens = tokenize(texts)
        with torch.inference_mode():
            answer: Samples = net(torch.from_numpy(tokens.ids), torch.from_numpy(tokens.mask)).numpy()
        return answer

    def encode_clip(self, samples: object, rate: int) -> Samples:
        """``samples[channel, time]`` or ``[time]`` at ``rate`` Hz as a query ``[size]`` of length 1.

        CLAP hears one channel and 10 s. A shorter clip is repeated as often as it fits and followed by silence, as in
        its training. Of a longer one the original takes 10 s by chance; here pieces that are spread evenly over it are
        heard and their embeddings averaged, so that the same clip is always the same query.
        """
        clip = as_samples(samples).mean(0, keepdims=True)
        if not np.isfinite(clip).all() or not clip.any():
            raise UsageError("the clip is empty, silent or not finite; give one in which the sound can be heard")
        pieces = cut(resample(clip, rate, RATE)[0])
        with torch.inference_mode():
            each = self._audio(torch.from_numpy(pieces))
            answer: Samples = torch.nn.functional.normalize(each.mean(0), dim=0).numpy()
        return answer


def cut(samples: Samples) -> Samples:
    """``samples[time]`` at 48 kHz as pieces ``[piece, CLIP]``."""
    length = len(samples)
    if length <= CLIP:
        repeated = np.tile(samples, CLIP // length)
        return np.pad(repeated, (0, CLIP - len(repeated)))[None]
    pieces = min(_MOST_PIECES, -(-length // CLIP))
    starts = np.linspace(0, length - CLIP, pieces).round().astype(int)
    return np.stack([samples[start : start + CLIP] for start in starts])
