"""Encoding through FFmpeg: FLAC, MP3, Opus and AAC, with tags and cover."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from unbraid.audio.cover import Cover
from unbraid.audio.quantize import Limiter, Quantizer
from unbraid.audio.tags import Tags
from unbraid.signal import Samples

AAC_BLOCK = 1024
_COVER_CLOCK = 90_000


@dataclass(frozen=True)
class Kind:
    """How FFmpeg is asked for a format.

    bits: of integers, None if the codec takes floats. packed: whether channels are interleaved. tags: whose names for
    tags apply, see :meth:`unbraid.audio.tags.Tags.named_for`.
    """

    muxer: str
    codec: str
    bits: int | None = None
    packed: bool = False
    tags: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def sample_format(self) -> str:
        name = {16: "s16", 24: "s32", None: "flt"}[self.bits]
        return name if self.packed else name + "p"


FLAC = {bits: Kind("flac", "flac", bits, packed=True) for bits in (16, 24)}
MP3 = Kind("mp3", "libmp3lame", tags="mp3")
OPUS = Kind("opus", "libopus", packed=True, tags="opus")
M4A = Kind("mp4", "aac", tags="m4a", options=(("brand", "M4A "),))


@dataclass(frozen=True)
class Sound:
    """rate in Hz; channels: 1 or 2; bitrate_kbps of each track, None where it makes no sense; seed: of the dither.

    lead_in: samples of silence before the sound, which the edit list of MP4 tells players to skip.
    """

    rate: int
    channels: int
    bitrate_kbps: int | None = None
    seed: int = 0
    lead_in: int = 0

    @property
    def layout(self) -> str:
        return "mono" if self.channels == 1 else "stereo"


class _Sink:
    """A file as FFmpeg's callbacks want it: it never raises, but keeps the first exception for :meth:`check`.

    An exception within a callback is lost if it is a KeyboardInterrupt, and printed if it is the second one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.tell = file, file.tell
        self._failure: BaseException | None = None

    def write(self, data: bytes) -> int:
        self._try(lambda: self._file.write(data))
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._try(lambda: self._file.seek(offset, whence))

    def _try(self, action: Callable[[], int]) -> int:
        """After a failure nothing more is done; what FFmpeg believes does not matter then."""
        if self._failure is None:
            try:
                return action()
            except BaseException as error:
                self._failure = error
        return 0

    def check(self) -> None:
        if self._failure is not None:
            raise self._failure


class FfmpegEncoder:
    """Writes one or (in MP4 only) several tracks of equal length into one file."""

    def __init__(self, file: BinaryIO, kind: Kind, sound: Sound, tags: Tags, titles: Sequence[str] = ("",)) -> None:
        self._kind, self._sound = kind, sound
        # MP4 counts edit lists in units of the movie's own clock, a millisecond by default: too coarse for a length.
        exact = {"movie_timescale": str(sound.rate)} if kind.muxer == "mp4" else {}
        self._sink = _Sink(file)
        self._container = av.open(self._sink, "w", format=kind.muxer, options={**dict(kind.options), **exact})
        named = dict(tags.vorbis_comments()) if kind is OPUS else tags.named_for(kind.tags)
        self._container.metadata.update(named)
        self._streams = [self._add_stream(title) for title in titles]
        self._shapers = [Quantizer(kind.bits, sound.seed) if kind.bits else Limiter() for _ in titles]
        self._positions = [-sound.lead_in for _ in titles]
        self._add_cover(tags.cover)
        if sound.lead_in:
            for track in range(len(titles)):
                self.write(np.zeros((sound.channels, sound.lead_in), np.float32), track)

    @property
    def clipped(self) -> int:
        return sum(shaper.clipped for shaper in self._shapers)

    @property
    def not_finite(self) -> int:
        return sum(shaper.not_finite for shaper in self._shapers)

    def write(self, block: Samples, track: int = 0) -> None:
        """Append ``block[channel, time]`` to a track."""
        if not block.shape[1]:
            return
        numbers: NDArray[Any] = self._shapers[track](block)
        if self._kind.bits == 24:
            numbers = np.left_shift(numbers, 8)  # FFmpeg has 24 bits in the upper part of 32
        elif self._kind.bits == 16:
            numbers = numbers.astype(np.int16)
        laid = numbers.T.reshape(1, -1) if self._kind.packed else numbers
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(laid), self._kind.sample_format, self._sound.layout)
        frame.rate, frame.time_base, frame.pts = self._sound.rate, Fraction(1, self._sound.rate), self._positions[track]
        self._positions[track] += block.shape[1]
        self._container.mux(self._streams[track].encode(frame))
        self._sink.check()

    def finish(self) -> None:
        """Flush the encoders and write what belongs at the end."""
        for stream in self._streams:
            self._container.mux(stream.encode(None))
        self._container.close()
        self._sink.check()

    def abandon(self) -> None:
        """Let go of the file without caring what it holds."""
        try:
            self._container.close()
        except av.error.FFmpegError:
            return  # it could not be encoded before, or we would not be here

    def _add_stream(self, title: str) -> AudioStream:
        sound = self._sound
        stream = self._container.add_stream(self._kind.codec, rate=sound.rate, layout=sound.layout)
        assert isinstance(stream, AudioStream)
        stream.codec_context.format = self._kind.sample_format
        if sound.bitrate_kbps:
            stream.codec_context.bit_rate = sound.bitrate_kbps * 1000
        if title:
            stream.metadata["handler_name"] = title
        return stream

    def _add_cover(self, cover: Cover | None) -> None:
        if cover is None or self._kind is OPUS:  # Opus has its cover in a comment
            return
        width, height = cover.size
        clock = Fraction(1, _COVER_CLOCK)
        stream = self._container.add_mux_stream(cover.codec, width=width, height=height, time_base=clock)
        stream.disposition = av.stream.Disposition.attached_pic
        self._container.start_encoding()
        packet = av.Packet(cover.data)
        packet.stream, packet.time_base, packet.pts, packet.dts, packet.is_keyframe = stream, clock, 0, 0, True
        self._container.mux(packet)
