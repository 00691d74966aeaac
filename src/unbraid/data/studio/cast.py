"""Who plays a line: an instrument for each part, drawn from the fonts, kits, strings and synthesisers at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from unbraid.data.studio import drum_synth, strings, synth
from unbraid.data.studio.assets import Font, Material
from unbraid.data.studio.kits import Kit
from unbraid.data.studio.labels import PROGRAM_LABELS
from unbraid.data.studio.score import Line, Note
from unbraid.data.studio.soundfont import Bend, Fonts
from unbraid.data.studio.split import Split
from unbraid.data.studio.touch import AS_IT_IS, AS_RECORDED, draw_strike, draw_touch
from unbraid.signal import Samples

Perform = Callable[[Sequence[Note], float, np.random.Generator], Samples]
OWN_LICENCE = "MIT"


@dataclass(frozen=True)
class Player:
    """An instrument with its label. ``perform(notes, seconds, rng)`` gives ``[2, time]``."""

    label: str
    source: str
    licence: str
    perform: Perform


# Family -> General MIDI programs, own synthesiser patches, own strings, and the label where it is not the program's.
_FAMILIES: dict[str, tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]]] = {
    "piano": ((0, 0, 0, 1, 2, 3), (), ()),
    "electric piano": ((4, 5, 4, 5), ("fm keys", "keys"), ()),
    "organ": ((16, 17, 18, 19, 20), ("organ",), ()),
    "acoustic guitar": ((24, 25, 25, 25), (), ("acoustic",)),
    "clean guitar": ((26, 27, 27, 28), (), ("electric", "electric")),
    "distorted guitar": ((29, 30, 27, 26), (), ("electric", "electric", "electric")),
    "electric bass": ((33, 33, 34, 34, 35, 36, 37), (), ("bass", "bass", "bass")),
    "acoustic bass": ((32,), (), ()),
    "synth bass": ((38, 39), ("bass", "bass", "sub", "reese", "acid"), ()),
    "sub bass": ((), ("sub",), ()),
    "reese": ((), ("reese", "bass"), ()),
    "strings": ((48, 49, 48, 49, 50, 51, 44, 45), (), ()),
    "brass": ((61, 61, 62, 63, 56, 57), ("brass",), ()),
    "reeds": ((64, 65, 66, 67, 71, 68, 69), (), ()),
    "flutes": ((73, 72, 74, 75, 78, 79), (), ()),
    "solo strings": ((40, 41, 42, 110), (), ()),
    "mallets": ((9, 10, 11, 12, 13, 14, 8, 108, 114), ("bell",), ()),
    "harp": ((46,), (), ()),
    "exotic": ((104, 105, 106, 107, 15, 22, 21, 23), (), ()),
    "synth lead": ((80, 81, 82, 83, 84, 87), ("lead", "lead", "lead", "acid"), ()),
    "synth pad": ((88, 89, 90, 94, 95), ("pad", "pad", "pad"), ()),
    "synth pluck": ((), ("pluck", "pluck", "bell"), ()),
    "supersaw": ((), ("supersaw",), ()),
    "synth keys": ((90, 62), ("keys", "fm keys", "brass", "pluck"), ()),
}
_PATCH_LABELS = {
    "bass": "synth bass", "sub": "synth bass", "reese": "synth bass", "acid": "synth bass", "lead": "synth lead",
    "pad": "synth pad", "pluck": "synth pluck", "keys": "synthesizer", "fm keys": "electric piano",
    "supersaw": "synthesizer", "brass": "synthesizer", "organ": "organ", "bell": "bells",
}  # fmt: skip
_STRING_LABELS = {"electric": "electric guitar", "acoustic": "acoustic guitar", "bass": "electric bass"}

# Role -> families that may take it when the score names none.
_ROLE_FAMILIES: dict[str, tuple[str, ...]] = {
    "bass": ("electric bass", "electric bass", "synth bass", "acoustic bass"),
    "chords": (
        "piano",
        "electric piano",
        "organ",
        "clean guitar",
        "synth keys",
        "brass",
        "strings",
        "distorted guitar",
    ),
    "strum": ("acoustic guitar", "acoustic guitar", "clean guitar"),
    "power": ("distorted guitar",),
    "arpeggio": ("synth pluck", "clean guitar", "acoustic guitar", "piano", "harp", "mallets", "electric piano"),
    "pad": ("synth pad", "strings", "organ", "supersaw"),
    "riff": ("synth lead", "distorted guitar", "clean guitar", "synth pluck", "brass", "piano"),
    "lead": (
        "synth lead",
        "reeds",
        "flutes",
        "solo strings",
        "distorted guitar",
        "brass",
        "mallets",
        "exotic",
        "piano",
    ),
}
_WITH_VIBRATO = frozenset((*range(40, 44), 56, 57, *range(64, 80), 110, 29, 30))


def cast_line(line: Line, material: Material, fonts: Fonts, rng: np.random.Generator) -> Player:
    """An instrument for a pitched line; the score's own program is kept now and then."""
    if _strummed(line) and material.strums and rng.random() < 0.5:
        book = material.strums[int(rng.integers(len(material.strums)))]
        return Player("acoustic guitar", f"strums:{book.name}", book.licence, book.play)
    if line.program in PROGRAM_LABELS and line.family is None and rng.random() < 0.35:
        return _from_font(line.program, line.role, material, fonts, rng)
    choices = _ROLE_FAMILIES[line.role]
    family = line.family or choices[int(rng.integers(len(choices)))]
    programs, patches, kinds = _FAMILIES[family]
    pick = int(rng.integers(len(programs) + len(patches) + len(kinds)))
    if pick < len(programs):
        return _from_font(programs[pick], family, material, fonts, rng)
    if pick < len(programs) + len(patches):
        return _from_patch(patches[pick - len(programs)], line.role, rng)
    return _from_string(kinds[pick - len(programs) - len(patches)], family, rng)


def _strummed(line: Line) -> bool:
    """Whether an acoustic guitar strums the line."""
    if line.role != "strum":
        return False
    return line.family == "acoustic guitar" or (line.family is None and line.program in (None, 24, 25))


def cast_percussion(material: Material, rng: np.random.Generator) -> tuple[str, str, Perform] | None:
    """Hand drums beside a kit, as (source, licence, perform), if the material has any and chance wants them."""
    kits = [(source, kit) for source, kit in material.kits if source.sound == "hand"]
    if not kits or rng.random() < 0.5:
        return None
    source, kit = kits[int(rng.integers(len(kits)))]
    return f"kit:{source.name}", source.licence, _with_sticks(kit, material.split)


def cast_drums(
    material: Material, fonts: Fonts, electronic: float, rng: np.random.Generator
) -> tuple[str, str, Perform]:
    """A drum kit as (source, licence, perform); ``electronic`` is the chance of a machine instead of drums."""
    machine = rng.random() < electronic
    if machine and rng.random() < 0.4:
        made = drum_synth.draw_kit(rng)
        return f"own:{made.name}", OWN_LICENCE, made.play
    wanted = "electronic" if machine else "acoustic"
    kits = [(source, kit) for source, kit in material.kits if source.sound == wanted and kit.whole]
    if kits and rng.random() < (0.75 if machine else 0.62):
        source, kit = kits[int(rng.integers(len(kits)))]
        return f"kit:{source.name}", source.licence, _with_sticks(kit, material.split)
    drums = material.drum_fonts
    if not drums:
        made = drum_synth.draw_kit(rng)
        return f"own:{made.name}", OWN_LICENCE, made.play
    font = drums[int(rng.integers(len(drums)))]
    programs = [p for p in font.source.drum_programs if (p in (24, 25)) == machine] or list(font.source.drum_programs)
    return (
        f"font:{font.source.name}",
        font.source.licence,
        _struck(font, programs[int(rng.integers(len(programs)))], fonts),
    )


def _with_sticks(kit: Kit, split: Split) -> Perform:
    def perform(notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
        return kit.play(notes, seconds, rng, draw_strike(rng) if split == "train" else AS_RECORDED)

    return perform


def _struck(font: Font, program: int, fonts: Fonts) -> Perform:
    def perform(notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
        touch = draw_touch(rng, drums=True) if font.source.split == "train" else AS_IT_IS
        return fonts.play(font.path, font.source.drum_bank, program, notes, seconds, touch=touch)

    return perform


def _from_font(program: int, family: str, material: Material, fonts: Fonts, rng: np.random.Generator) -> Player:
    able = [font for font in material.melodic_fonts if font.has(program)]
    if not able:
        return _from_patch("bass" if 32 <= program <= 39 else "keys", family, rng)
    weights = np.array([font.source.weight for font in able])
    font = able[int(rng.choice(len(weights), p=weights / weights.sum()))]
    label = PROGRAM_LABELS[program]
    if family in ("distorted guitar", "power") and label == "electric guitar":
        label = "distorted guitar"  # a clean guitar that goes through an amplifier at full gain
    vibrato = program in _WITH_VIBRATO and rng.random() < 0.6

    def perform(notes: Sequence[Note], seconds: float, rng: np.random.Generator) -> Samples:
        bends = vibrato_bends(notes, rng) if vibrato else ()
        touch = draw_touch(rng, drums=False) if font.source.split == "train" else AS_IT_IS
        return fonts.play(font.path, 0, program, notes, seconds, bends, touch)

    return Player(label, f"font:{font.source.name}", font.source.licence, perform)


def _from_patch(kind: str, role: str, rng: np.random.Generator) -> Player:
    patch = synth.draw_patch(kind, rng)
    label = _PATCH_LABELS[kind]
    if label == "synth bass" and role != "bass":
        label = "synth lead"
    if role == "bass" and label != "synth bass":
        label = "synth bass"
    return Player(label, f"own:synth {kind}", OWN_LICENCE, lambda n, s, r: synth.play(patch, n, s, r))


def _from_string(kind: str, family: str, rng: np.random.Generator) -> Player:
    sound = strings.draw_string(kind, rng)
    label = "distorted guitar" if family == "distorted guitar" else _STRING_LABELS[kind]
    return Player(label, f"own:string {kind}", OWN_LICENCE, lambda n, s, r: strings.play(sound, n, s, r))


def vibrato_bends(notes: Sequence[Note], rng: np.random.Generator) -> list[Bend]:
    """Pitch bends of a vibrato that sets in on notes longer than a third of a second; only for single-voice lines."""
    if any(late.start_s < early.end_s - 0.05 for early, late in pairwise(notes)):
        return []
    bends: list[Bend] = []
    rate, depth = rng.uniform(4.8, 6.5), rng.uniform(0.1, 0.35)
    for note in notes:
        if note.end_s - note.start_s > 0.35:
            times = np.arange(note.start_s + 0.2, note.end_s, 0.02)
            bends += [(float(t), float(depth * np.sin(2 * np.pi * rate * (t - note.start_s)))) for t in times]
            bends.append((note.end_s, 0.0))
    return bends
