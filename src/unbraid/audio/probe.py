"""What a sound file is, without reading all of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from unbraid.audio.decode import Decoder
from unbraid.audio.frames import Layout, used_bits
from unbraid.audio.tags import Tags, read_tags

_PREROLL = slice(10, 12)
"""Where an Opus header (RFC 7845, section 5.1) says how many samples at the beginning are not to be played."""


@dataclass(frozen=True)
class Probe:
    """The facts of a sound file.

    container, codec: as FFmpeg names them. rate: Hz. layout: names of the channels, empty if the file does not say.
    samples_hint: length as the header has it, None if it has none; it may be a guess, and a header may lie.
    bits: of integer PCM (8, 16, 24, 32), None for floats and lossy codecs. is_float: PCM of floats, which may exceed 1.
    """

    path: str | os.PathLike[str]
    container: str
    codec: str
    rate: int
    channels: int
    layout: Layout
    samples_hint: int | None
    bits: int | None
    is_float: bool
    tags: Tags

    @property
    def seconds_hint(self) -> float | None:
        return None if self.samples_hint is None else self.samples_hint / self.rate


def probe(path: str | os.PathLike[str]) -> Probe:
    """Look at the header and decode the first frame.

    Raises AudioError in one line that names the file and the reason: missing, a folder, not readable, empty, not a
    sound file, no audio stream, zero samples.
    """
    with Decoder(path) as decoder:
        first, codec = decoder.first, decoder.stream.codec_context.name
        return Probe(
            path=path,
            container=decoder.container.format.name,
            codec=codec,
            rate=first.rate,
            channels=len(first.numbers),
            layout=first.layout,
            samples_hint=_samples_hint(decoder),
            bits=used_bits(first.numbers),
            is_float=first.numbers.dtype.kind == "f" and codec.startswith(("pcm_", "wavpack")),
            tags=read_tags(path),
        )


def _samples_hint(decoder: Decoder) -> int | None:
    stream, rate = decoder.stream, decoder.first.rate
    if stream.duration and stream.time_base:
        samples = round(stream.duration * stream.time_base * rate)
    elif decoder.container.duration:
        samples = round(decoder.container.duration * rate / 1_000_000)
    else:
        return None
    if decoder.kind == "ogg" and stream.codec_context.name == "opus" and stream.codec_context.extradata:
        samples -= int.from_bytes(stream.codec_context.extradata[_PREROLL], "little")
    return max(samples, 1)
