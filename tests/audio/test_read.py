"""Reading: any container, any block size, flat, exact, and in time even where something is broken."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audio.sounds import encode, lag, noise, on_grid
from unbraid.audio import mp4
from unbraid.audio.formats import Format
from unbraid.audio.read import open_audio
from unbraid.audio.resample import resampled_length
from unbraid.audio.write import write_audio
from unbraid.signal import Samples


def read(path: Path) -> tuple[Samples, list[str]]:
    with open_audio(path) as reader:
        return reader.read(), reader.warnings


@pytest.fixture(scope="module")
def some_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("read") / "a.mp3"
    write_audio(path, [noise(20_000)], 44100, 2, format="mp3", samples=20_000)
    return path


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(size=st.integers(1, 30_000))
def test_blocks_of_any_size_give_the_same(some_file: Path, size: int) -> None:
    with open_audio(some_file) as reader:
        blocks = list(reader.blocks(size))
        assert all(block.shape == (2, size) for block in blocks[:-1])
        assert 0 < blocks[-1].shape[1] <= size
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), reader.read())


@pytest.mark.parametrize(
    ("name", "codec", "sample_format"),
    [
        ("a.aiff", "pcm_s16be", "s16"),
        ("a.aiff", "pcm_s24be", "s32"),
        ("a.w64", "pcm_s24le", "s32"),
        ("a.caf", "pcm_s16be", "s16"),
        ("a.mka", "pcm_s16le", "s16"),
        ("a.mkv", "flac", "s32"),
        ("a.m4a", "alac", "s32p"),
        ("a.wv", "wavpack", "s16p"),
        ("a.tta", "tta", "s16"),
        ("a.au", "pcm_s16be", "s16"),
    ],
)
def test_lossless_files_are_exact(tmp_path: Path, name: str, codec: str, sample_format: str) -> None:
    bits = 24 if sample_format.startswith("s32") else 16
    samples = on_grid(10_000, bits)
    encode(tmp_path / name, samples, 44100, codec, sample_format=sample_format)
    with open_audio(tmp_path / name) as reader:
        np.testing.assert_array_equal(reader.read(), samples)
        assert (reader.rate, reader.channels, reader.bits, reader.exact) == (44100, 2, bits, True)
        assert reader.warnings == []


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wma", "wmav2"), ("a.webm", "libopus"), ("a.avi", "libmp3lame"), ("a.ac3", "ac3"), ("a.aac", "aac")],
)
def test_other_lossy_files_are_heard(tmp_path: Path, name: str, codec: str) -> None:
    sample_format = "flt" if codec == "libopus" else "fltp"
    samples = noise(48_000)
    encode(tmp_path / name, samples, 48000, codec, sample_format=sample_format)
    heard, warnings = read(tmp_path / name)
    assert abs(heard.shape[1] - 48_000) < 6000
    late = lag(samples, heard)
    assert abs(late) < 3000
    part = slice(5000, 35_000)
    assert np.corrcoef(samples[0, part], heard[0, part.start + late : part.stop + late])[0, 1] > 0.9
    assert warnings == []


def test_the_sound_of_a_video_is_heard(tmp_path: Path) -> None:
    samples = noise(22_050)
    encode(tmp_path / "a.mp4", samples, 44100, "aac", with_picture=True)
    heard, warnings = read(tmp_path / "a.mp4")
    assert heard.shape == samples.shape
    assert lag(samples, heard) == 0
    assert warnings == []


@pytest.mark.parametrize("codec", ["aac", "flac", "pcm_s16le"])
def test_eight_channels_are_told_apart(tmp_path: Path, codec: str) -> None:
    samples = noise(9000, 8)
    sample_format = "fltp" if codec == "aac" else "s16"
    name = {"aac": "a.m4a", "flac": "a.flac", "pcm_s16le": "a.wav"}[codec]
    encode(tmp_path / name, samples, 44100, codec, sample_format=sample_format, layout="7.1")
    with open_audio(tmp_path / name) as reader:
        heard = reader.read()
        assert reader.layout == ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")
    assert heard.shape == samples.shape
    likeness = np.corrcoef(samples, heard)[:8, 8:]
    loud = [channel for channel in range(8) if channel != 3]  # AAC keeps next to nothing of the low-frequency channel
    assert (np.argmax(likeness, axis=1)[loud] == loud).all()


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_U8", 8), ("PCM_16", 16), ("PCM_24", 24), ("PCM_32", 32)])
def test_integers_of_every_width(tmp_path: Path, subtype: str, bits: int) -> None:
    samples = on_grid(1000, min(bits, 24))
    whole = np.rint(samples.T.astype(np.float64) * 2**31 - (samples.T > 0.9)).astype(np.int32)
    soundfile.write(tmp_path / "a.wav", whole, 44100, subtype=subtype)
    with open_audio(tmp_path / "a.wav") as reader:
        heard = reader.read()
        assert reader.bits == bits
        assert reader.exact == (bits <= 24)
    assert np.abs(heard - samples).max() <= 2.0 ** (1 - min(bits, 24))


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_beyond_full_scale_stay(tmp_path: Path, subtype: str) -> None:
    samples = noise(1000, level=4.0)
    soundfile.write(tmp_path / "a.wav", samples.T, 44100, subtype=subtype)
    with open_audio(tmp_path / "a.wav") as reader:
        np.testing.assert_array_equal(reader.read(), samples)
        assert reader.bits is None and not reader.exact


def test_an_mp4_that_counts_milliseconds_loses_nothing(tmp_path: Path) -> None:
    for length in (20_000, 20_011, 20_033):
        encode(tmp_path / "a.m4a", noise(length), 44100, "aac")
        assert read(tmp_path / "a.m4a")[0].shape[1] == length


def test_an_edit_list_that_ends_earlier_is_heeded(tmp_path: Path) -> None:
    encode(tmp_path / "a.m4a", noise(20_000), 44100, "aac", options={"movie_timescale": "44100"})
    with (tmp_path / "a.m4a").open("r+b") as file:
        edits = mp4.find(file, b"moov", b"trak", b"edts", b"elst")
        assert edits is not None
        file.seek(edits.body + 8)
        file.write((19_000).to_bytes(4, "big"))
    assert read(tmp_path / "a.m4a")[0].shape[1] == 19_000


def test_the_default_track_is_heard(tmp_path: Path) -> None:
    import av

    loud, quiet = noise(10_000, 1, level=0.2), noise(10_000, 1, seed=1, level=0.001)
    encode(tmp_path / "loud.mka", loud, 44100, "pcm_s16le", sample_format="s16")
    encode(tmp_path / "quiet.mka", quiet, 44100, "pcm_s16le", sample_format="s16")
    with av.open(str(tmp_path / "both.mka"), "w") as both:
        inputs = [av.open(str(tmp_path / name)) for name in ("quiet.mka", "loud.mka")]
        streams = [both.add_stream_from_template(file.streams.audio[0]) for file in inputs]
        streams[0].disposition, streams[1].disposition = 0, av.stream.Disposition.default
        for file, stream in zip(inputs, streams, strict=True):
            for packet in file.demux(file.streams.audio[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    both.mux(packet)
            file.close()
    assert np.abs(read(tmp_path / "both.mka")[0]).max() > 0.1


def test_files_strung_together_are_made_uniform_and_it_is_said(tmp_path: Path) -> None:
    first, second = noise(441_000), noise(48_000, 1, seed=1)
    write_audio(tmp_path / "a.mp3", [first], 44100, 2, format="mp3", samples=441_000)
    write_audio(tmp_path / "b.mp3", [second], 48000, 1, format="mp3", samples=48_000)
    (tmp_path / "ab.mp3").write_bytes((tmp_path / "a.mp3").read_bytes() + (tmp_path / "b.mp3").read_bytes())
    heard, warnings = read(tmp_path / "ab.mp3")
    expected = 441_000 + resampled_length(48_000, 48000, 44100)
    assert heard.shape[0] == 2
    assert abs(heard.shape[1] - expected) < 5000
    assert any("change on the way" in warning for warning in warnings)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 12_000] = bytes(12_000)
    path.write_bytes(data)


def test_what_follows_a_damaged_spot_of_flac_stays_in_time(tmp_path: Path) -> None:
    samples = noise(200_000, 1)
    path = tmp_path / "a.flac"
    write_audio(path, [samples], 44100, 1, format="flac", samples=200_000)
    damage(path)
    heard, warnings = read(path)
    assert heard.shape[1] == 200_000
    assert lag(samples[:, -50_000:], heard[:, -50_000:]) == 0
    assert any("damaged" in warning and "silence" in warning for warning in warnings)


@pytest.mark.parametrize("format", ["mp3", "ogg", "opus", "m4a"])
def test_a_damaged_spot_does_not_end_the_song_and_is_said(tmp_path: Path, format: Format) -> None:
    samples = noise(200_000, 1)
    path = tmp_path / f"a.{format}"
    write_audio(path, [samples], 48000, 1, format=format, samples=200_000)
    damage(path)
    heard, warnings = read(path)
    assert 150_000 < heard.shape[1] <= 201_000
    assert np.abs(heard[:, -20_000:]).max() > 0.1
    assert warnings


def test_reading_twice_gives_the_same_and_does_not_repeat_warnings(some_file: Path, tmp_path: Path) -> None:
    data = some_file.read_bytes()
    (tmp_path / "cut.mp3").write_bytes(data[: len(data) // 2])
    with open_audio(tmp_path / "cut.mp3") as reader:
        np.testing.assert_array_equal(reader.read(), reader.read())
        assert len(reader.warnings) == 1


def test_a_long_silence_is_read_in_little_memory(tmp_path: Path) -> None:
    """Silence as FLAC is next to nothing on the disk; nothing may make it large in memory."""
    minutes = [np.zeros((1, 1 << 20), np.float32)] * 8
    write_audio(tmp_path / "a.flac", minutes, 44100, 1, format="flac", depth=16)
    assert (tmp_path / "a.flac").stat().st_size < 1 << 16
    tracemalloc.start()
    with open_audio(tmp_path / "a.flac") as reader:
        total = sum(block.shape[1] for block in reader.blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 8 << 20
    assert peak < 2 << 20
