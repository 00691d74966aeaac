"""Other instruments out of the same preset or stroke: what a player and a maker may change without a new recording.

Material for training is a handful of sound fonts and kits; a net learns these by heart. A preset is therefore played
from the samples of other keys: moved up by four semitones, a note four semitones lower has its old pitch and resonances
a third higher, as of a smaller instrument. Beside it stand a low-pass filter and longer or shorter decays (SoundFont
2.04, section 8.1.3: generators add to what the preset says). Only songs for training are played so.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unbraid.data.studio.score import Note
from unbraid.errors import AudioError
from unbraid.signal import Samples

RATE = 44_100
_AS_IT_IS = 0.4
_FILTER_CUTOFF, _DECAY, _RELEASE, _COARSE_TUNE = 8, 36, 38, 51  # numbers of generators
_PITCHED_SEMITONES, _DRUM_SEMITONES = 6, 3
_DARKEST_CENTS = 2400.0
_TIME_CENTS = 1200.0


@dataclass(frozen=True)
class Touch:
    """Changes to a preset.

    semitones: by which its samples are moved. keep_pitch: whether other keys are pressed instead, so that notes stay
    where they were. cutoff_cents: of its low-pass filter. decay_cents, release_cents: of time, 1200 are twice as long.
    """

    semitones: int = 0
    keep_pitch: bool = True
    cutoff_cents: float = 0.0
    decay_cents: float = 0.0
    release_cents: float = 0.0

    def keys(self, notes: Sequence[Note]) -> Sequence[Note]:
        """The keys to press for ``notes``; those for which the keyboard is too short are left out.

        Presets of instruments with a narrow compass are silent, or nearly, where it ends, so a few notes go missing.
        """
        if not self.keep_pitch or self.semitones == 0:
            return notes
        moved = [note._replace(pitch=note.pitch - self.semitones) for note in notes]
        return [note for note in moved if 0 <= note.pitch <= 127]

    def apply(self, synth: Any, channel: int) -> None:
        """Set the generators of a pyfluidsynth ``Synth``."""
        import fluidsynth

        set_generator = fluidsynth._fl.fluid_synth_set_gen
        set_generator.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_float]
        set_generator.restype = ctypes.c_int
        for generator, value in (
            (_FILTER_CUTOFF, self.cutoff_cents),
            (_DECAY, self.decay_cents),
            (_RELEASE, self.release_cents),
            (_COARSE_TUNE, self.semitones),
        ):
            if value and set_generator(synth.synth, channel, generator, value) != 0:
                raise AudioError(f"FluidSynth does not take {value} for generator {generator}")


AS_IT_IS = Touch()


def draw_touch(rng: np.random.Generator, drums: bool) -> Touch:
    """A touch for one part; drums are moved with their pitch, and less."""
    if rng.random() < _AS_IT_IS:
        return AS_IT_IS
    most = _DRUM_SEMITONES if drums else _PITCHED_SEMITONES
    return Touch(
        semitones=int(rng.integers(-most, most + 1)),
        keep_pitch=not drums,
        cutoff_cents=-float(rng.uniform(0, _DARKEST_CENTS)) if rng.random() < 0.4 else 0.0,
        decay_cents=float(rng.uniform(-_TIME_CENTS, _TIME_CENTS)),
        release_cents=float(rng.uniform(-_TIME_CENTS, _TIME_CENTS)),
    )


@dataclass(frozen=True)
class Strike:
    """How the strokes of a kit are changed. tune: a factor. decay_s: a fall by 60 dB is added over so long, or None."""

    tune: float = 1.0
    decay_s: float | None = None

    def decayed(self, stroke: Samples) -> Samples:
        """``stroke[channel, time]`` with the decay."""
        if self.decay_s is None:
            return stroke
        fall = np.exp(-np.log(1000) / (self.decay_s * RATE) * np.arange(stroke.shape[1], dtype=np.float32))
        return np.asarray(stroke * fall, np.float32)


AS_RECORDED = Strike()


def draw_strike(rng: np.random.Generator) -> Strike:
    """Strokes for one piece of a kit, tuned within a third and damped now and then."""
    tune = float(2 ** rng.uniform(-0.33, 0.33)) if rng.random() > _AS_IT_IS else 1.0
    return Strike(tune, float(rng.uniform(0.25, 2.0)) if rng.random() < 0.35 else None)
