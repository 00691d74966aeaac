"""A song file in, stem files out: what is promised about them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from tests.api.conftest import noise, read_back, write_song
from tests.runtime.graphs import write_graph
from unbraid.api import Job, Model, Options, deliver, load, separate_file
from unbraid.api.manifest import Report
from unbraid.audio.read import open_audio
from unbraid.audio.tags import Tags, read_tags
from unbraid.audio.write import write_audio
from unbraid.engine.source import BLOCK
from unbraid.errors import AudioError, Cancelled, OutputError, UsageError
from unbraid.signal import Samples


def do(song: Path, model: Model, out: Path, **options: Any) -> Report:
    return separate_file(Job(song, song.stem, out, Options(**options)), model)


def files(report: Report, out: Path) -> dict[str, Samples]:
    return {name: read_back(out / entry.file)[0] for name, entry in report.stems.items()}


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("length", [1, 777, 50_001])
def test_stems_have_the_songs_length_rate_and_channels(
    tmp_path: Path, toy_model: Model, rate: int, channels: int, length: int
) -> None:
    song = write_song(tmp_path / "song.wav", noise(length / rate, rate, channels), rate)
    report = do(song, toy_model, tmp_path / "out")
    assert list(report.stems) == ["vocals", "rest"]
    for entry in report.stems.values():
        samples, found = read_back(tmp_path / "out" / entry.file)
        assert (samples.shape, found) == ((channels, length), rate)


def test_the_stems_are_what_the_model_answers(tmp_path: Path, toy_model: Model) -> None:
    samples = noise(0.5)
    song = write_song(tmp_path / "song.wav", samples)
    stems = files(do(song, toy_model, tmp_path / "out"), tmp_path / "out")
    np.testing.assert_allclose(stems["vocals"], samples / 4, atol=1e-5)
    np.testing.assert_allclose(stems["rest"], samples * 3 / 4, atol=1e-5)


def test_another_rate_costs_little(tmp_path: Path, toy_model: Model) -> None:
    """A tone well below both Nyquist rates survives the way to the model's rate and back."""
    time = np.arange(48_000) / 48_000
    tone = np.tile((0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32), (2, 1))
    song = write_song(tmp_path / "song.wav", tone, 48_000)
    vocals = files(do(song, toy_model, tmp_path / "out"), tmp_path / "out")["vocals"]
    inner = slice(2000, -2000)
    error = vocals[:, inner] - tone[:, inner] / 4
    assert 10 * np.log10(np.mean(error**2) / np.mean((tone / 4) ** 2)) < -70


@pytest.mark.parametrize("depth", [16, 24])
def test_integer_files_null_bit_for_bit(tmp_path: Path, toy_model: Model, depth: Any) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.7), subtype=f"PCM_{depth}")
    report = do(song, toy_model, tmp_path / "out", stems=("vocals",), residual=True, depth=depth)
    assert list(report.stems) == ["vocals", "residual"]
    total = np.zeros((2, 30870), np.int64)
    for entry in report.stems.values():
        total += soundfile.read(tmp_path / "out" / entry.file, dtype="int32")[0].T.astype(np.int64)
    mix = soundfile.read(song, dtype="int32")[0].T
    np.testing.assert_array_equal(total, mix)


def test_float_files_null_below_minus_100_db(tmp_path: Path, toy_model: Model) -> None:
    samples = noise(0.7, level=1.5)
    song = write_song(tmp_path / "song.wav", samples, subtype="FLOAT")
    stems = files(do(song, toy_model, tmp_path / "out", residual=True, depth="float32"), tmp_path / "out")
    error = sum(each.astype(np.float64) for each in stems.values()) - samples
    assert np.mean(error**2) < 1e-10 * np.mean(samples.astype(np.float64) ** 2)
    assert np.abs(stems["rest"]).max() > 1.5, "float output must not be clipped"


def test_one_gain_for_all_files_where_one_would_clip(tmp_path: Path, toy_model: Model) -> None:
    samples = noise(0.3, level=1.0)
    song = write_song(tmp_path / "song.wav", samples, subtype="FLOAT")
    report = do(song, toy_model, tmp_path / "out")
    stems = files(report, tmp_path / "out")
    assert report.gain_db < 0
    gain = 10 ** (report.gain_db / 20)
    np.testing.assert_allclose(stems["vocals"], samples * gain / 4, atol=2e-3)
    np.testing.assert_allclose(stems["rest"] / 3, stems["vocals"], atol=1e-6)
    assert max(np.abs(each).max() for each in stems.values()) < 1
    kept = do(song, toy_model, tmp_path / "out2", depth="float32")
    assert kept.gain_db == 0


def test_clipped_files_with_a_residual_are_told_not_to_add_up(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.3, level=1.0), subtype="FLOAT")
    warnings = do(song, toy_model, tmp_path / "out", gain="none", residual=True).warnings
    assert any("do not add up" in warning for warning in warnings)
    assert not do(song, toy_model, tmp_path / "kept", residual=True).warnings


def test_two_stems_add_up_to_the_mix(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    report = do(song, toy_model, tmp_path / "out", two_stems="vocals")
    assert list(report.stems) == ["vocals", "no_vocals"]
    assert report.residual_db is None
    total = sum(soundfile.read(tmp_path / "out" / e.file, dtype="int32")[0].astype(int) for e in report.stems.values())
    np.testing.assert_array_equal(total, soundfile.read(song, dtype="int32")[0])


def test_silence_stays_silence(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", np.zeros((2, 40_000), np.float32))
    report = do(song, toy_model, tmp_path / "out", residual=True)
    assert not any(each.any() for each in files(report, tmp_path / "out").values())
    assert report.residual_db is None
    assert all(entry.peak_dbfs is None and entry.lufs is None for entry in report.stems.values())


def test_a_part_of_the_song(tmp_path: Path, toy_model: Model) -> None:
    samples = noise(2.0)
    song = write_song(tmp_path / "song.wav", samples)
    report = do(song, toy_model, tmp_path / "out", start_s=0.5, stop_s=1.25)
    assert report.seconds == 0.75
    np.testing.assert_allclose(files(report, tmp_path / "out")["vocals"], samples[:, 22_050:55_125] / 4, atol=1e-5)
    with pytest.raises(AudioError, match=r"song\.wav: has no sound between 5 s and its end"):
        do(song, toy_model, tmp_path / "out", start_s=5.0)


def test_a_second_run_is_skipped_and_other_options_are_not(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    first = do(song, toy_model, out)
    stamp = (out / first.stems["vocals"].file).stat().st_mtime_ns
    again = do(song, toy_model, out)
    assert again.skipped
    assert again.stems == first.stems
    assert (out / first.stems["vocals"].file).stat().st_mtime_ns == stamp
    assert not do(song, toy_model, out, depth=16).skipped
    assert not do(song, toy_model, out).skipped, "the files are those of another depth now"
    (out / first.stems["rest"].file).unlink()
    assert not do(song, toy_model, out).skipped
    write_song(song, noise(0.2, seed=1))
    assert not do(song, toy_model, out).skipped
    assert not separate_file(Job(song, "song", out, Options()), toy_model, force=True).skipped


def test_sounds_of_another_run_beside_the_new_ones_are_told(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    assert do(song, toy_model, out).warnings == []
    told = ["rest.wav: beside the others, but not of this run"]
    assert do(song, toy_model, out, two_stems="vocals").warnings == told
    again = do(song, toy_model, out, two_stems="vocals")
    assert again.skipped and again.warnings == told
    (out / "toy" / "song" / "rest.wav").unlink()
    assert do(song, toy_model, out, two_stems="vocals").warnings == []
    flat = "{track} {stem}.{ext}"
    do(song, toy_model, tmp_path / "flat", template=flat)
    assert do(song, toy_model, tmp_path / "flat", template=flat, two_stems="vocals").warnings == []


@pytest.mark.parametrize("format", ["mp3", "ogg", "opus", "m4a"])
def test_fewer_bits_make_smaller_files(tmp_path: Path, toy_model: Model, format: Any) -> None:
    song = write_song(tmp_path / "song.wav", noise(3.0))
    sizes = [
        do(song, toy_model, tmp_path / str(kbps), format=format, bitrate_kbps=kbps).stems["vocals"].bytes
        for kbps in (None, 96, 64)
    ]
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2]


def test_opus_in_mono_takes_what_it_can(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5, channels=1))
    do(song, toy_model, tmp_path / "out", format="opus", bitrate_kbps=320)


def test_a_damaged_manifest_means_do_it_again(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    do(song, toy_model, out)
    manifest = out / "toy" / "song" / "unbraid.json"
    good = manifest.read_text()
    numbered = good.replace('"toy/song/rest.wav"', "5")
    for text in ("", "[]", "{}", good.replace('"bytes"', '"byte"'), good[:100], numbered):
        manifest.write_text(text)
        assert not do(song, toy_model, out).skipped


def test_the_manifest_tells_what_was_done(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    do(song, toy_model, out, seed=3)
    told = json.loads((out / "toy" / "song" / "unbraid.json").read_text())
    assert told["options"]["seed"] == 3
    assert told["report"]["stems"]["vocals"]["file"] == "toy/song/vocals.wav"


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.4), subtype="FLOAT")
    runs = [do(song, toy_model, tmp_path / name, depth=16, shifts=2, seed=5) for name in ("a", "b")]
    for name in runs[0].stems:
        first, second = ((tmp_path / folder / runs[0].stems[name].file).read_bytes() for folder in ("a", "b"))
        assert first == second


def test_only_final_files_are_left(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    do(song, toy_model, out)
    left = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert left == ["toy/song/rest.wav", "toy/song/unbraid.json", "toy/song/vocals.wav"]


def test_a_cancelled_run_leaves_nothing(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(3.0)), tmp_path / "out"
    with pytest.raises(Cancelled):
        separate_file(Job(song, "song", out, Options()), toy_model, stop_asked=iter([False] * 4 + [True] * 99).__next__)
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_what_breaks_off_the_writing_does_not_wait_for_it(
    tmp_path: Path, toy_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is worth finishing once another cannot be."""
    blocks = []

    def slow(self: object, samples: Iterator[Samples]) -> Iterator[Samples]:
        for block in usual(self, samples):
            blocks.append(block)
            if len(blocks) == 2:  # of whichever file
                raise OutputError("no room")
            time.sleep(0.05)
            yield block

    usual = deliver._Heard.through
    monkeypatch.setattr(deliver._Heard, "through", slow)
    song, out = write_song(tmp_path / "song.wav", noise(400.0, 8000, 1), 8000), tmp_path / "out"
    with pytest.raises(OutputError, match="no room"):
        do(song, toy_model, out)
    assert len(blocks) <= 4 < 3_200_000 / BLOCK
    assert not [path for path in out.rglob("*") if path.is_file()]


def test_an_unknown_stem_is_named_before_any_work(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.2))
    with pytest.raises(UsageError, match="no stem is called harp; this model has vocals, rest"):
        do(song, toy_model, tmp_path / "out", stems=("harp",))
    assert not (tmp_path / "out").exists()


def test_another_template_and_its_manifest(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    report = do(song, toy_model, out, template="{track} - {stem}.{ext}")
    assert {entry.file for entry in report.stems.values()} == {"song - vocals.wav", "song - rest.wav"}
    assert (out / "song.unbraid.json").is_file()
    assert do(song, toy_model, out, template="{track} - {stem}.{ext}").skipped


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "opus", "m4a"])
def test_every_format_keeps_the_length(tmp_path: Path, toy_model: Model, format: Any) -> None:
    song = write_song(tmp_path / "song.wav", noise(1.2345, 48_000), 48_000)
    report = do(song, toy_model, tmp_path / "out", format=format)
    for entry in report.stems.values():
        with open_audio(tmp_path / "out" / entry.file) as reader:
            assert reader.read().shape == (2, round(1.2345 * 48_000))
            assert reader.rate == 48_000


def test_a_stem_file_holds_the_mix_and_the_stems(tmp_path: Path) -> None:
    shares = dict.fromkeys(("vocals", "drums", "bass", "other"), 0.25)
    model = load(write_graph(tmp_path, "mask", shares).with_suffix(".onnx"))
    song = write_song(tmp_path / "song.wav", noise(1.0))
    report = do(song, model, tmp_path / "out", format="stem.mp4")
    assert list(report.stems) == list(shares)
    (file,) = {entry.file for entry in report.stems.values()}
    assert file == "toy/song/song.stem.mp4"
    with av.open(str(tmp_path / "out" / file)) as container:
        assert len(container.streams.audio) == 5


def test_tags_are_carried_over(tmp_path: Path, toy_model: Model) -> None:
    song, out = tmp_path / "song.flac", tmp_path / "out"
    write_audio(song, [noise(0.3)], 44_100, 2, format="flac", tags=Tags({"title": "A song", "artist": "Somebody"}))
    report = do(song, toy_model, out, format="mp3")
    assert read_tags(out / report.stems["vocals"].file).values["artist"] == "Somebody"


def test_surround_is_mixed_down_and_said(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.3, channels=6))
    report = do(song, toy_model, tmp_path / "out")
    assert any("6 channels" in each and "mixed down to stereo" in each for each in report.warnings)
    assert {len(each) for each in files(report, tmp_path / "out").values()} == {2}


def test_the_picture_is_drawn(tmp_path: Path, toy_model: Model) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.5)), tmp_path / "out"
    do(song, toy_model, out, plot=True)
    assert (out / "toy" / "song" / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_that_is_stopped_among_its_files_leaves_no_manifest(
    tmp_path: Path, toy_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    song, out = write_song(tmp_path / "song.wav", noise(0.2)), tmp_path / "out"
    do(song, toy_model, out)

    move = Path.replace

    def stop(self: Path, target: Path) -> Path:
        if self.name == "unbraid.json":
            raise KeyboardInterrupt
        return move(self, target)

    with monkeypatch.context() as stopped:
        stopped.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            do(song, toy_model, out, seed=1)
    assert not do(song, toy_model, out).skipped, "the files are those of the run that was stopped"


def test_rates_too_low_for_loudness_have_none(tmp_path: Path, toy_model: Model) -> None:
    song = write_song(tmp_path / "song.wav", noise(1.0, 2000), 2000)
    report = do(song, toy_model, tmp_path / "out")
    assert all(entry.lufs is None and entry.peak_dbfs is not None for entry in report.stems.values())


def test_a_disk_without_room_is_told_before_the_work(
    tmp_path: Path, toy_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = write_song(tmp_path / "song.wav", noise(0.5))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 * 22_050 * 2 * 4 - 1))
    with pytest.raises(OutputError, match="out: the stems need 0 MiB"):
        do(song, toy_model, tmp_path / "out")
    assert do(song, toy_model, tmp_path / "out", stems=("vocals",)).stems


def test_samples_too_large_for_sound_are_told(tmp_path: Path, toy_model: Model) -> None:
    samples = noise(0.2)
    samples[:, 100] = 1e30
    song = write_song(tmp_path / "song.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"song\.wav: has samples of 1e\+30 times full scale"):
        do(song, toy_model, tmp_path / "out", depth="float32")
