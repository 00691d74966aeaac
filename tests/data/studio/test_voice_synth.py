"""The parts of the singer: envelopes in, spectra out."""

from __future__ import annotations

import numpy as np

from unbraid.data.studio.voice_analysis import (
    BANDS,
    NOISE_BANDS,
    RATE,
    band_centres_hz,
    cut_syllables,
    extend_band,
    to_bands,
)
from unbraid.data.studio.voice_phrase import bent, vowel_map, warp
from unbraid.data.studio.voice_speech import on_beats, stretch
from unbraid.data.studio.voice_style import Style
from unbraid.data.studio.voice_synth import Roughness, VoiceFrames, minimum_phase, synthesise

HZ = band_centres_hz()
EVEN = Roughness(jitter=0.0, shimmer=0.0, breath_pulse=0.0)


def hump(centre_hz: float) -> np.ndarray:
    return (-30 * np.abs(np.log2(HZ / centre_hz))).astype(np.float32)


def frames(count: int, pitch_hz: float, noise: float) -> VoiceFrames:
    return VoiceFrames(
        np.tile(hump(1000), (count, 1)),
        np.full((count, NOISE_BANDS), noise, dtype=np.float32),
        np.full(count, pitch_hz),
        np.full(count, noise < 1),
        np.zeros(count),
    )


def test_a_voiced_sound_has_power_at_the_harmonics_only() -> None:
    sound = synthesise(frames(400, 200.0, 0.01), np.random.default_rng(0), EVEN)
    power = np.abs(np.fft.rfft(sound[RATE // 2 : RATE // 2 + RATE] * np.hanning(RATE))) ** 2  # 1 Hz a bin
    on = sum(power[k * 200 - 3 : k * 200 + 4].sum() for k in range(1, 20))
    off = sum(power[k * 200 + 90 : k * 200 + 111].sum() for k in range(1, 20))
    assert on > 1e4 * off


def test_noise_follows_the_envelope() -> None:
    sound = synthesise(frames(1200, 100.0, 1.0), np.random.default_rng(0), EVEN)
    power = np.abs(np.fft.rfft(sound)) ** 2
    step = RATE / len(sound)
    level = {
        hz: 10 * np.log10(power[int(hz * 0.95 / step) : int(hz * 1.05 / step)].mean()) for hz in (1000, 2000, 4000)
    }
    assert abs(level[1000] - level[2000] - 30) < 3
    assert abs(level[2000] - level[4000] - 30) < 3


def test_pulses_and_noise_of_one_envelope_have_one_level() -> None:
    """The envelope is power, whatever the pitch and the share of noise."""
    cases = ((110.0, 0.01), (330.0, 0.01), (110.0, 1.0))
    levels = [
        float(np.std(synthesise(frames(600, *case), np.random.default_rng(1), EVEN)[5000:-5000])) for case in cases
    ]
    assert max(levels) / min(levels) < 1.6


def test_minimum_phase_keeps_the_power_and_starts_at_once() -> None:
    power_db = np.tile(-20 * np.cos(np.linspace(0, 3, 513)), (1, 1)).astype(np.float32)
    spectrum = minimum_phase(power_db)
    np.testing.assert_allclose(20 * np.log10(np.abs(spectrum)), power_db, atol=0.01)
    wave = np.fft.irfft(spectrum[0])
    assert np.sum(wave[:100] ** 2) > 0.99 * np.sum(wave**2)


def test_bands_keep_the_mean_of_a_flat_spectrum() -> None:
    np.testing.assert_allclose(to_bands(np.full((2, 1025), 3.0), BANDS), 3.0)


def test_warp_moves_a_formant_by_its_factor() -> None:
    for factor in (0.85, 1.2):
        moved = warp(np.tile(hump(1500), (3, 1)), factor, np.zeros(3))
        assert abs(HZ[int(np.argmax(moved[1]))] / (1500 * factor) - 1) < 0.04


def test_bending_the_tract_moves_formants_apart_within_what_throats_do() -> None:
    factor = bent(Style(throat=0.05, mouth=-0.04))
    assert factor[0] == 1.0
    assert 0.85 < factor.min() < 1.0 < factor.max() < 1.15
    assert np.all(np.diff(HZ * factor) > 0)  # no frequency overtakes another


def test_a_band_cut_by_a_codec_is_continued() -> None:
    envelope = np.tile(-6 * np.log2(np.maximum(HZ, 200) / 200), (10, 1))
    envelope[:, HZ > 11_000] = -110
    extended = extend_band(envelope)
    assert extended[:, HZ > 12_000].min() > -80
    np.testing.assert_array_equal(extended[:, HZ < 8000], envelope[:, HZ < 8000])


def test_syllables_are_cut_at_dips_and_pauses() -> None:
    level = np.full(100, -60.0)
    level[10:35], level[35:40], level[40:60], level[75:95] = -5, -15, -4, -6
    voiced = level > -20
    found = cut_syllables(level, voiced, 12)
    assert len(found) == 3
    assert found[0].vowel == 10
    assert abs(found[0].coda - 37) < 5
    assert (found[2].vowel, found[2].coda) == (75, 95)


def test_a_vowel_fills_any_length_without_leaving_its_syllable() -> None:
    syllable = cut_syllables(np.full(60, -1.0), np.ones(60, dtype=bool), 12)[0]
    for count in (8, 20, 60, 400):
        path = vowel_map(syllable, count, np.random.default_rng(0))
        assert len(path) == count
        assert path.min() >= syllable.vowel
        assert path.max() < syllable.coda


def test_stretching_time_keeps_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32)
    slow = stretch(tone, np.array([0.0, 1.0]), np.array([0.0, 1.5]))
    assert abs(len(slow) / RATE - 1.5) < 0.05
    middle = slow[RATE // 4 : RATE // 4 + RATE] * np.hanning(RATE)
    assert abs(int(np.argmax(np.abs(np.fft.rfft(middle)))) - 220) <= 2


def test_words_land_on_beats_within_natural_speed() -> None:
    clicks = np.zeros(RATE, dtype=np.float32)
    clicks[[4410, 17640, 30870]] = 1.0
    wave, begin = on_beats(clicks, np.array([0.1, 0.4, 0.7]), np.array([2.0, 2.45, 2.8]), 3.0)
    spots = np.flatnonzero(wave > 0.4) / RATE + begin
    for beat in (2.0, 2.45, 2.8):
        assert np.abs(spots - beat).min() < 0.02
