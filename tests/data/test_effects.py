"""Effects, pitch and tempo, codecs: in time, of the same length, and never in the way of what is silent."""

from __future__ import annotations

import numpy as np
import pytest

from unbraid.data.agreement import late_by
from unbraid.data.augment import Change, Ranges, change_wave, draw, source_length
from unbraid.data.codec import CODECS, Codec, draw_codec, through_codec
from unbraid.data.effects import draw_chain, parse, presets, through_effects
from unbraid.data.stretch import stretched
from unbraid.errors import UsageError
from unbraid.signal import Samples

RATE = 44_100


def noise(length: int, seed: int = 0) -> Samples:
    """Stereo noise up to 5 kHz, which every codec keeps."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal((2, length)))
    spectrum[:, round(5000 / RATE * length) :] = 0
    return (0.2 * np.fft.irfft(spectrum, length)).astype(np.float32)


def tone(hz: float, length: int) -> Samples:
    return np.tile(0.3 * np.sin(2 * np.pi * hz * np.arange(length) / RATE), (2, 1)).astype(np.float32)


def loudest_hz(wave: Samples) -> float:
    size = wave.shape[-1]
    return float(np.argmax(np.abs(np.fft.rfft(wave[0] * np.hanning(size)))) * RATE / size)


@pytest.mark.parametrize(("tempo", "semitones"), [(1.1, 0), (0.9, 0), (1.0, 2), (1.08, -2)])
def test_pitch_and_tempo_change_apart(tempo: float, semitones: int) -> None:
    change = Change(tempo=tempo, semitones=semitones)
    length = 40_000
    source = tone(600, source_length(change, length))
    changed = change_wave(change, source, RATE, length)
    assert changed.shape == (2, length)
    assert loudest_hz(changed) == pytest.approx(600 * 2 ** (semitones / 12), rel=0.004)
    assert np.sqrt(np.mean(np.square(changed[:, -2000:]))) > 0.1, "the end is sound, not padding"


def test_a_stretched_click_is_where_it_should_be() -> None:
    wave = np.zeros((2, 4 * RATE), np.float32)
    wave[:, 3 * RATE : 3 * RATE + 200] = noise(200) * 4
    onset = int(np.argmax(np.abs(stretched(wave, RATE, 0.9, 1)[0]) > 0.1))
    assert onset == pytest.approx(3 * RATE / 0.9, abs=0.01 * RATE)


def test_draws_of_pitch_and_tempo_are_shared_by_what_stays_together() -> None:
    ranges = Ranges(stretch_chance=1, effect_chance=1)
    drawn = [draw(np.random.default_rng(seed), ranges, {"vocals"}) for seed in range(60)]
    assert {each.semitones for each in drawn} == {-2, -1, 0, 1, 2}
    assert all(0.88 <= each.tempo <= 1.12 and each.effects for each in drawn)
    together = drawn[0].with_speed_of(drawn[1])
    assert (together.speed, together.semitones, together.tempo) == (drawn[1].speed, drawn[1].semitones, drawn[1].tempo)
    assert together.effects == drawn[0].effects


def test_what_is_off_changes_no_draw() -> None:
    off = draw(np.random.default_rng(5), Ranges())
    on = draw(np.random.default_rng(5), Ranges(stretch_chance=1, effect_chance=1), {"drums"})
    assert off == draw(np.random.default_rng(5), Ranges(), {"drums"}) and off.gain_db == on.gain_db
    assert (off.semitones, off.tempo, off.effects) == (0, 1.0, None)


@pytest.mark.parametrize("name", list(presets()))
def test_every_preset_plays_in_time_and_as_loud(name: str) -> None:
    wave = noise(20_000, 3)
    chain = draw_chain(np.random.default_rng(1), presets()[name].stems, [name])
    assert chain is not None
    wet = through_effects(wave, chain, RATE)
    assert wet.shape == wave.shape and np.isfinite(wet).all() and not np.allclose(wet, wave, atol=1e-3)
    assert np.sqrt(np.mean(wet**2)) == pytest.approx(np.sqrt(np.mean(wave**2)), rel=1e-3)
    early = through_effects(np.pad(wave, ((0, 0), (300, 0))), chain, RATE)[:, :300]
    assert np.abs(early).max() < 1e-3, "nothing sounds before its cause"
    silence = np.zeros_like(wave)
    assert np.abs(through_effects(silence, chain, RATE)).max() < 1e-3


def test_presets_suit_their_stems_and_repeat_with_the_seed() -> None:
    for stem in ("vocals", "drums", "bass", "other"):
        chains = [draw_chain(np.random.default_rng(seed), {stem}) for seed in range(8)]
        assert chains == [draw_chain(np.random.default_rng(seed), {stem}) for seed in range(8)] and None not in chains
    assert draw_chain(np.random.default_rng(0), {"drums"}, ["guitar-amp"]) is None
    assert draw_chain(np.random.default_rng(0), {"drums", "other"}, ["compressor"]) is not None
    with pytest.raises(UsageError, match="known are guitar-amp"):
        draw_chain(np.random.default_rng(0), {"drums"}, ["fuzz"])


@pytest.mark.parametrize("table", [{"x": {}}, {"x": {"stems": [], "chain": [{"plugin": "VST3Plugin", "path": 1}]}}])
def test_wrong_presets_are_refused(table: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="'x'"):
        parse(table)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("length", [30_001, 44_100])
def test_codecs_keep_length_and_time(name: str, length: int) -> None:
    wave = noise(length, 1)
    heard = through_codec(wave, Codec(name, 160), RATE)
    assert heard.shape == wave.shape and heard.dtype == np.float32
    inner = slice(3000, -3000)
    assert late_by(np.roll(heard, 500, axis=1)[0, inner], wave[0, inner], 2000) == 500
    error = np.square(heard - wave)[:, inner].sum() / np.square(wave[:, inner]).sum()
    assert 1e-7 < error < 0.1, "lossy, but in time to the sample"
    assert not through_codec(0 * wave, Codec(name, 160), RATE).any()


def test_draws_of_codecs() -> None:
    drawn = [draw_codec(np.random.default_rng(seed), CODECS, (48, 256)) for seed in range(60)]
    assert {each.name for each in drawn} == set(CODECS)
    assert all(48 <= each.kbps <= 256 for each in drawn)
    with pytest.raises(UsageError, match="mp3, aac, opus"):
        draw_codec(np.random.default_rng(0), ("mp2",), (48, 256))
