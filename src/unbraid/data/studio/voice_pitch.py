"""Notes -> the pitch that a singer really makes of them.

The control model of Saitou, Unoki and Akagi (2005, "Development of an F0 control model based on F0 dynamic
characteristics for singing-voice synthesis"): note steps through a damped second-order system (portamento with
overshoot), vibrato, and fine fluctuation; scoops, grace notes and falls are added to the steps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from unbraid.data.studio.voice_analysis import FRAME_S
from unbraid.data.studio.voice_style import Style

Note = tuple[float, float, float]
"""Start and end in seconds, pitch as MIDI number."""


def pitch_contour(notes: list[Note], frames: int, rng: np.random.Generator, style: Style) -> NDArray[np.float64]:
    """MIDI pitch of every 5 ms frame [frame]; ``notes`` in order, times from frame 0; a gap holds the next pitch."""
    steps = _steps(notes, frames, rng, style)
    pitch = _second_order(steps, style.portamento_hz)
    lead = int(style.lead_s / FRAME_S)
    pitch = np.concatenate([pitch[lead:], np.repeat(pitch[-1:], lead)])
    for note in notes:
        _bend(pitch, note, rng, style)
        _add_vibrato(pitch, note, rng, style)
    if notes and rng.random() < style.fall:
        _fall(pitch, notes[-1], rng)
    slow = _smooth_noise(frames, 60, rng) * style.drift
    return np.asarray(pitch + slow + _smooth_noise(frames, 3, rng) * 0.05)


def _steps(notes: list[Note], frames: int, rng: np.random.Generator, style: Style) -> NDArray[np.float64]:
    """The notes as steps, with grace notes; a gap already holds the pitch that comes."""
    steps = np.full(frames, float(notes[0][2]) if notes else 60.0)
    for number, (start, end, pitch) in enumerate(notes):
        begin = _frame(notes[number - 1][1]) if number else 0
        steps[begin:] = pitch
        if end - start > 0.25 and rng.random() < style.ornament:
            grace = int(rng.uniform(0.05, 0.11) / FRAME_S)
            first = _frame(start)
            steps[first : first + grace] += rng.choice([-2.0, -1.0, 1.0, 2.0, 3.0])
            if rng.random() < 0.4:
                steps[first + 2 * grace : first + 3 * grace] += rng.choice([-2.0, 2.0])
    return steps


def _second_order(steps: NDArray[np.float64], rate_hz: float, damping: float = 0.75) -> NDArray[np.float64]:
    """y'' = w^2 (steps - y) - 2 d w y', stepped by semi-implicit Euler, which is stable for w dt < 2."""
    speed = 2 * np.pi * rate_hz * FRAME_S
    friction, spring = 2 * damping * speed, speed**2
    moved = lfilter([spring], [1.0, -(2 - friction - spring), 1 - friction], steps - steps[0])
    return np.asarray(moved + steps[0])


def _bend(pitch: NDArray[np.float64], note: Note, rng: np.random.Generator, style: Style) -> None:
    """Scoop into a note from below."""
    start, end, _ = note
    if rng.random() >= style.scoop:
        return
    length = max(int(min(rng.uniform(0.06, 0.18), 0.35 * (end - start)) / FRAME_S), 1)
    piece = pitch[_frame(start) : _frame(start) + length]
    piece -= (rng.uniform(0.4, 2.2) * np.linspace(1, 0, length) ** 2)[: len(piece)]


def _add_vibrato(pitch: NDArray[np.float64], note: Note, rng: np.random.Generator, style: Style) -> None:
    """Vibrato that sets in late and grows, as trained and pop singers do on notes longer than 0.3 s."""
    start, end, _ = note
    length = end - start
    if length < 0.3 or style.vibrato <= 0:
        return
    onset = min(rng.uniform(0.1, 0.4), 0.45 * length)
    first, count = _frame(start + onset), int((length - onset) / FRAME_S)
    piece = pitch[first : first + count]
    time = np.arange(len(piece)) * FRAME_S
    rate = style.vibrato_hz * np.exp(0.04 * rng.normal() + 0.05 * _smooth_noise(len(piece), 20, rng))
    swing = np.sin(2 * np.pi * np.cumsum(rate) * FRAME_S)
    piece += style.vibrato * np.exp(0.25 * rng.normal()) * np.minimum(time / 0.35, 1) * swing


def _fall(pitch: NDArray[np.float64], note: Note, rng: np.random.Generator) -> None:
    """Let the last note drop at its end."""
    length = max(int(min(rng.uniform(0.08, 0.3), 0.5 * (note[1] - note[0])) / FRAME_S), 1)
    last = min(_frame(note[1]), len(pitch))
    first = max(last - length, 0)
    drop = rng.uniform(1, 6)
    pitch[first:last] -= drop * np.linspace(0, 1, last - first) ** 2
    pitch[last:] -= drop


def _smooth_noise(frames: int, width: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise of unit variance, low-passed over ``width`` frames."""
    kernel = np.hanning(4 * width + 3)
    kernel /= np.sqrt(np.sum(kernel**2))
    return np.asarray(np.convolve(rng.normal(size=frames + len(kernel) - 1), kernel, mode="valid"))


def _frame(seconds: float) -> int:
    return max(round(seconds / FRAME_S), 0)
