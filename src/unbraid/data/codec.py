"""A lossy codec there and back, in memory and in time to the sample: what most songs have been through.

A codec is not linear, so what it does to a mixture is not the sum of what it does to the stems. Each target goes
through it alone, all with one draw, and the mixture is the sum of what comes out: it has the codec's band limit and
noise, and it is still the sum of the targets.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import av
import numpy as np
import soxr
from numpy.random import Generator

from unbraid.errors import UsageError
from unbraid.signal import Samples

# Encoder, container, the rate it wants, and samples of silence that its decoder leaves in front. The containers of MP3
# and Opus say how much that is and FFmpeg drops it; bare AAC does not.
_CODECS = {
    "mp3": ("libmp3lame", "mp3", 44_100, 0),
    "aac": ("aac", "adts", 44_100, 1024),
    "opus": ("libopus", "ogg", 48_000, 0),
}
CODECS = tuple(_CODECS)
_MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


@dataclass(frozen=True)
class Codec:
    """name: "mp3", "aac" or "opus"."""

    name: str
    kbps: int


def draw_codec(rng: Generator, names: tuple[str, ...], kbps: tuple[float, float]) -> Codec:
    """One of ``names`` at a bit rate within ``kbps``, every doubling as likely; see :func:`check_codecs`."""
    check_codecs(names, kbps)
    name = names[int(rng.integers(len(names)))]
    rate = float(np.exp(rng.uniform(*np.log(kbps))))
    return Codec(name, min(_MP3_KBPS, key=lambda each: abs(each - rate)) if name == "mp3" else round(rate))


def check_codecs(names: tuple[str, ...], kbps: tuple[float, float]) -> None:
    """UsageError for an unknown codec, none at all, or bit rates that are no range."""
    unknown = set(names) - set(CODECS)
    if unknown or not names:
        raise UsageError(f"codecs are {', '.join(names) or 'none'}; known are {', '.join(CODECS)}")
    if len(kbps) != 2 or not 0 < kbps[0] <= kbps[1]:
        raise UsageError(f"codec_kbps is {list(kbps)}; give the lowest bit rate, above 0, and the highest")


def through_codec(wave: Samples, codec: Codec, rate: int) -> Samples:
    """``wave[2, time]`` encoded and decoded, of the same length and in time; silence stays as it is."""
    if not wave.any():
        return wave
    encoder, container, codec_rate, delay = _CODECS[codec.name]
    given = wave if rate == codec_rate else soxr.resample(wave.T, rate, codec_rate).T
    decoded = _decoded(_encoded(given, encoder, container, codec_rate, codec.kbps), container)[:, delay:]
    if rate != codec_rate:
        decoded = soxr.resample(decoded.T, codec_rate, rate).T
    length = wave.shape[1]
    missing = length - decoded.shape[1]
    decoded = np.pad(decoded, ((0, 0), (0, missing))) if missing > 0 else decoded[:, :length]
    return np.ascontiguousarray(decoded, np.float32)


def _encoded(wave: Samples, encoder: str, container: str, rate: int, kbps: int) -> io.BytesIO:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(encoder, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout, stream.bit_rate = "stereo", kbps * 1000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave, np.float32), format="fltp", layout="stereo")
        frame.sample_rate = rate
        cut = av.AudioResampler(
            format=stream.codec_context.format, layout="stereo", rate=rate, frame_size=stream.frame_size
        )
        for piece in (*cut.resample(frame), *cut.resample(None)):
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    file.seek(0)
    return file


def _decoded(file: io.BytesIO, container: str) -> Samples:
    """``[2, time]``; all three decoders answer in planes of float32."""
    with av.open(file, "r", format="aac" if container == "adts" else container) as source:
        return np.concatenate([frame.to_ndarray() for frame in source.decode(audio=0)], axis=1)
