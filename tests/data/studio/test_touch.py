"""A preset or a stroke as another instrument: what changes, and what must not."""

from __future__ import annotations

import ctypes.util
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.data.studio.test_instruments import hydrogen_kit, strongest_hz
from tests.data.studio.test_patches import freepats
from unbraid.data.studio import patches
from unbraid.data.studio.assets import Font, FontSource, KitSource, Material
from unbraid.data.studio.cast import cast_drums, cast_line, cast_percussion
from unbraid.data.studio.kits import read_hydrogen
from unbraid.data.studio.score import Line, Note
from unbraid.data.studio.soundfont import DRUM_BANK, Fonts
from unbraid.data.studio.split import Split
from unbraid.data.studio.touch import AS_IT_IS, RATE, Strike, Touch, draw_strike, draw_touch
from unbraid.signal import Samples

A4 = Note(0.0, 1.0, 69, 100)


def draws(seed: int, drums: bool, count: int = 300) -> list[Touch]:
    rng = np.random.default_rng(seed)
    return [draw_touch(rng, drums) for _ in range(count)]


def test_other_keys_are_pressed_so_that_notes_keep_their_pitch() -> None:
    assert [note.pitch for note in Touch(semitones=4).keys([A4])] == [65]
    assert [note.pitch for note in Touch(semitones=4, keep_pitch=False).keys([A4])] == [69]
    assert Touch(semitones=6).keys([A4._replace(pitch=3)]) == [], "the keyboard ends there"


def test_some_parts_stay_as_they_are_and_the_others_differ() -> None:
    for drums in (False, True):
        drawn = draws(1, drums)
        assert 0.3 < np.mean([touch == AS_IT_IS for touch in drawn]) < 0.5
        assert len(set(drawn)) > 150
        assert all(touch.keep_pitch is not drums for touch in drawn if touch != AS_IT_IS)
        assert draws(1, drums) == drawn, "a seed says all"


def test_strokes_keep_their_beginning_and_fall_by_60_db() -> None:
    stroke = np.ones((2, RATE), np.float32)
    fallen = Strike(decay_s=0.5).decayed(stroke)
    assert fallen[0, 0] == 1
    assert 20 * np.log10(fallen[0, RATE // 2]) == pytest.approx(-60, abs=0.01)
    np.testing.assert_array_equal(Strike().decayed(stroke), stroke)
    rng = np.random.default_rng(2)
    tunes = [draw_strike(rng).tune for _ in range(200)]
    assert 2**-0.34 < min(tunes) < 0.85 and 1.2 < max(tunes) < 2**0.34


def test_a_stroke_is_tuned_and_damped(tmp_path: Path) -> None:
    kit = read_hydrogen(hydrogen_kit(tmp_path), "made", "CC0-1.0")
    kick = [Note(0.1, 0.2, 36, 110)]
    plain, high, short = (
        kit.play(kick, 1.0, np.random.default_rng(1), strike)
        for strike in (Strike(), Strike(tune=1.25), Strike(decay_s=0.1))
    )
    assert strongest_hz(high[0]) == pytest.approx(1.25 * strongest_hz(plain[0]), rel=0.03)
    assert 0 < np.square(short).sum() < np.square(plain).sum()


@pytest.mark.skipif(ctypes.util.find_library("fluidsynth") is None, reason="FluidSynth is not installed")
def test_fluidsynth_moves_drums_and_keeps_notes_in_tune(tmp_path: Path) -> None:
    font, _ = patches.font_of(freepats(tmp_path / "freepats"))
    fonts = Fonts()
    for semitones in (-6, 0, 6):
        wave = fonts.play(font, 0, 40, [Note(0.1, 1.2, 69, 100)], 2.0, touch=Touch(semitones=semitones))
        assert 1200 * abs(np.log2(strongest_hz(wave[0, 8_000:40_000]) / 440)) < 8
        touch = Touch(semitones=semitones, keep_pitch=False)
        drum = fonts.play(font, DRUM_BANK, 0, [Note(0.1, 0.15, 38, 100)], 1.0, touch=touch)
        assert strongest_hz(drum[0]) == pytest.approx(300 * 2 ** (semitones / 12), rel=0.03)
    bright, dark = (
        fonts.play(font, 0, 40, [Note(0.1, 1.2, 100, 100)], 2.0, touch=Touch(cutoff_cents=cents))
        for cents in (0, -5000)
    )
    assert 0 < np.square(dark).sum() < 0.7 * np.square(bright).sum(), "2.6 kHz lie above a filter at 1.1 kHz"


@dataclass
class Told:
    """In the place of ``Fonts``: plays nothing and notes with what touch it should."""

    touches: list[Touch] = field(default_factory=list)

    def play(self, *_: object, touch: Touch = AS_IT_IS, **__: object) -> Samples:
        self.touches.append(touch)
        return np.zeros((2, 10), np.float32)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_what_is_held_out_plays_every_font_as_it_is(split: Split) -> None:
    source = FontSource("font", "package", "file", "MIT", split, (0,))
    font = Font(source, Path("none.sf2"))
    material, told = Material(split, (font,), (font,)), Told()
    notes = [Note(0.1, 0.4, 60, 90)]
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cast_drums(material, told, 0.0, rng)[2](notes, 1.0, rng)  # type: ignore[arg-type]
        player = cast_line(Line("lead", notes, "reeds"), material, told, rng)  # type: ignore[arg-type]
        player.perform(notes, 1.0, rng)
    changed = [touch != AS_IT_IS for touch in told.touches]
    assert len(changed) == 80
    assert any(changed) and not all(changed) if split == "train" else not any(changed)


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_and_every_kit(split: Split, tmp_path: Path) -> None:
    kit = read_hydrogen(hydrogen_kit(tmp_path), "made", "CC0-1.0")
    material = Material(split, kits=((KitSource("made", "package", "CC0-1.0", split, "hand"), kit),))
    notes, same = [Note(0.1, 0.2, 36, 110)], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cast = cast_percussion(material, rng)
        if cast is not None:
            one, other = (make(notes, 1.0, np.random.default_rng(seed)) for make in (cast[2], kit.play))
            same.append(np.array_equal(one, other))
    assert len(same) > 10
    assert not all(same) if split == "train" else all(same)
