"""Patches of the Gravis UltraSound: what is in them, and that FluidSynth plays them in tune as a sound font."""

from __future__ import annotations

import ctypes.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.data.studio.test_instruments import strongest_hz
from unbraid.data.studio import patches
from unbraid.data.studio.gus import Envelope, Stroke, read_list, read_patch
from unbraid.data.studio.score import Note
from unbraid.data.studio.soundfont import DRUM_BANK, Fonts
from unbraid.data.studio.soundfont_write import key_of, write_font, zones
from unbraid.errors import AudioError

RATE = 22_050
SIXTEEN, UNSIGNED, LOOP, TO_AND_FRO, BACKWARDS, HELD, SHAPED = (1 << bit for bit in range(7))
STILL = ((63, 63, 63, 63, 63, 63), (255, 255, 255, 0, 0, 0))


def tone(hz: float, seconds: float = 1.0) -> NDArray[np.int16]:
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(np.round(12_000 * np.sin(2 * np.pi * hz * time)), np.int16)


def recording(samples: NDArray[Any], hz: float, modes: int = SIXTEEN, **told: Any) -> bytes:
    """One recording of a patch; ``loop`` in samples, ``high`` in Hz, ``rates`` and ``levels`` of its envelope."""
    raw = samples.tobytes()
    width = samples.dtype.itemsize
    begin, end = (width * edge for edge in told.get("loop", (0, len(samples))))
    rates, levels = told.get("rates", STILL[0]), told.get("levels", STILL[1])
    high = told.get("high", 2 * hz)
    pitch = [round(1000 * each) for each in (hz / 2, high, hz)]
    numbers = (0, len(raw), begin, end, RATE, *pitch, 0, told.get("balance", 7), *rates, *levels)
    head = struct.pack("<7sBIIIHIIIHB12B", b"a tone", *numbers) + bytes(6) + struct.pack("<BHH", modes, 60, 1024)
    return head + bytes(36) + raw


def write_patch(path: Path, *recordings: bytes) -> Path:
    head = b"GF1PATCH110\0ID#000002\0".ljust(129, b"\0")
    instrument = (bytes(22) + bytes([1])).ljust(63, b"\0")
    layer = struct.pack("<BBIB", 0, 0, sum(map(len, recordings)), len(recordings)).ljust(47, b"\0")
    # The count stands seven bytes into the layer's header.
    assert layer[6] == len(recordings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + instrument + layer + b"".join(recordings))
    return path


def test_a_recording_is_read_as_it_was_written(tmp_path: Path) -> None:
    wave = tone(440)
    path = write_patch(tmp_path / "a.pat", recording(wave, 440, SIXTEEN | LOOP, loop=(100, 600), balance=15))
    (stroke,) = read_patch(path)
    np.testing.assert_array_equal(stroke.samples, wave)
    assert (stroke.rate, stroke.hz, stroke.low_hz, stroke.high_hz) == (RATE, 440, 220, 880)
    assert stroke.loop == (100, 600) and stroke.pan == 1


@pytest.mark.parametrize(
    ("modes", "stored"),
    [
        (UNSIGNED, lambda wave: ((wave >> 8) + 128).astype(np.uint8)),
        (0, lambda wave: (wave >> 8).astype(np.int8)),
        (SIXTEEN | UNSIGNED, lambda wave: (wave.astype(np.int32) + 32_768).astype(np.uint16)),
        (SIXTEEN | BACKWARDS, lambda wave: wave[::-1].copy()),
    ],
)
def test_every_kind_of_samples_is_read(modes: int, stored: Any, tmp_path: Path) -> None:
    wave = tone(440)
    (stroke,) = read_patch(write_patch(tmp_path / "a.pat", recording(stored(wave), 440, modes)))
    assert stroke.samples.dtype == np.int16
    np.testing.assert_allclose(stroke.samples, wave, atol=0 if modes & SIXTEEN else 256)


def test_a_loop_to_and_fro_goes_back_once_more(tmp_path: Path) -> None:
    wave = tone(440)
    path = write_patch(tmp_path / "a.pat", recording(wave, 440, SIXTEEN | LOOP | TO_AND_FRO, loop=(50, 90)))
    (stroke,) = read_patch(path)
    assert stroke.loop == (50, 130)
    np.testing.assert_array_equal(stroke.samples[90:130], wave[50:90][::-1])
    np.testing.assert_array_equal(stroke.samples[130:], wave[90:])


def test_a_held_note_rests_where_the_third_stage_ends(tmp_path: Path) -> None:
    """Level 191 is 64 steps, 24 dB, below 255; rate 10 of the fastest range 10 * 8^3 * 44100 / 8192 steps a second."""
    shape = {"rates": (63, 10, 10, 63, 63, 63), "levels": (255, 223, 191, 0, 0, 0)}
    (stroke,) = read_patch(write_patch(tmp_path / "a.pat", recording(tone(440), 440, SIXTEEN | HELD | SHAPED, **shape)))
    assert stroke.envelope.fall_db == pytest.approx(64 / 16 * 6.0206, rel=1e-4)
    steps_a_second = 10 * 44_100 / 8192 * 8**3
    assert stroke.envelope.fall_db_s == pytest.approx(steps_a_second / 16 * 6.0206, rel=1e-3)


@pytest.mark.parametrize("broken", [b"", b"RIFF" + bytes(300), None])
def test_what_is_no_patch_is_named(broken: bytes | None, tmp_path: Path) -> None:
    path = write_patch(tmp_path / "a.pat", recording(tone(440), 440))
    path.write_bytes(path.read_bytes()[:-100] if broken is None else broken)
    with pytest.raises(AudioError, match=r"a\.pat"):
        read_patch(path)


def test_keys_are_shared_without_gaps() -> None:
    def stroke(hz: float, high: float) -> Stroke:
        return Stroke(tone(hz), RATE, hz, hz / 2, high, None, Envelope(), 0.0)

    found = zones([stroke(880, 2000), stroke(220, 300), stroke(440, 640)])
    assert [(first, last, each.hz) for first, last, each in found] == [(0, 62, 220), (63, 75, 440), (76, 127, 880)]
    # Each plays up to where it says, though it was recorded above another; what has no key left is dropped.
    found = zones([stroke(440, 640), stroke(500, 300), stroke(600, 641)])
    assert [(first, last, each.hz) for first, last, each in found] == [(0, 62, 500), (63, 75, 440), (76, 127, 600)]
    found = zones([stroke(440, 20_000), stroke(500, 21_000)])
    assert [(first, last, each.hz) for first, last, each in found] == [(0, 127, 440)]
    assert key_of(440) == 69


def freepats(package: Path) -> Path:
    """An unpacked package of two instruments and a drum, as Debian's is."""
    home = package / "usr/share/midi/freepats"
    looped = SIXTEEN | LOOP | HELD | SHAPED
    write_patch(home / "Tone_000/040_Violin.pat", recording(tone(441), 441, looped, loop=(50, 22_050)))
    # Two recordings, the lower one a quarter tone above a key.
    sharp = 220 * 2 ** (0.5 / 12)
    low, high = (recording(tone(hz), hz, high=1.5 * hz) for hz in (sharp, 660))
    write_patch(home / "Tone_000/000_Piano.pat", low, high)
    # As FreePats has them: an envelope that says nothing, which ends at once when the note does.
    write_patch(home / "Drum_000/038_Snare.pat", recording(tone(300, 0.2), 300, SIXTEEN | SHAPED, levels=(246,) * 6))
    told = "dir /usr/share/midi/freepats\n\ndrumset 0\n\n 38\tDrum_000/038_Snare.pat amp=100\n\nbank 0\n"
    told += "\n 0\tTone_000/000_Piano.pat \n 40\tTone_000/040_Violin.pat pan=center\n# 41 Tone_000/none.pat\n"
    told += " 79\tTone_000/079_Ocarina.pat\n 125\tTone_000/125_Helicopter.pat\n"
    (package / patches.LIST).parent.mkdir(parents=True)
    (package / patches.LIST).write_text(told)
    return package


def test_the_list_tells_drums_from_instruments(tmp_path: Path) -> None:
    listed = read_list(freepats(tmp_path / "freepats") / patches.LIST)
    assert sorted(listed[True]) == [38] and sorted(listed[False]) == [0, 40, 79, 125]
    assert listed[False][40] == Path("/usr/share/midi/freepats/Tone_000/040_Violin.pat")


def test_a_package_becomes_a_font_once(tmp_path: Path) -> None:
    """Without noises, and without what a held-out font has, too."""
    package = freepats(tmp_path / "freepats")
    font, programs = patches.font_of(package)
    assert programs == {0, 40}
    content = font.read_bytes()
    assert content[:4] == b"RIFF" and len(content) == 8 + struct.unpack("<I", content[4:8])[0]
    assert list(font.parent.iterdir()) == [font]
    stamp = font.stat().st_mtime_ns
    assert patches.font_of(package) == (font, programs) and font.stat().st_mtime_ns == stamp
    font.unlink()
    (package / "usr/share/midi/freepats/Drum_000/038_Snare.pat").unlink()
    with pytest.raises(AudioError, match="038_Snare"):
        patches.font_of(package)


@pytest.mark.skipif(ctypes.util.find_library("fluidsynth") is None, reason="FluidSynth is not installed")
def test_fluidsynth_plays_it_in_tune(tmp_path: Path) -> None:
    font, _ = patches.font_of(freepats(tmp_path / "freepats"))
    fonts = Fonts()
    for program, key in ((0, 57), (0, 52), (0, 76), (40, 69), (40, 64)):
        wave = fonts.play(font, 0, program, [Note(0.1, 1.2, key, 100)], 2.0)
        hz = strongest_hz(wave[0, 8_000:40_000])
        assert 1200 * abs(np.log2(hz / (440 * 2 ** ((key - 69) / 12)))) < 8
        assert np.abs(wave[:, -4000:]).max() < 1e-3 * np.abs(wave).max()
    drum = fonts.play(font, DRUM_BANK, 0, [Note(0.1, 0.15, 38, 100)], 1.0)
    assert strongest_hz(drum[0]) == pytest.approx(300, abs=6)
    struck, rings = (np.abs(drum[:, round(44_100 * at) : round(44_100 * (at + 0.02))]).max() for at in (0.12, 0.25))
    assert rings > 0.5 * struck, "a drum sounds to its end, however short its note"
    assert fonts.has(font, 0, 40) and not fonts.has(font, 0, 41)


def test_a_font_of_nothing_but_drums(tmp_path: Path) -> None:
    (stroke,) = read_patch(write_patch(tmp_path / "a.pat", recording(tone(300), 300)))
    write_font(tmp_path / "new" / "drums.sf2", "drums", {}, {38: stroke, 40: stroke})
    assert b"drums" in (tmp_path / "new" / "drums.sf2").read_bytes()
