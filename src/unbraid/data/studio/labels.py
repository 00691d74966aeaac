"""The words that parts are called by: one label for each, and other names for it."""

from __future__ import annotations

# Label -> other words for it. A label is what the query head learns, so it is a sound that an ear can tell.
WORDS: dict[str, tuple[str, ...]] = {
    "lead vocal": ("vocals", "singer", "voice", "singing"),
    "backing vocal": ("backing vocals", "harmony vocals", "background singers"),
    "rap": ("rap vocal", "rapper", "spoken voice"),
    "kick": ("kick drum", "bass drum"),
    "snare": ("snare drum", "rimshot"),
    "clap": ("hand clap", "claps"),
    "hihat": ("hi-hat", "hi-hats"),
    "toms": ("tom-toms", "tom drum"),
    "cymbals": ("crash cymbal", "ride cymbal"),
    "percussion": ("hand percussion", "shaker", "tambourine", "congas"),
    "drum loop": ("breakbeat", "drum break"),
    "electric bass": ("bass guitar", "fingered bass"),
    "acoustic bass": ("double bass", "upright bass"),
    "synth bass": ("bass synthesizer", "sub bass"),
    "piano": ("grand piano",),
    "electric piano": ("rhodes", "e-piano"),
    "harpsichord": ("clavichord", "clavinet"),
    "organ": ("hammond organ", "church organ"),
    "accordion": ("harmonica", "bandoneon"),
    "acoustic guitar": ("nylon guitar", "steel string guitar"),
    "electric guitar": ("clean guitar", "jazz guitar"),
    "distorted guitar": ("overdriven guitar", "rock guitar", "heavy guitar"),
    "strings": ("string section", "string ensemble"),
    "violin": ("viola", "fiddle"),
    "cello": ("contrabass", "bowed bass"),
    "harp": ("harp glissando",),
    "brass": ("brass section", "horns"),
    "trumpet": ("muted trumpet",),
    "trombone": ("tuba", "french horn"),
    "saxophone": ("sax",),
    "oboe": ("english horn", "bassoon"),
    "clarinet": ("woodwind",),
    "flute": ("piccolo", "recorder", "pan flute", "whistle"),
    "synth lead": ("lead synthesizer",),
    "synth pad": ("pad", "synthesizer pad"),
    "synth pluck": ("plucked synthesizer", "arpeggiator"),
    "synthesizer": ("synth", "keyboard synth"),
    "bells": ("glockenspiel", "celesta", "music box", "tubular bells"),
    "mallets": ("marimba", "xylophone", "vibraphone"),
    "sitar": ("banjo", "shamisen", "koto"),
    "kalimba": ("steel drums", "thumb piano"),
    "timpani": ("orchestral drum",),
    "sound effect": ("noise sweep", "riser"),
    "band": ("instrumental", "backing track"),
}

STEMS = ("vocals", "drums", "bass", "other")

# General MIDI programs, in order, by label.
_PROGRAM_LABELS = (
    (range(0, 4), "piano"),
    (range(4, 6), "electric piano"),
    (range(6, 8), "harpsichord"),
    (range(8, 11), "bells"),
    (range(11, 14), "mallets"),
    (range(14, 15), "bells"),
    (range(15, 16), "sitar"),
    (range(16, 21), "organ"),
    (range(21, 24), "accordion"),
    (range(24, 26), "acoustic guitar"),
    (range(26, 29), "electric guitar"),
    (range(29, 32), "distorted guitar"),
    (range(32, 33), "acoustic bass"),
    (range(33, 38), "electric bass"),
    (range(38, 40), "synth bass"),
    (range(40, 42), "violin"),
    (range(42, 44), "cello"),
    (range(44, 46), "strings"),
    (range(46, 47), "harp"),
    (range(47, 48), "timpani"),
    (range(48, 52), "strings"),
    (range(55, 56), "brass"),
    (range(56, 57), "trumpet"),
    (range(57, 59), "trombone"),
    (range(59, 60), "trumpet"),
    (range(60, 61), "trombone"),
    (range(61, 64), "brass"),
    (range(64, 68), "saxophone"),
    (range(68, 71), "oboe"),
    (range(71, 72), "clarinet"),
    (range(72, 80), "flute"),
    (range(80, 85), "synth lead"),
    (range(86, 88), "synth lead"),
    (range(88, 91), "synth pad"),
    (range(92, 96), "synth pad"),
    (range(96, 104), "synthesizer"),
    (range(104, 108), "sitar"),
    (range(108, 109), "kalimba"),
    (range(109, 110), "oboe"),
    (range(110, 111), "violin"),
    (range(111, 112), "oboe"),
    (range(112, 113), "bells"),
    (range(114, 115), "kalimba"),
)
PROGRAM_LABELS: dict[int, str] = {program: label for programs, label in _PROGRAM_LABELS for program in programs}
"""Programs that may sound in a song. Choirs and voices (52 to 54, 85, 91) have no place outside the vocals stem, and
percussion and noises (113, 115 to 127) none on a pitched line."""

_PIECES = (
    ("kick", (35, 36)),
    ("snare", (37, 38, 40)),
    ("clap", (39,)),
    ("hihat", (42, 44, 46)),
    ("toms", (41, 43, 45, 47, 48, 50)),
    ("cymbals", (49, 51, 52, 53, 55, 57, 59)),
)
_PIECE_OF = {pitch: piece for piece, pitches in _PIECES for pitch in pitches}


def piece_of(pitch: int) -> str:
    """The piece of the drum kit that plays General MIDI percussion ``pitch``; everything else is "percussion"."""
    return _PIECE_OF.get(pitch, "percussion")


def is_bass(program: int | None) -> bool:
    return program is not None and 32 <= program <= 39
