"""What is written can be read back: as long, as loud, in time, with as many channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.sounds import lag, level_db, noise, on_grid, plain_length
from unbraid.audio.formats import Depth, Format, Target, nearest_rate
from unbraid.audio.read import open_audio
from unbraid.audio.resample import resample, resampled_length
from unbraid.audio.write import Writer, Written, write_audio
from unbraid.errors import OutputError
from unbraid.signal import Samples

LOSSY: list[Format] = ["mp3", "ogg", "opus", "m4a"]
FORMATS: list[Format] = ["wav", "flac", *LOSSY]


def write(path: Path, samples: Samples, rate: int, format: Format, depth: Depth = 24, cut: int = 0) -> Written:
    blocks = [samples[:, :cut], samples[:, cut:]]
    length = samples.shape[1]
    return write_audio(path, blocks, rate, len(samples), format=format, depth=depth, samples=length)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("format", FORMATS)
def test_length_time_level_and_channels_survive(tmp_path: Path, format: Format, rate: int, channels: int) -> None:
    samples = noise(20_011, channels)
    path = tmp_path / f"a.{format}"
    written = write(path, samples, rate, format, cut=7001)
    with open_audio(path) as reader:
        back = reader.read()
    assert reader.warnings == []
    assert reader.rate == written.rate
    expected = resample(samples, rate, written.rate)
    assert back.shape == expected.shape == (channels, written.samples)
    assert lag(expected, back) == 0
    assert abs(level_db(back) - level_db(expected)) < 0.5
    assert np.corrcoef(back[-1], expected[-1])[0, 1] > 0.9
    assert plain_length(path) == written.samples


@pytest.mark.parametrize("length", [1, 2, 47, 1000, 1024, 1025, 1152, 3460, 4608, 9217])
@pytest.mark.parametrize("format", FORMATS)
def test_any_length_is_kept(tmp_path: Path, format: Format, length: int) -> None:
    path = tmp_path / f"a.{format}"
    write(path, noise(length), 48000, format)
    with open_audio(path) as reader:
        assert sum(block.shape[1] for block in reader.blocks()) == length
    assert reader.length == length


@pytest.mark.parametrize("format", FORMATS)
def test_a_silent_song_keeps_its_length_and_its_silence(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"a.{format}"
    write(path, np.zeros((2, 70_001), np.float32), 48000, format, 16)
    with open_audio(path) as reader:
        back = reader.read()
    assert back.shape == (2, 70_001)
    assert np.abs(back).max() < 1e-4
    assert format in LOSSY or not back.any()


@pytest.mark.parametrize("format", FORMATS)
def test_the_length_need_not_be_known(tmp_path: Path, format: Format) -> None:
    path = tmp_path / f"a.{format}"
    written = write_audio(path, [noise(5000), noise(2345)], 44100, 2, format=format)
    with open_audio(path) as reader:
        assert reader.read().shape[1] == written.samples == resampled_length(7345, 44100, written.rate)


@pytest.mark.parametrize(("format", "depth"), [("wav", 16), ("wav", 24), ("flac", 16), ("flac", 24)])
def test_integers_survive_exactly(tmp_path: Path, format: Format, depth: Depth) -> None:
    assert isinstance(depth, int)
    samples = on_grid(30_000, depth)
    path = tmp_path / f"a.{format}"
    written = write(path, samples, 44100, format, depth)
    with open_audio(path) as reader:
        np.testing.assert_array_equal(reader.read(), samples)
        assert reader.exact and reader.bits == depth
    assert written.clipped == 0


def test_float32_is_never_touched(tmp_path: Path) -> None:
    samples = noise(1000, level=3.0)
    samples[0, :3] = 1e-30, -7.5, 1e30
    path = tmp_path / "a.wav"
    written = write(path, samples, 44100, "wav", "float32")
    with open_audio(path) as reader:
        np.testing.assert_array_equal(reader.read(), samples)
    assert written.clipped == 0 and written.notes == ()


@pytest.mark.parametrize("format", ["wav", "flac", "mp3"])
def test_too_loud_is_cut_counted_and_said(tmp_path: Path, format: Format) -> None:
    samples = noise(5000)
    samples[0, 100:107] = 1.5
    written = write(tmp_path / "a", samples, 44100, format)
    assert written.clipped == 7
    assert any("7 samples" in note for note in written.notes)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, format: Format) -> None:
    samples = noise(5000)

    def written(name: str, cut: int, seed: int) -> bytes:
        path = tmp_path / name
        blocks = [samples[:, :cut], samples[:, cut:]]
        write_audio(path, blocks, 44100, 2, format=format, depth=16, samples=5000, dither_seed=seed)
        return path.read_bytes()

    assert written("a", 0, 1) == written("b", 1234, 1) != written("c", 0, 2)


@pytest.mark.parametrize(("format", "rate"), [("mp3", 96000), ("opus", 44100), ("m4a", 192000), ("ogg", 1000)])
def test_another_rate_is_said(tmp_path: Path, format: Format, rate: int) -> None:
    written = write(tmp_path / "a", noise(3000), rate, format)
    assert written.rate != rate
    assert any(str(rate) in note and str(written.rate) in note for note in written.notes)


def test_the_next_higher_rate_is_taken_so_that_nothing_is_lost() -> None:
    assert nearest_rate(30_000, (8000, 32000, 44100)) == 32000
    assert nearest_rate(96_000, (8000, 32000, 44100)) == 44100


@pytest.mark.parametrize("format", ["mp3", "m4a", "opus", "ogg"])
def test_the_bit_rate_is_heeded(tmp_path: Path, format: Format) -> None:
    samples = np.random.default_rng(0).normal(0, 0.2, (2, 96_000)).astype(np.float32)

    def size(kbps: int) -> int:
        path = tmp_path / "a"
        write_audio(path, [samples], 48000, 2, format=format, bitrate_kbps=kbps)
        return path.stat().st_size

    assert size(96) < 0.7 * size(224)


@pytest.mark.parametrize(
    ("channels", "format", "depth"),
    [(6, "mp3", 24), (6, "flac", 24), (2, "flac", "float32"), (2, "aiff", 24), (2, "wav", 32)],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(
    tmp_path: Path, channels: int, format: Format, depth: Depth
) -> None:
    with pytest.raises(OutputError):
        write(tmp_path / "a", np.zeros((channels, 10), np.float32), 44100, format, depth)
    assert list(tmp_path.iterdir()) == []


def test_wav_holds_any_number_of_channels(tmp_path: Path) -> None:
    samples = noise(100, 40)
    write(tmp_path / "a.wav", samples, 44100, "wav", "float32")
    with open_audio(tmp_path / "a.wav") as reader:
        np.testing.assert_array_equal(reader.read(), samples)


def test_fewer_samples_than_announced_are_an_error_and_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="100 samples were announced and 50 came"):
        write_audio(tmp_path / "a.wav", [noise(50)], 44100, 2, format="wav", samples=100)
    assert list(tmp_path.iterdir()) == []


def test_several_files_can_be_filled_side_by_side(tmp_path: Path) -> None:
    samples = {format: noise(9000, seed=order) for order, format in enumerate(FORMATS)}
    writers = {format: Writer(tmp_path / f"a.{format}", Target(48000, 2, format)) for format in FORMATS}
    for start in range(0, 9000, 1000):
        for format, writer in writers.items():
            writer.write(samples[format][:, start : start + 1000])
    for format, writer in writers.items():
        writer.finish()
        with open_audio(writer.path) as reader:
            assert np.corrcoef(reader.read()[0], samples[format][0])[0, 1] > 0.97
    assert len(list(tmp_path.iterdir())) == len(FORMATS)
