"""Native Instruments stem files (``.stem.mp4``): the mix and four stems as five AAC tracks of one MP4.

DJ programs know one by a box ``moov/udta/stem`` with JSON: name and colour of each stem, and a compressor and limiter
for those who play the stems instead of the mix (here switched off, with the values of the file that stempeg ships as an
example). Only the track of the mix is enabled, so that other players play the mix.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from unbraid.audio.atomic import AtomicFile
from unbraid.audio.ffmpeg import FfmpegEncoder, Kind, Sound
from unbraid.audio.formats import BITRATES_KBPS, nearest_rate
from unbraid.audio.mp4 import add_to_udta
from unbraid.audio.resample import Resampler
from unbraid.audio.say import shown
from unbraid.audio.tags import Tags
from unbraid.audio.write import Written, explained, notes_on
from unbraid.errors import OutputError
from unbraid.signal import Samples

ORDER = ("drums", "bass", "other", "vocals")
"""Of the tracks behind the mix."""
COLOURS = {"drums": "#009E73", "bass": "#D55E00", "other": "#CC79A7", "vocals": "#56B4E9"}
"""Four that can be told apart by the colour-blind (Okabe and Ito 2008), as stem files commonly have them."""

_RATES = (44_100, 48_000)
_KIND = Kind("mp4", "aac", tags="m4a")
_DSP = {
    "compressor": {
        "enabled": False,
        "input_gain": 0.5,
        "output_gain": 0.5,
        "threshold": 0,
        "dry_wet": 50,
        "attack": 0.003,
        "release": 0.3,
        "ratio": 3,
        "hp_cutoff": 300,
    },
    "limiter": {"enabled": False, "release": 0.05, "threshold": 0, "ceiling": -0.35},
}


class StemWriter:
    """A stem file that is filled block by block; a context manager like :class:`unbraid.audio.write.Writer`.

    Raises OutputError if the stems are not four, or nothing can be written at ``path``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        stems: Sequence[str],
        rate: int,
        channels: int,
        *,
        tags: Tags | None = None,
        colours: Mapping[str, str] | None = None,
        bitrate_kbps: int | None = None,
        overwrite: bool = True,
    ) -> None:
        if len(set(stems)) != len(ORDER) or len(stems) != len(ORDER):
            raise OutputError(f"{shown(path)}: a stem file holds 4 stems; these are {len(stems)}: {', '.join(stems)}")
        if channels not in (1, 2):
            raise OutputError(f"{shown(path)}: a stem file holds 1 or 2 channels, not {channels}")
        self.path, self._rate, self.rate = Path(path), rate, nearest_rate(rate, _RATES)
        self._names = ORDER if set(stems) == set(ORDER) else tuple(stems)
        self._json = stem_json(self._names, {**COLOURS, **(colours or {})})
        self._resamplers = [Resampler(rate, self.rate, channels) for _ in range(1 + len(stems))]
        self._samples = 0
        self._written: Written | None = None
        self._atomic = AtomicFile(path, overwrite)
        try:
            with explained(path):
                sound = Sound(self.rate, channels, bitrate_kbps or BITRATES_KBPS["m4a"])
                titles = ("Mix", *map(_title, self._names))
                self._encoder = FfmpegEncoder(self._atomic.file, _KIND, sound, tags or Tags(), titles)
        except BaseException:
            self._atomic.discard()
            raise

    @property
    def written(self) -> Written:
        """What became of it, once it is finished."""
        assert self._written is not None
        return self._written

    def write(self, mix: Samples, stems: Mapping[str, Samples]) -> None:
        """Append equally long blocks ``[channel, time]`` of the mix and of every stem."""
        blocks = [mix, *(stems[name] for name in self._names)]
        assert len({block.shape for block in blocks}) == 1
        with explained(self.path):
            for track, block in enumerate(blocks):
                self._encode(track, self._resamplers[track].push(block))

    def finish(self) -> Written:
        """Complete the file and give it its name."""
        try:
            with explained(self.path):
                for track, resampler in enumerate(self._resamplers):
                    self._encode(track, resampler.flush())
                self._encoder.finish()
                add_to_udta(self._atomic.file, b"stem", self._json)
        except BaseException:
            self.abandon()
            raise
        self._atomic.commit()
        notes = list(notes_on(self._encoder.clipped, self._encoder.not_finite))
        if self.rate != self._rate:
            notes.insert(0, f"written at {self.rate} Hz, since stem files hold no {self._rate} Hz")
        self._written = Written(self.path, self._samples, self.rate, self._encoder.clipped, tuple(notes))
        return self._written

    def abandon(self) -> None:
        """Remove what was written so far."""
        try:
            self._encoder.abandon()
        finally:
            self._atomic.discard()

    def _encode(self, track: int, block: Samples) -> None:
        if track == 0:
            self._samples += block.shape[1]
        self._encoder.write(block, track)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
        elif self._written is None:
            self.finish()


def write_stem_mp4(
    path: str | os.PathLike[str],
    mix: Iterable[Samples],
    stems: Mapping[str, Iterable[Samples]],
    rate: int,
    channels: int,
    *,
    tags: Tags | None = None,
    colours: Mapping[str, str] | None = None,
    bitrate_kbps: int | None = None,
    overwrite: bool = True,
) -> Written:
    """Write a stem file; mix and stems come in blocks ``[channel, time]`` that are cut at the same places."""
    writer = StemWriter(
        path,
        tuple(stems),
        rate,
        channels,
        tags=tags,
        colours=colours,
        bitrate_kbps=bitrate_kbps,
        overwrite=overwrite,
    )
    with writer:
        for blocks in zip(mix, *stems.values(), strict=True):
            writer.write(blocks[0], dict(zip(stems, blocks[1:], strict=True)))
    return writer.written


def stem_json(names: Sequence[str], colours: Mapping[str, str]) -> bytes:
    """What the ``stem`` box holds."""
    spare = list(COLOURS.values())
    stems = [{"name": _title(name), "color": colours.get(name, spare[index])} for index, name in enumerate(names)]
    return json.dumps({"mastering_dsp": _DSP, "version": 1, "stems": stems}, ensure_ascii=False).encode("utf-8")


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]
