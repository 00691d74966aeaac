"""Opening a sound file without trusting it.

Three doors are shut here: FFmpeg opens only formats that hold their sound themselves (a playlist could name any file or
address), it reads through our file object (so a name such as ``song: live.mp3`` is a name and not a protocol), and
whatever it says on stderr stays unsaid (PyAV is silent unless told otherwise).
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from unbraid.audio.ogg import without_lone_page
from unbraid.audio.say import shown
from unbraid.errors import AudioError

_FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,latm,loas,matroska,mlp,mov,mp3,mpc,mpc8,"
    "mpeg,mpegts,mxf,oga,ogg,oma,qoa,rm,shn,tak,truehd,tta,voc,w64,wav,wv,xwma"
)
_BY_SUFFIX = {".mp3": "mp3", ".aac": "aac", ".flac": "flac", ".ogg": "ogg", ".opus": "ogg", ".wav": "wav"}


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """The file, open for reading. Raises AudioError that names it and says why not."""
    name = shown(path)
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{name}: is a folder, not a sound file")
        if not stat.S_ISREG(mode):
            raise AudioError(f"{name}: is not a regular file; save the sound to a file first")
        file = Path(path).open("rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise cannot_read(path, error) from error
    except ValueError as error:
        raise AudioError(f"{name}: is not a file name") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise AudioError(f"{name}: is empty (0 bytes)")
    return file


def cannot_read(path: str | os.PathLike[str], error: OSError) -> AudioError:
    """The error to raise when the system refused a file: file and reason in one line."""
    reason = "no such file" if error.errno == errno.ENOENT else f"cannot be read ({error.strerror or error})"
    return AudioError(f"{shown(path)}: {reason}")


def open_container(file: BinaryIO, path: str | os.PathLike[str], options: dict[str, str]) -> InputContainer:
    """FFmpeg's view of the file. Tells by the content what it is; by the suffix only if that fails.

    (The shortest MP3 files hold too few frames to be told by content.) Raises AudioError if there is no sound in it,
    OSError if the system cannot read it.
    """
    source = without_lone_page(file)
    suffix = _BY_SUFFIX.get(Path(path).suffix.lower())
    for kind in (None, suffix) if suffix else (None,):
        source.seek(0)
        try:
            container = av.open(
                source,
                "r",
                format=kind,
                options={"format_whitelist": _FORMATS, **options},
                metadata_errors="surrogateescape",
            )
        except av.error.FFmpegError:
            continue
        if container.streams.audio:
            return container
        foreign = list(container.streams)
        container.close()
        if foreign and kind == suffix:
            raise AudioError(f"{shown(path)}: holds no sound (no audio stream)")
    file.seek(0)
    if file.read(12)[4:8] == b"ftyp":
        raise AudioError(f"{shown(path)}: is an MP4 file without its index (moov); it is cut short or damaged")
    raise AudioError(f"{shown(path)}: is not a sound file that can be read")


def audio_stream(container: InputContainer, number: int | None = None) -> AudioStream:
    """The stream to listen to: the default one, else the first (in a stem file that is the mix).

    ``number`` counts the audio streams from 0. Raises IndexError if there are not so many.
    """
    streams = container.streams.audio
    if number is not None:
        return streams[number]
    default = [stream for stream in streams if stream.disposition & av.stream.Disposition.default]
    return (default or list(streams))[0]
