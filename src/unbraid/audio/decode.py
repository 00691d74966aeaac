"""From packets to numbers: one pass of FFmpeg over a sound file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from unbraid.audio.container import audio_stream, cannot_read, open_container, open_file
from unbraid.audio.frames import Layout, channel_names, raw
from unbraid.audio.ogg import Ending, ending
from unbraid.audio.riff import data_chunk
from unbraid.audio.say import shown
from unbraid.errors import AudioError

RATES = (100, 1_000_000)
"""Lowest and highest rate in Hz that is taken for real."""

_COUNTED = ("flac", "aiff", "wv", "tta", "ape", "tak")
"""Formats whose header counts the samples."""
_SLACK_S = {"mp3": 0.03, "mov": 0.03, "ogg": 0.03, "matroska": 0.1}
"""How far the length in a header may be from the truth: a block of MP3 or AAC; Matroska has that of all its streams."""
_EDIT_UNIT_S = 1 / 600
"""The coarsest unit in which MP4 edit lists count; a difference below it is rounding."""


@dataclass(frozen=True)
class Heard:
    """One decoded frame.

    numbers: ``[channel, time]`` as the codec gives them. time_s: when it starts, as the container says, None if it does
    not. end_s: where the sound ends if that is within this frame, in the same time.
    """

    numbers: NDArray[np.generic]
    rate: int
    layout: Layout
    time_s: float | None
    end_s: float | None


class Decoder:
    """Decodes a file once: its default audio stream, or the one numbered ``stream`` (from 0).

    first: the first frame. Rate and channels are taken from it, since containers of AAC may say half the rate.
    damaged: how many packets could not be decoded so far. broken_off: the file ended within a packet.
    has_true_times: whether frames know their place in the song, as those of FLAC do, even after a hole.
    chunk: of WAV, see :mod:`unbraid.audio.riff`. ending: of Ogg, see :mod:`unbraid.audio.ogg`.

    Raises AudioError, naming file and reason, if there is no sound in it.
    """

    def __init__(self, path: str | os.PathLike[str], stream: int | None = None) -> None:
        self.path, self.damaged, self.broken_off = path, 0, False
        self._file = open_file(path)
        try:
            self.chunk = data_chunk(self._file)
            ogg_ending = ending(self._file)
            options = {"ignore_length": "1"} if self.chunk and self.chunk.too_short else {}
            self.container = open_container(self._file, path, options)
        except BaseException as error:
            self._file.close()
            if isinstance(error, OSError):
                raise cannot_read(path, error) from error
            raise
        try:
            self.stream = self._choose(stream)
            self.kind = self.container.format.name.split(",")[0]
            self.ending = ogg_ending if self.kind == "ogg" else Ending(closed=True, chained=False)
            self.has_true_times = self.kind == "flac"
            self._counted = self.kind in _COUNTED
            self._layouts: dict[str, Layout] = {}
            self._frames = self._decode()
            self.first = self._first_frame()
        except BaseException:
            self.close()
            raise

    def _choose(self, stream: int | None) -> AudioStream:
        try:
            chosen = audio_stream(self.container, stream)
        except IndexError as error:
            count = len(self.container.streams.audio)
            message = f"{shown(self.path)}: has no audio stream {stream}; there are {count}, counted from 0"
            raise AudioError(message) from error
        if chosen.codec_context is None:
            raise AudioError(f"{shown(self.path)}: its sound is coded in a way that cannot be decoded here")
        return chosen

    def frames(self) -> Iterator[Heard]:
        """All frames; to be called once."""
        yield self.first
        yield from self._frames

    @property
    def declared_s(self) -> tuple[float, float] | None:
        """How long the file says it is and how far that may be off, in seconds; None if it only gives a guess."""
        length, base = self.stream.duration, self.stream.time_base
        counted = self._counted or self.kind == "mov" or (self.kind == "ogg" and not self.ending.chained)
        if length and base and counted:
            return _seconds(length, base), _SLACK_S.get(self.kind, 0.0)
        if self.kind == "matroska" and len(self.container.streams) == 1 and self.container.duration:
            return self.container.duration / av.time_base, _SLACK_S[self.kind]
        return None

    def _first_frame(self) -> Heard:
        name = shown(self.path)
        if self.chunk and self.chunk.empty:
            raise AudioError(f"{name}: holds no sound (zero samples)")
        first = next(self._frames, None)
        if first is None and self.stream.rate <= 0:
            raise AudioError(f"{name}: is not a sound file that can be read")
        if first is None:
            nothing = "nothing in it can be decoded" if self.damaged or self.broken_off else "zero samples"
            raise AudioError(f"{name}: holds no sound ({nothing})")
        if not RATES[0] <= first.rate <= RATES[1]:
            raise AudioError(f"{name}: says {first.rate} Hz; {RATES[0]} to {RATES[1]} Hz can be read")
        return first

    def _decode(self) -> Iterator[Heard]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self.broken_off = True
                return
            except OSError as error:
                raise cannot_read(self.path, error) from error
            if packet is None:
                return
            self.broken_off = self.broken_off or packet.is_corrupt
            if self.kind == "mp3" and packet.has_sidedata("skip_samples"):
                self._counted = True  # there is a LAME header, and that one counts the frames
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                self.damaged += 1
                continue
            end_s = self._end_s(packet)
            yield from (self._heard(frame, end_s) for frame in frames if frame.samples)

    def _end_s(self, packet: av.Packet[av.AudioStream]) -> float | None:
        """Where an MP4 file ends if not later than this packet, in seconds.

        AAC comes in blocks of 1024; only the last packet's duration, or an edit list, says where in it the sound ends.
        FFmpeg leaves that part of the trimming to us.
        """
        if self.kind != "mov" or packet.pts is None or not packet.duration:
            return None
        end = _seconds(packet.pts + packet.duration, packet.time_base)
        length, base = self.stream.duration, self.stream.time_base
        declared = _seconds(length, base) if length and base else end
        return declared if end > declared + _EDIT_UNIT_S else end

    def _heard(self, frame: av.AudioFrame, end_s: float | None) -> Heard:
        time_s = None if frame.pts is None or frame.time_base is None else _seconds(frame.pts, frame.time_base)
        name = frame.layout.name
        if name not in self._layouts:
            self._layouts[name] = channel_names(frame.layout)
        return Heard(raw(frame), frame.rate, self._layouts[name], time_s, end_s)

    def close(self) -> None:
        self.container.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _seconds(ticks: int, base: Fraction) -> float:
    """``ticks * base``, without the slow arithmetic of fractions."""
    return ticks * base.numerator / base.denominator
