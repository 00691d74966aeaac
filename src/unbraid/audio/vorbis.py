"""Encoding Ogg Vorbis through libsndfile, since FFmpeg's own Vorbis encoder is no match for libvorbis."""

from __future__ import annotations

import errno
import os
import tempfile
from typing import BinaryIO

import numpy as np
import soundfile

from unbraid.audio.ogg import rewrite_vorbis
from unbraid.audio.quantize import Limiter
from unbraid.audio.tags import Tags
from unbraid.signal import Samples

_KBPS = (64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
"""What libvorbis aims at with quality 0, 0.1, ... 1 (44.1 kHz, stereo)."""
_AT_ONCE = 1 << 12
"""Samples handed over at once; libvorbis keeps a whole write on the stack, and long ones have crashed."""


class VorbisEncoder:
    """Encodes into a nameless file in ``folder``, which is then copied to ``file`` with tags that libsndfile lacks."""

    def __init__(
        self, file: BinaryIO, folder: str | os.PathLike[str], rate: int, channels: int, bitrate_kbps: int, tags: Tags
    ) -> None:
        self._file, self._tags, self._limiter = file, tags, Limiter()
        self._plain = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by finish and abandon
        quality = float(np.interp(bitrate_kbps, _KBPS, np.linspace(0, 1, len(_KBPS))))
        # A descriptor and not the file object: libsndfile reports a full disk only of the former.
        self._encoder = soundfile.SoundFile(
            self._plain.fileno(),
            "w",
            rate,
            channels,
            "VORBIS",
            format="OGG",
            closefd=False,
            compression_level=1 - quality,
        )

    @property
    def clipped(self) -> int:
        return self._limiter.clipped

    @property
    def not_finite(self) -> int:
        return self._limiter.not_finite

    def write(self, block: Samples) -> None:
        """Append ``block[channel, time]``."""
        frames = np.ascontiguousarray(self._limiter(block).T)
        try:
            for start in range(0, len(frames), _AT_ONCE):
                self._encoder.write(frames[start : start + _AT_ONCE])
        except soundfile.LibsndfileError as error:
            raise _refused() from error

    def finish(self) -> None:
        """Flush the encoder and copy its file, with the tags, to where it belongs."""
        try:
            self._encoder.close()
        except soundfile.LibsndfileError as error:
            raise _refused() from error
        self._plain.seek(0)
        rewrite_vorbis(self._plain, self._file, self._tags.vorbis_comments())
        self._plain.close()

    def abandon(self) -> None:
        """Let go of the files."""
        try:
            self._encoder.close()
        except soundfile.LibsndfileError:
            pass  # it could not be written before, or we would not be here
        finally:
            self._plain.close()


def _refused() -> OSError:
    return OSError(errno.EIO, "the disk refused it; it may be full")
