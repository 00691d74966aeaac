"""Sounds and pictures made on the spot, and how they are compared."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np

from unbraid.signal import Samples


def noise(length: int, channels: int = 2, seed: int = 0, level: float = 0.1) -> Samples:
    """Noise without the highest octaves, which lossy codecs drop; other on each channel."""
    white = np.random.default_rng(seed).standard_normal((channels, length + 7))
    smooth = sum(white[:, shift : shift + length] for shift in range(8))
    return (level * smooth / 8**0.5).astype(np.float32)


def on_grid(length: int, bits: int, channels: int = 2, seed: int = 0) -> Samples:
    """Every kind of ``bits`` bit integer, the extremes too, as floats."""
    full = 1 << (bits - 1)
    whole = np.random.default_rng(seed).integers(-full, full, (channels, length))
    whole[:, :2] = -full, full - 1
    return (whole / full).astype(np.float32)


def lag(before: Samples, after: Samples) -> int:
    """By how many samples ``after`` is late: where the cross-correlation of the first channels peaks."""
    length = min(before.shape[1], after.shape[1])
    size = 2 * length
    spectrum = np.fft.rfft(before[0, :length], size).conj() * np.fft.rfft(after[0, :length], size)
    peak = int(np.argmax(np.fft.irfft(spectrum, size)))
    return peak if peak < length else peak - size


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def plain_length(path: Path, stream: int = 0) -> int:
    """How many samples FFmpeg gives without any help of ours."""
    with av.open(str(path)) as container:
        return sum(frame.samples for frame in container.decode(audio=stream))


def png(width: int = 3, height: int = 2) -> bytes:
    """A red picture."""
    rows = b"".join(b"\0" + b"\xff\0\0" * width for _ in range(height))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encode(
    path: Path,
    samples: Samples,
    rate: int,
    codec: str,
    muxer: str | None = None,
    sample_format: str = "fltp",
    layout: str | None = None,
    options: dict[str, str] | None = None,
    with_picture: bool = False,
    metadata: dict[str, str] | None = None,
) -> None:
    """``samples[channel, time]`` through an encoder of FFmpeg as it is, for kinds of files that unbraid only reads."""
    layout = layout or {1: "mono", 2: "stereo"}[len(samples)]
    packed = sample_format.removesuffix("p")
    numbers = samples.T.reshape(1, -1)
    if packed == "s16":
        numbers = np.rint(numbers.astype(np.float64) * 32768).clip(-32768, 32767).astype(np.int16)
    elif packed == "s32":
        numbers = np.rint(numbers.astype(np.float64) * 2**23).clip(-(2**23), 2**23 - 1).astype(np.int32) << 8
    with av.open(str(path), "w", format=muxer, options=options or {}) as container:
        container.metadata.update(metadata or {})
        video = None
        if with_picture:
            video = container.add_stream("mpeg4", rate=10)
            video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        stream = container.add_stream(codec, rate=rate, layout=layout, format=sample_format)
        stream.bit_rate = 192_000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(numbers), packed, layout)
        frame.rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        if video is not None:
            for number in range(5):
                picture = av.VideoFrame(32, 32, "yuv420p")
                picture.pts = number
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def jpeg(width: int = 3, height: int = 2) -> bytes:
    """A grey picture."""
    with av.open(stream := BytesIO(), "w", format="mjpeg") as container:
        video = container.add_stream("mjpeg", rate=1)
        video.width, video.height, video.pix_fmt = width, height, "yuvj420p"
        picture = av.VideoFrame(width, height, "yuvj420p")
        for plane in picture.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(video.encode(picture))
        container.mux(video.encode(None))
    return stream.getvalue()
