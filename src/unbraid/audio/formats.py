"""What each format can hold, and who encodes it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol, get_args

from unbraid.audio.ffmpeg import AAC_BLOCK, FLAC, M4A, MP3, OPUS, FfmpegEncoder, Sound
from unbraid.audio.resample import resampled_length
from unbraid.audio.tags import Tags
from unbraid.audio.vorbis import VorbisEncoder
from unbraid.audio.wav import WavEncoder
from unbraid.errors import OutputError
from unbraid.signal import Samples

Format = Literal["wav", "flac", "mp3", "ogg", "opus", "m4a"]
Depth = Literal[16, 24, "float32"]

AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_RATES: dict[str, tuple[int, ...]] = {
    "mp3": (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    "m4a": AAC_RATES,
    "opus": (48000,),
}
_VORBIS_RATES = (8000, 192_000)
BITRATES_KBPS = {"mp3": 320, "ogg": 256, "opus": 192, "m4a": 256}
"""What is taken if nothing is said."""
BITRATE_LIMITS_KBPS = {"mp3": (32, 320), "ogg": (64, 320), "opus": (32, 320), "m4a": (32, 320)}
"""What a user may ask for; about that, since some spend what a sound needs."""
_OPUS_LIMIT_KBPS = 256  # a channel
_MP3_LIMITS_KBPS = ((12_000, 64), (24_000, 160), (48_000, 320))
"""Up to which rate in Hz which bit rate exists: MPEG-2.5, MPEG-2, MPEG-1."""


class Encoder(Protocol):
    """What turns blocks into bytes in an open file; counts samples beyond full scale and those that are no numbers."""

    @property
    def clipped(self) -> int: ...

    @property
    def not_finite(self) -> int: ...

    def write(self, block: Samples) -> None: ...

    def finish(self) -> None:
        """Complete the file."""
        ...

    def abandon(self) -> None:
        """Let go of everything, without caring what the file holds."""
        ...


@dataclass(frozen=True)
class Target:
    """What is asked for.

    rate: in Hz, of the blocks that will come. depth: of WAV and FLAC. samples: how many will come, if it is known; WAV
    needs it to choose between RIFF and RF64 without a gap in the header, M4A to end with a whole block.
    bitrate_kbps: of lossy formats, None for the default.

    Raises OutputError if the format cannot hold that.
    """

    rate: int
    channels: int
    format: Format = "wav"
    depth: Depth = 24
    tags: Tags = field(default_factory=Tags)
    samples: int | None = None
    bitrate_kbps: int | None = None
    dither_seed: int = 0

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise OutputError(f"format is {self.format!r}; it must be one of {', '.join(get_args(Format))}")
        if self.depth not in get_args(Depth):
            raise OutputError(f"depth is {self.depth!r}; it must be 16, 24 or float32")
        if self.format == "flac" and self.depth == "float32":
            raise OutputError("FLAC holds 16 or 24 bits, no float32; choose one of these, or WAV")
        if self.format != "wav" and not 1 <= self.channels <= 2:
            raise OutputError(f"{self.format} is written with 1 or 2 channels, not {self.channels}; choose WAV")

    @property
    def file_rate(self) -> int:
        """The rate in Hz at which the format holds it: the same, or else the next higher one, or the highest."""
        if self.format == "ogg":
            return min(max(self.rate, _VORBIS_RATES[0]), _VORBIS_RATES[1])
        return nearest_rate(self.rate, _RATES[self.format]) if self.format in _RATES else self.rate

    @property
    def kbps(self) -> int:
        """The bit rate, within what MP3 has at the rate of the file, and Opus for its channels."""
        wanted = self.bitrate_kbps or BITRATES_KBPS[self.format]
        if self.format == "opus":
            return min(wanted, _OPUS_LIMIT_KBPS * self.channels)
        if self.format != "mp3":
            return wanted
        return min(wanted, next(kbps for rate, kbps in _MP3_LIMITS_KBPS if self.file_rate <= rate))


def nearest_rate(rate: int, allowed: tuple[int, ...]) -> int:
    """The lowest allowed rate that loses nothing of ``rate``, or the highest of all."""
    return min((other for other in allowed if other >= rate), default=max(allowed))


def aac_lead_in(samples: int) -> int:
    """Silence to put before ``samples``, so that the last AAC block ends with them.

    Programs that do not trim the end of an MP4 file (ffmpeg is one) give the right length then. With less than a block
    of sound they would skip it together with the lead-in, so there is none.
    """
    return -samples % AAC_BLOCK if samples >= AAC_BLOCK else 0


def encoder(target: Target, file: BinaryIO, folder: str | os.PathLike[str]) -> Encoder:
    """What writes ``target`` to ``file``, which is open for reading and writing; ``folder`` may hold a second file."""
    rate, channels, tags, seed = target.file_rate, target.channels, target.tags, target.dither_seed
    bits = None if target.depth == "float32" else target.depth
    if target.format == "wav":
        return WavEncoder(file, rate, channels, bits, tags, target.samples, seed)
    if target.format == "ogg":
        return VorbisEncoder(file, folder, rate, channels, target.kbps, tags)
    if target.format == "flac":
        assert bits is not None
        return FfmpegEncoder(file, FLAC[bits], Sound(rate, channels, seed=seed), tags)
    lead_in = 0
    if target.format == "m4a" and target.samples is not None:
        lead_in = aac_lead_in(resampled_length(target.samples, target.rate, rate))
    kind = {"mp3": MP3, "opus": OPUS, "m4a": M4A}[target.format]
    return FfmpegEncoder(file, kind, Sound(rate, channels, target.kbps, lead_in=lead_in), tags)
