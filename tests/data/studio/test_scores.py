"""Notes on paper: harmony, rhythm, MIDI files, accompaniment styles, tunes."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest

from unbraid.data.studio import midi, mma
from unbraid.data.studio.assets import MidiFile
from unbraid.data.studio.drum_patterns import CRASH, GROOVES, KICK, STEPS, bar_notes, section_notes
from unbraid.data.studio.harmony import PROGRESSIONS_MAJOR, PROGRESSIONS_MINOR, chord_of, scale_of, voicing
from unbraid.data.studio.melody import chord_at, harmony_of, write_tune
from unbraid.data.studio.own_score import write_score
from unbraid.data.studio.playing import guitar_voicing, power_bar, strum_bar
from unbraid.data.studio.score import Chord, Note, clipped, humanised
from unbraid.errors import AudioError, UsageError

C_MAJOR = [60, 62, 64, 65, 67, 69, 71, 72]


def midi_bytes(tempo: int, notes: list[tuple[int, int, int, int]], programs: dict[int, int]) -> bytes:
    """One track of notes (start tick, end tick, pitch, channel) at 480 ticks a beat; tempo in microseconds a beat."""
    events = [(start, 1, mido.Message("note_on", note=p, velocity=90, channel=c)) for start, _, p, c in notes]
    events += [(end, 0, mido.Message("note_off", note=p, channel=c)) for _, end, p, c in notes]
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=tempo)])
    track += [mido.Message("program_change", channel=c, program=p) for c, p in programs.items()]
    at = 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=tick - at))
        at = tick
    file, out = mido.MidiFile(ticks_per_beat=480), io.BytesIO()
    file.tracks.append(track)
    file.save(file=out)
    return out.getvalue()


def broken_chord(seconds: int = 60) -> MidiFile:
    """C major, broken, over a low C, with a bass drum, at 120 beats a minute."""
    notes = [(240 * n, 240 * n + 230, (60, 64, 67, 72)[n % 4], 0) for n in range(seconds * 4)]
    notes += [(960 * n, 960 * n + 900, 36, 1) for n in range(seconds)]
    notes += [(480 * n, 480 * n + 100, 36, 9) for n in range(seconds * 2)]
    return MidiFile("midi:made/chord", "CC0-1.0", "train", midi_bytes(500_000, notes, {0: 0, 1: 81}))


@pytest.mark.parametrize(
    ("numeral", "root", "tones"),
    [("I", 0, (0, 4, 7)), ("bVII", 10, (0, 4, 7)), ("ii7", 2, (0, 3, 7, 10)), ("iv", 5, (0, 3, 7))],
)
def test_roman_numerals(numeral: str, root: int, tones: tuple[int, ...]) -> None:
    assert chord_of(numeral, 0) == (root, tones)
    assert chord_of(numeral, 3) == ((root + 3) % 12, tones)


@pytest.mark.parametrize("numeral", ["VIII", "Ifoo", "h"])
def test_what_is_no_numeral_is_refused(numeral: str) -> None:
    with pytest.raises(UsageError, match=r"numeral|known are"):
        chord_of(numeral, 0)


def test_all_progressions_are_numerals() -> None:
    for progression in (*PROGRESSIONS_MAJOR, *PROGRESSIONS_MINOR):
        assert all(0 <= chord_of(numeral, 5)[0] < 12 for numeral in progression)


def test_voicings_hold_the_chord_and_move_little() -> None:
    first = voicing(0, (0, 4, 7), 55)
    second = voicing(7, (0, 4, 7), 55, first)
    assert {pitch % 12 for pitch in second} == {7, 11, 2}
    assert abs(sum(second) - sum(first)) <= 3 * 3


def test_guitar_chords_lie_on_a_guitar() -> None:
    for root in range(12):
        pitches = guitar_voicing(Chord(0, root, (0, 3, 7)))
        assert pitches[0] % 12 == root
        assert pitches == sorted(pitches)
        assert pitches[0] >= 40 and pitches[-1] <= 76 and len(pitches) >= 4


def test_strings_of_a_strum_follow_one_another() -> None:
    notes = strum_bar(Chord(0, 0, (0, 4, 7)), 0.0, 0.5, 0, np.random.default_rng(1))
    assert len({note.start_s for note in notes[:5]}) == 5
    assert all(note.end_s > note.start_s for note in notes)


def test_palm_mutes_are_short_and_low() -> None:
    notes = power_bar(Chord(0, 4, (0, 3, 7)), 0.0, 0.5, 2)
    muted = [note for note in notes if note.muted]
    assert muted
    assert max(note.end_s - note.start_s for note in muted) < 0.17
    assert all(note.pitch < 64 for note in notes)


def test_grooves_fill_one_bar_and_keep_its_time() -> None:
    for bars in GROOVES.values():
        for bar in bars:
            assert all(len(steps) == STEPS for steps in bar.values())
            notes = bar_notes(bar, 2.0, 0.5, 0.0, 1.0)
            assert all(2.0 <= note.start_s < 4.0 for note in notes)


def test_a_full_section_begins_with_a_crash_mostly() -> None:
    seeds = range(40)
    sections = [section_notes(GROOVES["rock"][0], 4, 0.0, 0.5, 0.0, 1.0, np.random.default_rng(s)) for s in seeds]
    crashes = sum(any(note.pitch == CRASH and note.start_s == 0 for note in notes) for notes in sections)
    assert 20 < crashes < 40
    assert all(any(note.pitch == KICK for note in notes) for notes in sections)


def test_people_are_not_exact_and_machines_are() -> None:
    notes = [Note(float(n), n + 0.5, 60, 90) for n in range(50)]
    assert [n.start_s for n in humanised(notes, np.random.default_rng(0), 0.0)] == [n.start_s for n in notes]
    shifts = [n.start_s - round(n.start_s) for n in humanised(notes, np.random.default_rng(0), 0.01)]
    assert 0.003 < np.std(shifts) < 0.02


def test_a_cut_out_stretch_starts_at_zero() -> None:
    notes = [Note(1.0, 2.0, 60, 90), Note(3.0, 9.0, 62, 90), Note(6.0, 7.0, 64, 90)]
    assert clipped(notes, 3.0, 5.0) == [Note(0.0, 2.0, 62, 90)]


@pytest.mark.parametrize("rap", [False, True])
def test_a_tune_is_one_voice_in_its_range_and_place(rap: bool) -> None:
    score = write_score(np.random.default_rng(3))
    spans = [(5.0, 20.0)]
    tune = write_tune(score, spans, 52, 66, np.random.default_rng(4), rap=rap)
    assert len(tune) > 8
    assert all(5.0 <= start < end <= 20.0 for start, end, _ in tune)
    assert all(52 <= pitch <= 66 for *_, pitch in tune)
    assert all(a[1] <= b[0] for a, b in pairwise(tune))


def test_a_second_voice_keeps_to_the_scale_and_goes_along() -> None:
    score = write_score(np.random.default_rng(3))
    scale = {(score.key + step) % 12 for step in scale_of(score.minor)}
    tune = write_tune(score, [(0.0, 20.0)], 55, 70, np.random.default_rng(4))
    above = harmony_of(tune, score, 2)
    assert all(pitch % 12 in scale for *_, pitch in above)
    assert all(2 <= high - low <= 5 for (*_, low), (*_, high) in zip(tune, above, strict=True))


def test_the_chord_that_sounds() -> None:
    chords = [Chord(1.0, 0, (0, 4, 7)), Chord(3.0, 5, (0, 4, 7))]
    assert [chord_at(chords, time).root for time in (0.0, 1.0, 2.9, 3.0, 99.0)] == [0, 0, 0, 5, 5]


def test_midi_times_follow_the_tempo() -> None:
    data = midi_bytes(400_000, [(0, 480, 60, 0), (480, 960, 62, 0)], {0: 24})
    (track,), bpm = midi.read_tracks(data)
    assert bpm == pytest.approx(150)
    assert track.program == 24
    assert [(note.pitch, round(note.start_s, 6), round(note.end_s, 6)) for note in track.notes] == [
        (60, 0.0, 0.4),
        (62, 0.4, 0.8),
    ]


def test_what_is_no_midi_file_is_refused() -> None:
    with pytest.raises(AudioError, match="cannot be read"):
        midi.read_tracks(b"RIFF, not MIDI")


def test_a_midi_file_becomes_a_song_with_a_bass() -> None:
    """The low line has a synthesiser's program; nothing else is low, so it is the bass."""
    score = midi.score_from_midi(broken_chord(), np.random.default_rng(0))
    assert score is not None
    assert sorted(line.role for line in score.lines) == ["bass", "drums", "lead"]
    assert 30 <= score.seconds <= 50
    (chord,) = {chord[1:] for chord in score.chords}
    assert chord == (score.key, (0, 4, 7))


def test_the_key_of_a_scale() -> None:
    notes = [Note(n / 2, n / 2 + 0.45, pitch, 90) for n, pitch in enumerate([60, *C_MAJOR, 67, 64, 60])]
    assert midi.estimate_key(notes) == (0, False)
    assert midi.estimate_key([note._replace(pitch=note.pitch + 5) for note in notes]) == (5, False)


def test_too_short_a_file_is_no_song() -> None:
    assert midi.score_from_midi(broken_chord(4), np.random.default_rng(0)) is None


def test_styles_in_four_four_are_found(tmp_path: Path) -> None:
    (tmp_path / "waltz.mma").write_text("Time 3\nDefGroove Waltz a\nDefGroove Waltz1 b\nDefGroove Waltz2 c\n")
    (tmp_path / "pop.mma").write_text("Time 4\nDefGroove Pop a\nDefGroove Pop1 b\nDefGroove PopEnd c\n")
    (tmp_path / "small.mma").write_text("Time 4\nDefGroove Small a\n")
    assert mma.styles(tmp_path) == (("pop", ("Pop", "Pop1", "PopEnd")),)


def test_a_missing_accompaniment_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="apt-get install mma"):
        mma.score_from_mma("train", np.random.default_rng(0), tmp_path / "none")
