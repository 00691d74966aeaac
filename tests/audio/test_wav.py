"""WAV headers: RIFF as long as it can be, RF64 beyond, readable by others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.sounds import noise, on_grid
from unbraid.audio import wav
from unbraid.audio.formats import Depth
from unbraid.audio.read import open_audio
from unbraid.audio.tags import Tags
from unbraid.audio.write import write_audio
from unbraid.errors import OutputError

TAGS = Tags({"title": "Odd"})


def chunks(data: bytes) -> list[bytes]:
    """Names of the chunks; fails if sizes do not lead from one to the next and to the end."""
    names, position = [], 12
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        names.append(data[position : position + 4])
        if names[-1] == b"data" and size == 0xFFFFFFFF:
            size = int.from_bytes(data[28:36], "little")
        position += 8 + size + size % 2
    assert position == len(data)
    return names


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize(("depth", "subtype"), [(16, "PCM_16"), (24, "PCM_24"), ("float32", "FLOAT")])
def test_others_read_it(tmp_path: Path, depth: Depth, subtype: str, channels: int) -> None:
    samples = on_grid(1001, 16, channels)
    write_audio(tmp_path / "a.wav", [samples], 48000, channels, format="wav", depth=depth, samples=1001)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype
    read, rate = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert rate == 48000
    np.testing.assert_array_equal(read.T, samples)


def test_a_known_length_needs_no_gap_in_the_header(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", [noise(100)], 44100, 2, format="wav", samples=100)
    data = (tmp_path / "a.wav").read_bytes()
    assert data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") == len(data) - 8
    assert chunks(data) == [b"fmt ", b"data"]


@pytest.mark.parametrize("samples", [None, 1001])
@pytest.mark.parametrize("depth", [24, "float32"])
def test_past_the_limit_it_becomes_rf64(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: int | None, depth: Depth
) -> None:
    monkeypatch.setattr(wav, "RIFF_LIMIT", 4000)
    sound = on_grid(1001, 16)
    path = tmp_path / "a.wav"
    write_audio(path, [sound[:, :500], sound[:, 500:]], 44100, 2, format="wav", depth=depth, samples=samples, tags=TAGS)
    data = path.read_bytes()
    assert data[:4] == b"RF64" and data[12:16] == b"ds64"
    assert int.from_bytes(data[20:28], "little") == len(data) - 8
    assert int.from_bytes(data[36:44], "little") == 1001
    assert chunks(data)[-3:] == [b"data", b"LIST", b"id3 "]
    read, _ = soundfile.read(path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read.T, sound)
    with open_audio(path) as reader:
        np.testing.assert_array_equal(reader.read(), sound)
        assert reader.warnings == []


def test_below_the_limit_an_unknown_length_stays_riff(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", [noise(100)], 44100, 2, format="wav")
    data = (tmp_path / "a.wav").read_bytes()
    assert data[:4] == b"RIFF"
    assert chunks(data) == [b"JUNK", b"fmt ", b"data"]


def test_a_true_rf64_header_counts_beyond_32_bits(tmp_path: Path) -> None:
    with (tmp_path / "a.wav").open("w+b") as file:
        encoder = wav.WavEncoder(file, 44100, 2, 24, Tags(), 1_000_000_000, 0)
        encoder._written = 6_000_000_000
        header = encoder._header()
    assert header[:4] == b"RF64"
    assert int.from_bytes(header[28:36], "little") == 6_000_000_000


def test_more_than_was_announced_does_not_end_in_a_false_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wav, "RIFF_LIMIT", 4000)
    with (tmp_path / "a.wav").open("w+b") as file:
        encoder = wav.WavEncoder(file, 44100, 2, 24, Tags(), 10, 0)
        encoder.write(noise(1000))
        with pytest.raises(OutputError, match="announced"):
            encoder.finish()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_odd_sizes_are_padded(tmp_path: Path, length: int) -> None:
    write_audio(tmp_path / "a.wav", [noise(length, 1)], 44100, 1, format="wav", samples=length, tags=TAGS)
    assert chunks((tmp_path / "a.wav").read_bytes()) == [b"fmt ", b"data", b"LIST", b"id3 "]
