"""Files that lie, are cut, are empty, or are no sound at all: one clear line, no crash, no silence about a loss."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.sounds import encode, lag, noise
from unbraid.audio.formats import Format
from unbraid.audio.probe import probe
from unbraid.audio.read import open_audio
from unbraid.audio.write import write_audio
from unbraid.errors import AudioError
from unbraid.signal import Samples

SUFFIXES = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "mp4", "aac", "aiff", "wma", "mkv", "webm", "xyz"]


def refused(path: Path) -> str:
    """The sentence with which probe and reader alike refuse the file."""
    said = set()
    for door in (probe, lambda path: open_audio(path).read()):
        with pytest.raises(AudioError) as caught:
            door(path)
        said.add(str(caught.value))
    assert len(said) == 1
    message = said.pop()
    assert message.isprintable() and path.name in message
    return message.split(path.name, 1)[1]


def heard(path: Path) -> tuple[Samples, list[str]]:
    probe(path)
    with open_audio(path) as reader:
        return reader.read(), reader.warnings


def heard_or_refused(path: Path) -> tuple[Samples, list[str]] | str:
    try:
        return heard(path)
    except AudioError as error:
        return str(error)


def make(path: Path, format: Format, length: int = 96_000) -> Samples:
    samples = noise(length)
    write_audio(path, [samples], 48000, 2, format=format, samples=length)
    return samples


def test_missing(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.mp3") == ": no such file"


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    assert "is a folder" in refused(tmp_path / "a.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert "not a regular file" in refused(tmp_path / "a.wav")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path) -> None:
    make(tmp_path / "a.wav", "wav", 100)
    (tmp_path / "a.wav").chmod(0)
    assert refused(tmp_path / "a.wav") == ": cannot be read (Permission denied)"


def test_unreadable_to_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "a.wav", "wav", 100)

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    assert refused(tmp_path / "a.wav") == ": cannot be read (Permission denied)"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.touch()
    assert refused(path) == ": is empty (0 bytes)"


@pytest.mark.parametrize("size", [1, 100, 200_000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_text_and_noise_under_any_name(
    tmp_path: Path, suffix: str, size: int, capfd: pytest.CaptureFixture[str]
) -> None:
    text = b"This is a letter and not a song.\n" * (size // 33 + 1)
    for content in (text[:size], np.random.default_rng(size).bytes(size), bytes(size)):
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(content)
        refused(path)
    assert capfd.readouterr() == ("", "")


def test_a_film_without_sound(tmp_path: Path) -> None:
    encode(tmp_path / "both.mp4", noise(4800), 48000, "aac", with_picture=True)
    import av

    with av.open(str(tmp_path / "both.mp4")) as both, av.open(str(tmp_path / "mute.mp4"), "w") as mute:
        picture = mute.add_stream_from_template(both.streams.video[0])
        for packet in both.demux(both.streams.video[0]):
            if packet.dts is not None:
                packet.stream = picture
                mute.mux(packet)
    assert "no audio stream" in refused(tmp_path / "mute.mp4")


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{secret}'\n",
        "[playlist]\nFile1={secret}\n",
    ],
)
@pytest.mark.parametrize("suffix", ["m3u8", "mp3", "wav"])
def test_a_playlist_opens_no_other_file(tmp_path: Path, content: str, suffix: str) -> None:
    make(tmp_path / "secret.wav", "wav")
    path = tmp_path / f"a.{suffix}"
    path.write_text(content.format(secret=tmp_path / "secret.wav"))
    refused(path)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF"])
def test_zero_samples(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.sound"
    soundfile.write(path, np.zeros((0, 2)), 44100, format=kind, subtype="PCM_16")
    if not path.stat().st_size:
        path.write_bytes(b"fLaC\x80\0\0\x22" + bytes.fromhex("100010000000000000000ac442f000000000") + bytes(16))
    assert "zero samples" in refused(path)


def test_zero_samples_and_a_chunk_behind_them(tmp_path: Path) -> None:
    make(tmp_path / "a.wav", "wav", 0)
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(b"LIST" + struct.pack("<I", 400) + b"INFO" + bytes(396))
    assert "zero samples" in refused(tmp_path / "a.wav")


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "opus"])
def test_what_is_left_of_a_cut_file_is_read_and_the_loss_is_said(tmp_path: Path, format: Format) -> None:
    samples = make(tmp_path / "a", format)
    whole = (tmp_path / "a").read_bytes()
    path = tmp_path / f"cut.{format}"
    path.write_bytes(whole[: int(0.6 * len(whole))])
    left, warnings = heard(path)
    assert 0.4 * 96_000 < left.shape[1] < 0.65 * 96_000
    assert lag(samples, left) == 0
    assert np.corrcoef(samples[0, : left.shape[1]], left[0])[0, 1] > 0.9
    assert len(warnings) == 1 and warnings[0].startswith("cut short at 0:01.")


def with_index_first(path: Path) -> None:
    encode(path, noise(96_000), 48000, "aac", muxer="mp4", options={"movflags": "faststart"})


def test_a_cut_mp4_with_its_index_first(tmp_path: Path) -> None:
    with_index_first(tmp_path / "a.m4a")
    whole = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: int(0.6 * len(whole))])
    left, warnings = heard(tmp_path / "a.m4a")
    assert 0.4 * 96_000 < left.shape[1] < 0.65 * 96_000
    assert len(warnings) == 1 and warnings[0].startswith("cut short at 0:01.")


def test_a_cut_mp4_with_its_index_last_is_said_to_be_one(tmp_path: Path) -> None:
    make(tmp_path / "a.m4a", "m4a")
    whole = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "a.m4a").write_bytes(whole[: int(0.6 * len(whole))])
    assert "without its index" in refused(tmp_path / "a.m4a")


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "opus", "m4a"])
def test_cut_anywhere_a_file_is_read_or_refused(tmp_path: Path, format: Format, share: float) -> None:
    make(tmp_path / "a", format, 20_000)
    whole = (tmp_path / "a").read_bytes()
    path = tmp_path / f"cut.{format}"
    path.write_bytes(whole[: int(share * len(whole))])
    outcome = heard_or_refused(path)
    if not isinstance(outcome, str):
        left, warnings = outcome
        assert left.shape[1] == 20_000 or warnings


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "opus", "m4a"])
def test_flipped_bytes_end_in_sound_or_in_one_line(tmp_path: Path, format: Format, seed: int) -> None:
    make(tmp_path / "a", format, 20_000)
    data = bytearray((tmp_path / "a").read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(0, min(len(data), 2000), 20):
        data[place] = random.integers(256)
    path = tmp_path / f"a.{format}"
    path.write_bytes(data)
    outcome = heard_or_refused(path)
    if isinstance(outcome, str):
        assert outcome.isprintable()
    else:
        assert np.isfinite(outcome[0]).all()


def claim(path: Path, size: int) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("size", "warning"),
    [
        (0, "holds 0:02.0, more than its header says (0:00.0); all of it was read"),
        (6000, "holds 0:02.0, more than its header says (0:00.0); all of it was read"),
        (288_000, "holds 0:02.0, more than its header says (0:01.0); all of it was read"),
        (1_152_000, "cut short at 0:02.0; its header says 0:04.0"),
        (0xFFFFFFF0, "cut short at 0:02.0; its header says 248:33.1"),
        (0xFFFFFFFF, None),
    ],
)
def test_a_wav_header_that_lies_about_the_length(tmp_path: Path, size: int, warning: str | None) -> None:
    samples = make(tmp_path / "a.wav", "wav")
    claim(tmp_path / "a.wav", size)
    left, warnings = heard(tmp_path / "a.wav")
    assert left.shape == samples.shape
    np.testing.assert_allclose(left, samples, atol=2**-23)
    assert warnings == ([warning] if warning else [])


@pytest.mark.parametrize("total", [1, 50_000, (1 << 36) - 1])
def test_a_flac_header_that_lies_about_the_length(tmp_path: Path, total: int) -> None:
    make(tmp_path / "a.flac", "flac")
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21:26] = ((data[21] >> 4 << 36) | total).to_bytes(5, "big")
    (tmp_path / "a.flac").write_bytes(data)
    left, warnings = heard(tmp_path / "a.flac")
    assert left.shape[1] == 96_000
    assert len(warnings) == 1


@pytest.mark.parametrize("place", [24, 28])
@pytest.mark.parametrize("value", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_header_with_a_senseless_rate(tmp_path: Path, place: int, value: int) -> None:
    make(tmp_path / "a.wav", "wav", 1000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[place : place + 4] = struct.pack("<I", value)
    (tmp_path / "a.wav").write_bytes(data)
    if place == 24:
        refused(tmp_path / "a.wav")
    else:
        assert heard(tmp_path / "a.wav")[0].shape == (2, 1000)


@pytest.mark.parametrize("tag", [0x674F, 0xBEEF], ids=["Vorbis in WAV", "made up"])
def test_a_wav_of_a_codec_that_nobody_knows(tmp_path: Path, tag: int) -> None:
    make(tmp_path / "a.wav", "wav", 1000)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[20:22] = tag.to_bytes(2, "little")
    (tmp_path / "a.wav").write_bytes(data)
    assert "cannot be decoded" in refused(tmp_path / "a.wav")


def test_what_is_no_number_becomes_silence_and_is_said(tmp_path: Path) -> None:
    samples = noise(1000)
    samples[0, 10], samples[1, 20:22], samples[0, 30] = np.nan, np.inf, -np.inf
    write_audio(tmp_path / "a.wav", [samples], 48000, 2, format="wav", depth="float32")
    left, warnings = heard(tmp_path / "a.wav")
    expected = np.where(np.isfinite(samples), samples, 0)
    np.testing.assert_array_equal(left, expected)
    assert warnings == ["4 samples that were not numbers (NaN or infinite) became silence"]


@pytest.mark.parametrize("rate", [1000, 384_000])
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_uncommon_rates(tmp_path: Path, format: Format, rate: int) -> None:
    samples = noise(3000)
    write_audio(tmp_path / "a", [samples], rate, 2, format=format)
    with open_audio(tmp_path / "a") as reader:
        assert reader.rate == rate
        np.testing.assert_allclose(reader.read(), samples, atol=2**-23)


def test_forty_channels(tmp_path: Path) -> None:
    samples = noise(500, 40)
    soundfile.write(tmp_path / "a.wav", samples.T, 44100, subtype="FLOAT")
    np.testing.assert_array_equal(heard(tmp_path / "a.wav")[0], samples)


@pytest.mark.parametrize(
    "name",
    [
        "emoji 🎸🥁.wav",
        "  two  spaces .wav",
        "http: live.wav",
        "concat:a|b.wav",
        "-i.wav",
        "%d.wav",
        "quote'\".wav",
        "new\nline.wav",
        os.fsdecode(b"latin1-\xe4.wav"),
        "ü" * 123 + ".wav",
        "no suffix",
        ".hidden",
    ],
)
def test_names(tmp_path: Path, name: str) -> None:
    samples = make(tmp_path / name, "wav", 1000)
    np.testing.assert_allclose(heard(tmp_path / name)[0], samples, atol=2**-23)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(AudioError, match="is empty") as caught:
        probe(tmp_path / name)
    assert str(caught.value).isprintable()


def test_the_shortest_sound_of_every_format(tmp_path: Path) -> None:
    formats: list[Format] = ["wav", "flac", "mp3", "ogg", "opus", "m4a"]
    for format in formats:
        make(tmp_path / f"a.{format}", format, 1)
        assert heard(tmp_path / f"a.{format}")[0].shape == (2, 1)


@pytest.mark.parametrize("after", [0, 5000, 100_000])
def test_a_disk_that_fails_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    make(tmp_path / "a.wav", "wav")
    whole: Callable[..., object] = Path.open

    class Failing:
        def __init__(self, file: object) -> None:
            self._file, self._left = file, after

        def read(self, size: int = -1) -> bytes:
            self._left -= max(size, 0)
            if self._left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return bytes(self._file.read(size))  # type: ignore[attr-defined]  # any file

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    monkeypatch.setattr(Path, "open", lambda self, mode: Failing(whole(self, mode)))
    with pytest.raises(AudioError, match=r"a\.wav: cannot be read \(Input/output error\)"):
        open_audio(tmp_path / "a.wav").read()
