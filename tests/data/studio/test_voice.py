"""Sung lines, by singers made by rule (no packages needed): pitch, rests, length, sameness, band, splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from numpy.typing import NDArray

from unbraid.data.studio.voice import Voices, load_voices, phrases, sing_part
from unbraid.data.studio.voice_bank import TEST_LANGUAGES, VALID_LANGUAGES, find_sources, load_bank, split_of
from unbraid.data.studio.voice_formant import rule_voice
from unbraid.data.studio.voice_pitch import pitch_contour
from unbraid.data.studio.voice_style import Style, draw_style
from unbraid.errors import UsageError

RATE = 44_100
NOTES = [(0.5, 1.3, 57), (1.3, 2.1, 60), (3.4, 4.4, 64), (4.4, 5.2, 62)]
SECONDS = 6.0


def singers(split: str = "train") -> Voices:
    return load_voices(Path("/no/packages/here"), split)


def pitch_of(wave: NDArray[np.float32], low_hz: float = 70, high_hz: float = 700) -> float:
    """MIDI pitch by the highest peak of the autocorrelation, refined by a parabola."""
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    correlation = np.fft.irfft(spectrum)[: len(wave)]
    shortest, longest = int(RATE / high_hz), int(RATE / low_hz)
    lag = shortest + int(np.argmax(correlation[shortest:longest]))
    left, middle, right = correlation[lag - 1 : lag + 2]
    fine = lag + 0.5 * (left - right) / (left - 2 * middle + right)
    return float(69 + 12 * np.log2(RATE / fine / 440))


def test_a_line_has_exactly_the_song_length_and_is_finite() -> None:
    for seconds in (SECONDS, 5.30001):
        part = sing_part(NOTES, seconds, np.random.default_rng(3), singers())
        assert part.samples.shape == (round(seconds * RATE),)
        assert part.samples.dtype == np.float32
        assert np.isfinite(part.samples).all()


def test_the_pitch_contour_reaches_every_note() -> None:
    steady = Style(vibrato=0.0, drift=0.0, scoop=0.0, ornament=0.0, fall=0.0, lead_s=0.0)
    pitch = pitch_contour([(s, e, float(p)) for s, e, p in NOTES], 1200, np.random.default_rng(0), steady)
    for start, end, wanted in NOTES:
        settled = pitch[round((start + 0.4) * 200) : round((end - 0.05) * 200)]
        assert np.abs(settled - wanted).max() < 0.5


@pytest.mark.parametrize("seed", range(4))
def test_sung_notes_have_the_pitch_that_was_asked(seed: int) -> None:
    part = sing_part(NOTES, SECONDS, np.random.default_rng(seed), singers())
    off = []
    for start, end, wanted in NOTES:
        middle = part.samples[round((start + 0.35) * RATE) : round((end - 0.1) * RATE)]
        off.append(abs((pitch_of(middle) - wanted + 6) % 12 - 6))  # a growl's subharmonic may win by an octave
    assert np.median(off) < 0.5, f"{part.source} ({part.style.register}) is off by {off} semitones"


def test_between_phrases_there_is_silence_or_breath_only() -> None:
    part = sing_part(NOTES, SECONDS, np.random.default_rng(5), singers())
    loud = np.sqrt(np.mean(part.samples[round(0.6 * RATE) : round(2.0 * RATE)] ** 2))
    assert not part.samples[round(5.6 * RATE) :].any()
    assert not part.samples[round(2.5 * RATE) : round(2.75 * RATE)].any()
    assert np.sqrt(np.mean(part.samples[round(2.4 * RATE) : round(3.1 * RATE)] ** 2)) < 0.5 * loud


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_line() -> None:
    first, again, other = (sing_part(NOTES, SECONDS, np.random.default_rng(s), singers()).samples for s in (7, 7, 8))
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).max() > 0.01


def test_a_voice_reaches_above_16_khz() -> None:
    """A network must not learn that voices end where speech recordings do."""
    part = sing_part(NOTES, SECONDS, np.random.default_rng(1), singers())
    power = np.abs(np.fft.rfft(part.samples)) ** 2
    band = power[round(16_000 * SECONDS) : round(19_000 * SECONDS)].mean()
    body = power[round(200 * SECONDS) : round(3000 * SECONDS)].mean()
    assert -75 < 10 * np.log10(band / body) < -10


def test_a_double_is_the_same_singer_and_words_but_another_take() -> None:
    rng = np.random.default_rng(11)
    lead = sing_part(NOTES, SECONDS, rng, singers())
    double = sing_part(NOTES, SECONDS, rng, singers(), role="double", like=lead)
    third = [(s, e, p + 4) for s, e, p in NOTES[2:]]
    harmony = sing_part(third, SECONDS, rng, singers(), role="harmony", like=lead)
    assert double.source == harmony.source == lead.source
    assert double.lyric == lead.lyric
    assert harmony.lyric[-1] == lead.lyric[-1]
    assert np.abs(double.samples - lead.samples).max() > 0.01


def test_rap_keeps_the_rhythm_of_the_notes() -> None:
    beats = [(0.5 + 0.5 * i, 0.7 + 0.5 * i, 60) for i in range(6)]
    part = sing_part(beats, 4.5, np.random.default_rng(2), singers(), role="rap")
    assert part.samples.any()
    assert not part.samples[round(4.0 * RATE) :].any()


def test_no_notes_is_silence() -> None:
    assert not sing_part([], 1.0, np.random.default_rng(0), singers()).samples.any()


def test_phrases_are_cut_at_rests() -> None:
    assert phrases(NOTES) == [slice(0, 2), slice(2, 4)]
    assert phrases([]) == []


def test_styles_are_drawn_within_what_a_throat_does() -> None:
    rng = np.random.default_rng(0)
    styles = [draw_style(rng, role) for role in ("lead", "harmony", "rap") for _ in range(150)]
    assert {style.register for style in styles} == {"plain", "belt", "breathy", "falsetto", "raspy", "scream"}
    assert all(0.7 < style.warp < 1.4 and 4 < style.vibrato_hz < 7 for style in styles)


def test_rule_voices_of_the_splits_are_disjoint() -> None:
    numbers = {
        split: {singers(split)._rule_number(np.random.default_rng(i)) % 10 for i in range(60)}
        for split in ("train", "valid", "test")
    }
    assert numbers["valid"] == {8}
    assert numbers["test"] == {9}
    assert not numbers["train"] & {8, 9}
    assert rule_voice(18).envelope_db.tobytes() == rule_voice(18).envelope_db.tobytes()


def test_languages_are_held_out_whole() -> None:
    assert not VALID_LANGUAGES & TEST_LANGUAGES
    assert split_of("en_GB") == split_of("en") == "train"
    assert split_of("uk") == "test"
    with pytest.raises(UsageError, match="'dev'"):
        singers("dev")


def test_actors_are_held_out_and_the_singer_is_known(tmp_path: Path) -> None:
    root = tmp_path / "hedgewars-data/usr/share/games/hedgewars/Data/Sounds/voices"
    for actor in ("Singer", "Pirate", "Surfer", "Default_uk"):
        (root / actor).mkdir(parents=True)
        for number in range(20):
            (root / actor / f"{number}.ogg").touch()
    found = {source.name.split(":")[1]: source for source in find_sources(tmp_path)}
    assert {name: source.split for name, source in found.items()} == {
        "Singer": "train",
        "Pirate": "valid",
        "Surfer": "test",
        "Default_uk": "test",
    }
    assert [name for name, source in found.items() if source.sung] == ["Singer"]


def test_recordings_are_found_analysed_once_and_sung(tmp_path: Path) -> None:
    folder = tmp_path / "klettres-data/usr/share/klettres/de/alpha"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(20):
        word = [(0.1, 0.5, 45 + number % 5)]
        sung = sing_part(word, 0.7, rng, singers()).samples
        sf.write(folder / f"a-{number}.wav", sung, RATE)
    (source,) = find_sources(tmp_path)
    assert (source.name, source.split) == ("klettres:de", "train")
    bank = load_bank(source, tmp_path)
    assert bank is not None
    for path in folder.iterdir():
        path.unlink()
    again = load_bank(source, tmp_path)
    assert again is not None
    assert again.envelope_db.tobytes() == bank.envelope_db.tobytes()
    assert 100 < bank.centre_hz < 150
