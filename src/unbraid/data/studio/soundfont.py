"""Sound fonts played by FluidSynth inside this process.

Every part gets a synthesiser of its own, so that no voice left over from another part or song is heard: with it the
same notes give the same bytes (measured with FluidSynth 2.3.1). Loading is cheap because only the samples of the chosen
preset are read; a compressed font (.sf3) is the exception, and its decoded samples are kept by a synthesiser that
stays open.

Samples are fetched with ``fluid_synth_write_float``: pyfluidsynth's own ``get_samples`` rounds to 16 bits with dither,
which leaves a noise floor 60 dB below soft parts once these are made louder.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.data.studio.score import Note
from unbraid.data.studio.touch import AS_IT_IS, Touch
from unbraid.errors import AudioError
from unbraid.signal import Samples

RATE = 44_100
DRUM_BANK = 128
_GAIN = 0.4
_CHANNELS = 256
_TAIL_S = 2.0

Bend = tuple[float, float]
"""A time in seconds and the pitch bend from then on, in semitones (at most 2 either way)."""


@dataclass
class Fonts:
    """Plays presets of sound font files; keeps decoded samples of compressed fonts for later parts."""

    _keepers: dict[Path, tuple[Any, int]] = field(default_factory=dict)

    def play(
        self,
        path: Path,
        bank: int,
        program: int,
        notes: Sequence[Note],
        seconds: float,
        bends: Sequence[Bend] = (),
        touch: Touch = AS_IT_IS,
    ) -> Samples:
        """Notes played by one preset, ``[2, time]`` over ``seconds``; no reverb, no chorus.

        Raises:
            AudioError: the font cannot be read or has no such preset.
        """
        if path.suffix == ".sf3":
            self._keep(path, bank, program)
        with _opened(path) as (synth, font):
            _select(synth, font, path, bank, program)
            touch.apply(synth, 0)
            return _rendered(synth, _events(touch.keys(notes), bends), round(seconds * RATE))

    def has(self, path: Path, bank: int, program: int) -> bool:
        """Whether the font has the preset."""
        with _opened(path) as (synth, font):
            return synth.sfpreset_name(font, bank, program) is not None

    def _keep(self, path: Path, bank: int, program: int) -> None:
        """Select the preset in a synthesiser that stays open, so that FluidSynth's cache holds its decoded samples."""
        if path not in self._keepers:
            self._keepers[path] = _open(path)
        synth, font = self._keepers[path]
        synth.program_select((bank + program) % _CHANNELS, font, bank, program)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    synth, font = _open(path)
    try:
        yield synth, font
    finally:
        synth.delete()


def _open(path: Path) -> tuple[Any, int]:
    import fluidsynth

    synth = fluidsynth.Synth(gain=_GAIN, samplerate=float(RATE), channels=_CHANNELS)
    for name, value in (
        ("synth.reverb.active", 0),
        ("synth.chorus.active", 0),
        ("synth.polyphony", 160),
        ("synth.dynamic-sample-loading", 1),
    ):
        synth.setting(name, value)
    font = synth.sfload(str(path))
    if font < 0:
        synth.delete()
        raise AudioError(f"{path}: FluidSynth cannot read this sound font; fetch the package again")
    return synth, font


def _select(synth: Any, font: int, path: Path, bank: int, program: int) -> None:
    if synth.program_select(0, font, bank, program) != 0:
        raise AudioError(f"{path}: has no preset {program} in bank {bank}")


def _events(notes: Sequence[Note], bends: Sequence[Bend]) -> list[tuple[float, int, int, int]]:
    """(time, kind, value, velocity) in order; at one time notes end (0), then pitch bends (1), then notes begin (2).

    A note that begins while its pitch still sounds ends the earlier one there, as a key can be pressed only once.
    """
    events: list[tuple[float, int, int, int]] = [
        (time, 1, int(np.clip(8192 * bend / 2, -8192, 8191)), 0) for time, bend in bends
    ]
    ends: dict[int, float] = {}
    for note in sorted(notes, reverse=True):
        end = min(note.end_s, ends.get(note.pitch, note.end_s))
        ends[note.pitch] = note.start_s
        events.append((note.start_s, 2, note.pitch, note.velocity))
        events.append((end, 0, note.pitch, 0))
    return sorted(events)


def _rendered(synth: Any, events: list[tuple[float, int, int, int]], length: int) -> Samples:
    samples = np.zeros((2, length), np.float32)
    if not events:
        return samples
    at = min(int(events[0][0] * RATE), length)
    for time, kind, value, velocity in events:
        until = min(int(time * RATE), length)
        _write(synth, samples, at, until)
        at = max(at, until)
        if kind == 2:
            synth.noteon(0, value, velocity)
        elif kind == 1:
            synth.pitch_bend(0, value)
        else:
            synth.noteoff(0, value)
    _write(synth, samples, at, min(length, at + int(_TAIL_S * RATE)))
    return samples


def _write(synth: Any, samples: Samples, start: int, stop: int) -> None:
    if stop > start:
        left, right = (samples[channel, start:stop].ctypes.data for channel in (0, 1))
        _writer()(synth.synth, stop - start, left, 0, 1, right, 0, 1)


def _writer() -> Any:
    """``fluid_synth_write_float(synth, frames, left, offset, step, right, offset, step)`` with its types declared."""
    import fluidsynth

    write = fluidsynth._fl.fluid_synth_write_float
    write.argtypes = [ctypes.c_void_p, ctypes.c_int, *([ctypes.c_void_p, ctypes.c_int, ctypes.c_int] * 2)]
    write.restype = ctypes.c_int
    return write
