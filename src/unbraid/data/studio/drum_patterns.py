"""Drum grooves of today's styles, one bar of sixteen steps each, and what drummers add: crashes, fills, ghost notes.

Letters are strengths: ``X`` accent, ``x`` plain, ``o`` soft, ``r`` two strokes in one step, ``.`` none.
"""

from __future__ import annotations

import numpy as np

from unbraid.data.studio.score import Note

KICK, STICK, SNARE, CLAP, CLOSED, PEDAL, OPEN = 36, 37, 38, 39, 42, 44, 46
LOW_TOM, MID_TOM, HIGH_TOM, CRASH, RIDE, TAMBOURINE, SHAKER, COWBELL = 43, 45, 50, 49, 51, 54, 82, 56

Bar = dict[int, str]

STEPS = 16
_VELOCITY = {"X": 118, "x": 98, "o": 48, "r": 84}

_EIGHTHS = "x.o.x.o.x.o.x.o."
_HARD_EIGHTHS = "X.x.X.x.X.x.X.x."
_SIXTEENTHS = "xoxoxoxoxoxoxoxo"
_BACKBEAT = "....X.......X..."
_FOUR = "X...X...X...X..."

GROOVES: dict[str, tuple[Bar, ...]] = {
    "rock": (
        {KICK: "X.......X.......", SNARE: _BACKBEAT, CLOSED: _HARD_EIGHTHS},
        {KICK: "X.....x.X.......", SNARE: _BACKBEAT, CLOSED: _EIGHTHS},
        {KICK: "X.x...x...x.....", SNARE: _BACKBEAT, OPEN: _HARD_EIGHTHS},
        {KICK: "X..x..x.X..x....", SNARE: _BACKBEAT, RIDE: _HARD_EIGHTHS},
        {KICK: "X.......X.x.....", SNARE: "....X..o.o..X...", CLOSED: _EIGHTHS},
        {KICK: "X...x...X...x...", SNARE: _BACKBEAT, CRASH: "x...x...x...x..."},
    ),
    "punk": (
        {KICK: "X...X...X...X...", SNARE: "..X...X...X...X.", CLOSED: _HARD_EIGHTHS},
        {KICK: "X..xX...X..xX...", SNARE: "..X...X...X...X.", RIDE: _HARD_EIGHTHS},
        {KICK: "X.....x.X.x.....", SNARE: _BACKBEAT, OPEN: _HARD_EIGHTHS},
    ),
    "metal": (
        {KICK: "xxxxxxxxxxxxxxxx", SNARE: _BACKBEAT, RIDE: _HARD_EIGHTHS},
        {KICK: "x.xxx.xxx.xxx.xx", SNARE: _BACKBEAT, CLOSED: _HARD_EIGHTHS},
        {KICK: "x.x.x.x.x.x.x.x.", SNARE: ".x.x.x.x.x.x.x.x", RIDE: "X...X...X...X..."},
        {KICK: "X.xx..xxX.xx..xx", SNARE: "........X.......", CRASH: "X...X...X...X..."},
        {KICK: "xxx.xxx.xxx.xxx.", SNARE: _BACKBEAT, 52: "X...X...X...X..."},
    ),
    "pop": (
        {KICK: "X.......X.x.....", SNARE: _BACKBEAT, CLOSED: _EIGHTHS, TAMBOURINE: "....x.......x..."},
        {KICK: _FOUR, SNARE: _BACKBEAT, CLOSED: "..x...x...x...x."},
        {KICK: "X..x......x.x...", SNARE: _BACKBEAT, CLAP: _BACKBEAT, CLOSED: _SIXTEENTHS},
        {KICK: "X.....x...x.....", CLAP: _BACKBEAT, SHAKER: _SIXTEENTHS},
    ),
    "funk": (
        {KICK: "X..x..x...x..x..", SNARE: "....X..o.o..X..o", CLOSED: _SIXTEENTHS},
        {KICK: "X.x.......xx....", SNARE: "....X..o.o.oX...", CLOSED: "x.xxx.x.x.xxx...", OPEN: "..............x."},
        {KICK: "X......x..x.....", SNARE: ".o..X..o.o..X.o.", CLOSED: _SIXTEENTHS, COWBELL: "x...x...x...x..."},
    ),
    "hip hop": (
        {KICK: "X.....x..xx.....", SNARE: _BACKBEAT, CLOSED: _EIGHTHS},
        {KICK: "X..x...x..x.....", SNARE: _BACKBEAT, CLOSED: "x.x.x.xxx.x.x.x.", OPEN: "......x........."},
        {KICK: "X.x....x..x..x..", SNARE: "....X..o.o..X...", CLOSED: _EIGHTHS},
        {KICK: "X......x.x......", CLAP: _BACKBEAT, SNARE: _BACKBEAT, SHAKER: _SIXTEENTHS},
    ),
    "trap": (
        {KICK: "X......x..x.....", CLAP: "........X.......", CLOSED: "x.x.x.x.x.rrx.x."},
        {KICK: "X..x......x..x..", SNARE: "........X.......", CLOSED: "xxx.xxx.rrrrxxx."},
        {KICK: "X.....x...x...x.", CLAP: "........X.......", SNARE: "........X.....o.", CLOSED: "x.x.xrx.x.x.rrrr"},
        {KICK: "X.........x..x..", SNARE: "........X.......", CLOSED: "x.rrx.x.xrx.x.x.", OPEN: "..............x."},
    ),
    "house": (
        {KICK: _FOUR, CLAP: _BACKBEAT, OPEN: "..x...x...x...x."},
        {KICK: _FOUR, CLAP: _BACKBEAT, CLOSED: _SIXTEENTHS, OPEN: "..X...X...X...X."},
        {KICK: _FOUR, SNARE: _BACKBEAT, CLOSED: "x.o.x.o.x.o.x.o.", SHAKER: _SIXTEENTHS},
        {KICK: _FOUR, CLAP: "....X.......X..o", OPEN: "..x...x...x...x.", 63: "x..x..x...x.x..."},
    ),
    "techno": (
        {KICK: _FOUR, CLOSED: "..x...x...x...x.", RIDE: "..o...o...o...o."},
        {KICK: _FOUR, CLOSED: _SIXTEENTHS, STICK: "...x..x....x..x."},
        {KICK: _FOUR, CLAP: "............X...", OPEN: "..x...x...x...x.", LOW_TOM: "...x.....x....x."},
    ),
    "drum and bass": (
        {KICK: "X.........x.....", SNARE: _BACKBEAT, CLOSED: "x.x.x.x.x.x.x.x."},
        {KICK: "X..x......x.....", SNARE: "....X..o.o..X..o", CLOSED: _SIXTEENTHS},
        {KICK: "X.x.......xx....", SNARE: "....X..x.x..X...", RIDE: "x.x.x.x.x.x.x.x."},
        {KICK: "X.........x.....", SNARE: "....X..o....X.oo", RIDE: "X...X...X...X..."},
    ),
    "ballad": (
        {KICK: "X.......x.......", STICK: "........X.......", CLOSED: "x...o...x...o..."},
        {KICK: "X.....x.X.......", SNARE: _BACKBEAT, RIDE: _EIGHTHS},
        {KICK: "X.......X.x.....", SNARE: _BACKBEAT, CLOSED: _EIGHTHS},
    ),
    "folk": (
        {KICK: _FOUR, TAMBOURINE: _BACKBEAT},
        {KICK: "X.......X.......", STICK: _BACKBEAT, SHAKER: _SIXTEENTHS},
        {KICK: "X.......X...x...", SNARE: ".ooxX.ooxoooX.oo"},
    ),
    "reggae": (
        {KICK: "........X.......", STICK: "........X.......", CLOSED: "x.o.x.o.x.o.x.o."},
        {KICK: _FOUR, SNARE: "........X.......", CLOSED: "..x...x...x...x."},
        {KICK: "X..x..x.X..x..x.", SNARE: "...X..X....X..X.", CLOSED: _EIGHTHS},
    ),
    "soul": (
        {KICK: "X.....x.X.x.....", SNARE: "x...x...x...x...", CLOSED: _EIGHTHS},
        {KICK: "X..x....X..x....", SNARE: _BACKBEAT, RIDE: "x..ox..ox..ox..o"},
    ),
}  # fmt: skip

_FILLS: tuple[Bar, ...] = (
    {SNARE: "........x.x.xxxx"},
    {HIGH_TOM: "........xx......", MID_TOM: "..........xx....", LOW_TOM: "............xxxX"},
    {SNARE: "............xxxx", KICK: "............x..."},
    {SNARE: "xxxx............", HIGH_TOM: "....xxxx........", MID_TOM: "........xxxx....", LOW_TOM: "............xxxx"},
    {SNARE: "........o.oxx.Xx", LOW_TOM: "..............x."},
    {CLAP: "............x.xx", SNARE: "........oooxxxXX"},
)


def bar_notes(bar: Bar, start_s: float, beat_s: float, swing: float, gain: float) -> list[Note]:
    """The strokes of one bar. ``swing`` delays every second step by a share of a step; ``gain`` scales velocities."""
    step_s = beat_s / 4
    notes = []
    for pitch, steps in bar.items():
        for number, letter in enumerate(steps):
            if letter == ".":
                continue
            at = start_s + (number + (swing if number % 2 else 0.0)) * step_s
            velocity = int(np.clip(_VELOCITY[letter] * gain, 10, 127))
            notes.append(Note(at, at + step_s * 0.9, pitch, velocity))
            if letter == "r":
                notes.append(Note(at + step_s / 2, at + step_s, pitch, int(velocity * 0.8)))
    return notes


def section_notes(
    groove: Bar, bars: int, start_s: float, beat_s: float, swing: float, energy: float, rng: np.random.Generator
) -> list[Note]:
    """A section of ``bars`` bars on one groove: a crash at its start, a fill in its last bar, kicks left out or added.

    ``energy`` 0 to 1 is how hard and how full it is played; a quiet section may lose its snare or its hats.
    """
    thinned = dict(groove)
    if energy < 0.35 and rng.random() < 0.5:
        thinned = {pitch: steps for pitch, steps in groove.items() if pitch not in (SNARE, CLAP)}
    notes: list[Note] = []
    bar_s = 4 * beat_s
    fill = _FILLS[int(rng.integers(len(_FILLS)))]
    for number in range(bars):
        bar = dict(thinned)
        if number % 2 and rng.random() < 0.4:
            bar[KICK] = _varied(bar.get(KICK, "." * STEPS), rng)
        begin = start_s + number * bar_s
        played = bar_notes(bar, begin, beat_s, swing, 0.75 + 0.3 * energy)
        if number == bars - 1 and bars > 1 and rng.random() < 0.7:
            first = min(steps.find(steps.strip(".")[0]) for steps in fill.values())
            played = [note for note in played if note.start_s < begin + first * beat_s / 4 - 1e-6]
            played += bar_notes(fill, begin, beat_s, swing, 0.75 + 0.3 * energy)
        notes += played
    if energy > 0.45 and rng.random() < 0.75:
        notes.append(Note(start_s, start_s + 2 * beat_s, CRASH, int(80 + 40 * energy)))
    return notes


def _varied(steps: str, rng: np.random.Generator) -> str:
    """One weak step of the bass drum changed."""
    place = int(rng.choice([3, 6, 7, 10, 11, 14, 15]))
    letter = "." if steps[place] != "." else "x"
    return steps[:place] + letter + steps[place + 1 :]
