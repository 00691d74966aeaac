"""Songs in the accompaniment styles of MMA (Musical MIDI Accompaniment): its grooves play a progression of ours.

MMA is a program of its own (``apt-get install mma``); it writes a MIDI file whose tracks are named by what they do. Its
own variations are seeded, so a seed gives the same notes.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from unbraid.data.studio.drum_patterns import GROOVES, section_notes
from unbraid.data.studio.harmony import chord_of, draw_progression
from unbraid.data.studio.labels import is_bass, piece_of
from unbraid.data.studio.midi import Track, read_tracks
from unbraid.data.studio.score import Chord, Line, Note, Score, key_name
from unbraid.data.studio.split import Split, split_of_file
from unbraid.errors import AudioError

LIBRARY = Path("/usr/share/mma/lib/stdlib")
LICENCE = "GPL-2.0-or-later"
_LONGEST_S = 60
_NEW_DRUMS = 0.7

_ROLES = {"bass": "bass", "walk": "bass", "chord": "chords", "arpeggio": "arpeggio", "plectrum": "strum",
          "scale": "lead", "solo": "lead", "melody": "lead", "aria": "lead"}  # fmt: skip
_SUFFIXES = {
    (0, 4, 7): "", (0, 4, 7, 10): "7", (0, 4, 7, 11): "M7", (0, 5, 7): "sus4", (0, 4, 7, 14): "add9", (0, 3, 7): "m",
    (0, 3, 7, 10): "m7", (0, 3, 7, 10, 14): "m9", (0, 3, 6): "dim",
}  # fmt: skip


@lru_cache(maxsize=4)
def styles(library: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(style, its grooves) for the styles in four-four time with at least three grooves, by name."""
    found = []
    for path in sorted(library.glob("*.mma")):
        text = path.read_text("utf-8", errors="replace")
        grooves = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
        odd = re.search(r"^\s*Time(?:sig)?\s+(?!4\b)", text, re.MULTILINE | re.IGNORECASE)
        if len(grooves) >= 3 and not odd:
            found.append((path.stem, tuple(grooves)))
    return tuple(found)


def score_from_mma(
    split: Split, rng: np.random.Generator, library: Path = LIBRARY, target_s: tuple[float, float] = (30, 48)
) -> Score:
    """A song in a style of ``split``; styles are split by a hash of their names.

    Raises:
        AudioError: MMA is missing or refuses the song.
    """
    open_styles = [entry for entry in styles(library) if split_of_file(f"mma/{entry[0]}") == split]
    if not open_styles:
        raise AudioError(f"{library}: has no four-four style for {split}; is mma installed (apt-get install mma)?")
    style, grooves = open_styles[int(rng.integers(len(open_styles)))]
    bpm, key, minor = float(rng.integers(72, 152)), int(rng.integers(12)), bool(rng.random() < 0.4)
    beat_s = 60 / bpm
    bars = max(round(float(rng.uniform(*target_s)) / (4 * beat_s) / 4) * 4, 8)
    progressions = [draw_progression(rng, minor) for _ in range(2)]
    chords = [Chord(bar * 4 * beat_s, *chord_of(progressions[bar // 8 % 2][bar % 4], key)) for bar in range(bars)]
    tracks = _play(_source(style, grooves, bpm, chords, rng))
    lines = _one_bass([_line(track) for track in tracks if track.notes])
    if rng.random() < _NEW_DRUMS and not _has_kit(lines):
        lines = [line for line in lines if line.role != "drums"] + [_drums(bars, beat_s, rng)]
    return Score(
        style, "pop", bpm, key, minor, bars * 4 * beat_s + 1.0, chords, lines, f"mma:{style}", LICENCE,
        [(4 * 4 * beat_s if bars > 8 else 0.0, bars * 4 * beat_s)],
    )  # fmt: skip


def _source(style: str, grooves: tuple[str, ...], bpm: float, chords: list[Chord], rng: np.random.Generator) -> str:
    """The song in MMA's language, another groove of the style every eight bars."""
    main = [groove for groove in grooves if not re.search("intro|end|fill", groove, re.IGNORECASE)] or list(grooves)
    rows = [f"RndSeed {int(rng.integers(1 << 30))}", f"Tempo {bpm:g}"]
    for bar, chord in enumerate(chords):
        if bar % 8 == 0:
            rows.append(f"Groove {style}:{main[int(rng.integers(len(main)))]}")
        name = key_name(chord.root, False) + _SUFFIXES[chord.tones]
        rows.append(f"{bar + 1} {name}")
    return "\n".join(rows) + "\n"


def _play(source: str) -> list[Track]:
    with tempfile.TemporaryDirectory(prefix="unbraid-mma-") as folder:
        song, file = Path(folder, "song.mma"), Path(folder, "song.mid")
        song.write_text(source, "utf-8")
        try:
            run = subprocess.run(
                ["mma", str(song), "-f", str(file)], capture_output=True, text=True, timeout=_LONGEST_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise AudioError(f"mma did not run ({error}); install it with apt-get install mma") from error
        if run.returncode or not file.exists():
            raise AudioError(f"mma refused a song: {run.stdout.strip()[-200:]}")
        return read_tracks(file.read_bytes())[0]


def _one_bass(lines: list[Line]) -> list[Line]:
    """The lines with all basses in one: a style's bass changes between several tracks from bar to bar."""
    basses = [line for line in lines if line.role == "bass"]
    others = [line for line in lines if line.role != "bass"]
    if not basses:
        return others
    notes = sorted(note for line in basses for note in line.notes)
    return [Line("bass", notes, None, max(basses, key=lambda line: len(line.notes)).program), *others]


def _has_kit(lines: list[Line]) -> bool:
    """Whether kick and snare both play; many a dance style has neither."""
    pieces = {piece_of(note.pitch) for line in lines if line.role == "drums" for note in line.notes}
    return {"kick", "snare"} <= pieces


def _drums(bars: int, beat_s: float, rng: np.random.Generator) -> Line:
    """A groove of ours for a style without drums, eight bars a section."""
    grooves = [bar for name in ("pop", "soul", "ballad", "folk", "funk", "rock") for bar in GROOVES[name]]
    groove = grooves[int(rng.integers(len(grooves)))]
    notes: list[Note] = []
    for first in range(0, bars, 8):
        energy = float(rng.uniform(0.3, 0.9))
        notes += section_notes(groove, min(8, bars - first), first * 4 * beat_s, beat_s, 0.0, energy, rng)
    return Line("drums", sorted(notes))


def _line(track: Track) -> Line:
    if track.program is None:
        return Line("drums", track.notes)
    kind = re.sub(r"[-\d].*", "", track.name).lower()
    role = _ROLES.get(kind, "chords")
    if role == "bass" and not is_bass(track.program) and float(np.median([n.pitch for n in track.notes])) > 50:
        role = "lead"  # some styles give a "bass" line to a saxophone
    return Line(role, track.notes, None, track.program)
