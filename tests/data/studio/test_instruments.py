"""Our own instruments and small made-up kits: pitch, bandwidth, velocity, time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from unbraid.data.studio import drum_synth, strings, synth
from unbraid.data.studio.kits import read_hydrogen, read_one_shots
from unbraid.data.studio.oscillator import RATE, envelope, hertz, oscillate
from unbraid.data.studio.score import Note
from unbraid.data.studio.strums import chord_kind, read_strums, strokes_of
from unbraid.errors import AudioError, UsageError


def strongest_hz(samples: NDArray[np.float32], low: float = 30.0, high: float = 2000.0) -> float:
    """Frequency of the highest line of the spectrum between ``low`` and ``high``."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 4 * len(samples)))
    hz = np.fft.rfftfreq(4 * len(samples), 1 / RATE)
    power[(hz < low) | (hz > high)] = 0
    return float(hz[np.argmax(power)])


def write_tone(path: Path, hz: float, peak: float, seconds: float = 0.2) -> None:
    time = np.arange(int(seconds * RATE)) / RATE
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, peak * np.sin(2 * np.pi * hz * time), RATE, subtype="PCM_16")


@pytest.mark.parametrize("shape", ["saw", "square", "triangle", "pulse", "sine"])
def test_waves_have_their_pitch_and_no_mirrored_harmonics(shape: str) -> None:
    """At 1.1 kHz whatever is not a harmonic would be aliasing; it stays 50 dB below the wave."""
    wave = oscillate(shape, 1100.0, RATE, 0.3).astype(np.float64)
    power = np.abs(np.fft.rfft(wave * np.hanning(RATE))) ** 2
    hz = np.arange(len(power))
    near = np.abs((hz + 550) % 1100 - 550) <= 4
    assert power[~near].sum() < 1e-5 * power.sum()
    assert strongest_hz(wave.astype(np.float32)) == pytest.approx(1100, abs=2)


def test_an_envelope_starts_and_ends_at_zero() -> None:
    level = envelope(20_000, 0.01, 0.2, 0.5, 0.1, 12_000)
    assert level[0] == 0
    assert level[-1] == 0
    assert 0.9 < level.max() <= 1
    assert np.all(np.diff(level[12_000:]) <= 0)


@pytest.mark.parametrize("kind", synth.KINDS)
def test_synthesisers_sound_where_the_notes_are(kind: str) -> None:
    rng = np.random.default_rng(5)
    samples = synth.play(synth.draw_patch(kind, rng), [Note(0.5, 1.0, 48, 100)], 5.0, rng)
    assert samples.shape == (2, 5 * RATE)
    assert not samples[:, : RATE // 2].any()
    assert 0.01 < np.abs(samples[:, RATE // 2 : RATE]).max() < 1.5
    assert np.abs(samples[:, -RATE // 10 :]).max() < 1e-4


def test_an_unknown_patch_is_refused() -> None:
    with pytest.raises(UsageError, match="supersaw"):
        synth.draw_patch("kazoo", np.random.default_rng(0))


@pytest.mark.parametrize("pitch", [33, 45, 57, 69])
def test_strings_are_in_tune(pitch: int) -> None:
    """Within 5 cents, found at the strongest of the first partials."""
    rng = np.random.default_rng(1)
    samples = strings.play(strings.draw_string("electric", rng), [Note(0, 2, pitch, 100)], 2.0, rng)[0]
    found = strongest_hz(samples, 0.7 * hertz(pitch), 5 * hertz(pitch))
    partial = round(found / hertz(pitch))
    assert abs(1200 * np.log2(found / partial / hertz(pitch))) < 5


def test_a_palm_on_the_strings_ends_the_note() -> None:
    sound = strings.draw_string("electric", np.random.default_rng(2))
    late = slice(int(0.6 * RATE), int(0.9 * RATE))
    open_note, muted = (
        strings.play(sound, [Note(0, 1, 45, 100, mute)], 1.0, np.random.default_rng(0)) for mute in (False, True)
    )
    assert np.abs(muted[:, late]).max() < 0.05 * np.abs(open_note[:, late]).max()


def test_an_electronic_kit_strikes_on_time_and_chokes_its_hat() -> None:
    kit = drum_synth.draw_kit(np.random.default_rng(3))
    rng = np.random.default_rng(0)
    kick = kit.play([Note(0.25, 0.3, 36, 127)], 1.0, rng)
    assert not kick[:, : RATE // 4].any()
    assert np.abs(kick).max() == pytest.approx(1.0, abs=0.01)
    hats = kit.play([Note(0.0, 0.1, 46, 100), Note(0.1, 0.2, 42, 1)], 1.0, rng)
    assert np.abs(hats[:, int(0.12 * RATE) :]).max() < 0.02


def hydrogen_kit(folder: Path) -> Path:
    """A kit of two instruments; the kick has a soft and a hard layer."""
    write_tone(folder / "soft.wav", 60, 0.1)
    write_tone(folder / "hard.wav", 90, 0.9)
    write_tone(folder / "hat.wav", 9000, 0.5)
    (folder / "drumkit.xml").write_text(
        '<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><instrumentList>'
        "<instrument><name>Bass Drum</name>"
        "<layer><filename>soft.wav</filename><min>0</min><max>0.5</max></layer>"
        "<layer><filename>hard.wav</filename><min>0.5</min><max>1</max></layer></instrument>"
        "<instrument><name>Closed HH</name><filename>hat.wav</filename></instrument>"
        "<instrument><name>Mystery</name><filename>hat.wav</filename></instrument>"
        "<instrument><name>Snare</name><filename>gone.wav</filename></instrument>"
        "</instrumentList></drumkit_info>"
    )
    return folder


def test_a_hydrogen_kit_strikes_the_layer_of_the_force(tmp_path: Path) -> None:
    kit = read_hydrogen(hydrogen_kit(tmp_path), "made", "CC0-1.0")
    assert [(i.kind, len(i.layers)) for i in kit.instruments] == [("kick", 2), ("hihat closed", 1)]
    assert not kit.whole
    soft = kit.play([Note(0.0, 0.1, 36, 40)], 0.3, np.random.default_rng(0))
    hard = kit.play([Note(0.0, 0.1, 36, 120)], 0.3, np.random.default_rng(0))
    assert strongest_hz(soft[0]) == pytest.approx(60, rel=0.1)
    assert strongest_hz(hard[0]) == pytest.approx(90, rel=0.1)


def test_a_pitch_that_no_instrument_plays_is_silent(tmp_path: Path) -> None:
    kit = read_hydrogen(hydrogen_kit(tmp_path), "made", "CC0-1.0")
    assert not kit.play([Note(0.0, 0.1, 38, 100)], 0.3, np.random.default_rng(0)).any()


def test_a_broken_kit_is_named(tmp_path: Path) -> None:
    (tmp_path / "drumkit.xml").write_text("<drumkit_info>")
    with pytest.raises(AudioError, match=r"drumkit\.xml"):
        read_hydrogen(tmp_path, "made", "CC0-1.0")


def test_one_shots_are_known_by_their_names(tmp_path: Path) -> None:
    for name in ("bd_boom", "sn_dolf", "drum_cymbal_closed", "vinyl_hiss"):
        write_tone(tmp_path / f"{name}.wav", 100, 0.5)
    (tmp_path / "tom_torn.wav").write_bytes(b"RIFF")
    kit = read_one_shots(sorted(tmp_path.glob("*.wav")), "made", "CC0-1.0")
    assert {instrument.kind for instrument in kit.instruments} == {"kick", "snare", "hihat closed"}
    assert kit.whole


def strum_notes(start_s: float, pitches: list[int]) -> list[Note]:
    return [Note(start_s + 0.01 * n, start_s + 0.4, pitch, 100) for n, pitch in enumerate(pitches)]


@pytest.mark.parametrize(("pitches", "kind"), [([48, 52, 55, 60], (0, False)), ([45, 52, 57, 60, 64], (9, True))])
def test_the_kind_of_a_strummed_chord(pitches: list[int], kind: tuple[int, bool]) -> None:
    assert chord_kind(pitches) == kind


def test_a_chord_that_was_not_recorded_is_moved_from_its_neighbour(tmp_path: Path) -> None:
    write_tone(tmp_path / "Cmajor_DOWN_00.flac", 262, 0.5, 0.5)
    write_tone(tmp_path / "Aminor_DOWN_00.flac", 440, 0.5, 0.5)
    book = read_strums(tmp_path, "made", "CC0-1.0")
    d_major = strum_notes(0.0, [50, 57, 62, 66])
    samples = book.play(d_major, 1.0, np.random.default_rng(0))
    assert strongest_hz(samples[0][: RATE // 3]) == pytest.approx(262 * 2 ** (2 / 12), rel=0.02)


def test_strings_struck_together_are_one_stroke() -> None:
    notes = strum_notes(0.0, [48, 52, 55]) + strum_notes(0.5, [48, 52])
    assert [len(stroke) for stroke in strokes_of(notes)] == [3, 2]
