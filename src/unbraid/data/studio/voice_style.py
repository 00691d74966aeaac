"""How a line is sung: the register and the habits of a singer, drawn once for each line."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from unbraid.data.studio.voice_synth import Roughness


@dataclass(frozen=True)
class Style:
    """A singer's habits. Rates in Hz, pitches in semitones, times in seconds, chances and shares from 0 to 1.

    ``warp`` stretches the formants (above 1: a shorter vocal tract); ``throat`` and ``mouth`` bend that over frequency,
    so that one speaker gets other relations between formants and is another singer. ``tilt_db`` is dB an octave
    around 1 kHz, ``tension`` flattens the spectrum as effort does and grows with pitch, ``ring_db`` raises the
    singer's formant near 3 kHz, ``falsetto`` weakens the overtones, ``breath`` adds noise to the vowels, ``clarity``
    takes it away above, ``air_db`` is the level of the band above 8 kHz.
    """

    register: str = "plain"
    warp: float = 1.0
    throat: float = 0.0
    mouth: float = 0.0
    tilt_db: float = 0.0
    tension: float = 0.0
    ring_db: float = 0.0
    falsetto: float = 0.0
    breath: float = 0.0
    clarity: float = 0.5
    air_db: float = 0.0
    portamento_hz: float = 6.0
    lead_s: float = 0.03
    scoop: float = 0.2
    ornament: float = 0.05
    melisma: float = 0.15
    fall: float = 0.1
    fry: float = 0.1
    vibrato_hz: float = 5.5
    vibrato: float = 0.3
    drift: float = 0.1
    breaths_db: float = -24.0
    rough: Roughness = field(default_factory=Roughness)


_REGISTERS = {"plain": 0.4, "belt": 0.22, "breathy": 0.14, "falsetto": 0.08, "raspy": 0.1, "scream": 0.06}


def draw_style(rng: np.random.Generator, role: str = "lead") -> Style:
    """Draw a singer's habits; harmonies are seldom rough and rap is never falsetto."""
    chances = dict(_REGISTERS)
    if role == "harmony":
        chances |= {"scream": 0.0, "raspy": 0.03, "breathy": 0.3, "falsetto": 0.15}
    if role == "rap":
        chances |= {"falsetto": 0.0, "breathy": 0.05, "raspy": 0.2}
    weights = np.array(list(chances.values()))
    register = str(rng.choice(list(chances), p=weights / weights.sum()))
    return _into_register(_habits(rng, role), register, rng)


def _habits(rng: np.random.Generator, role: str) -> Style:
    straight = rng.random() < 0.25  # much of today's pop hardly uses vibrato
    return Style(
        warp=float(np.exp(np.clip(rng.normal(0, 0.08), -0.2, 0.2))),
        throat=float(np.clip(rng.normal(0, 0.035), -0.09, 0.09)),
        mouth=float(np.clip(rng.normal(0, 0.03), -0.07, 0.07)),
        tilt_db=rng.uniform(-1.5, 2.0),
        tension=rng.uniform(0.0, 0.5),
        ring_db=rng.uniform(0, 6),
        breath=rng.uniform(0, 0.2),
        clarity=rng.uniform(0.2, 0.85),
        air_db=rng.uniform(-6, 6),
        portamento_hz=rng.uniform(4, 11),
        lead_s=rng.uniform(0.0, 0.05),
        scoop=rng.uniform(0.05, 0.45),
        ornament=rng.uniform(0, 0.2) * rng.random(),
        melisma=rng.uniform(0.05, 0.35) if role != "rap" else 0.0,
        fall=rng.uniform(0, 0.3),
        fry=rng.uniform(0, 0.3),
        vibrato_hz=rng.uniform(4.6, 6.8),
        vibrato=rng.uniform(0.0, 0.1) if straight else rng.uniform(0.1, 0.8),
        drift=rng.uniform(0.04, 0.2),
        breaths_db=rng.uniform(-34, -16),
        rough=Roughness(rng.uniform(0.001, 0.008), rng.uniform(0.01, 0.06), breath_pulse=rng.uniform(0.2, 0.9)),
    )


def _into_register(style: Style, register: str, rng: np.random.Generator) -> Style:
    """Bend plain habits to a register."""
    changes: dict[str, object] = {"register": register}
    rough = style.rough
    if register == "belt":
        changes |= {"tension": rng.uniform(0.7, 1.3), "ring_db": rng.uniform(4, 10), "breath": 0.0}
        changes |= {"clarity": rng.uniform(0.6, 0.95), "vibrato": style.vibrato * 1.2}
    elif register == "breathy":
        changes |= {"tension": rng.uniform(-0.4, 0.0), "breath": rng.uniform(0.3, 0.75), "ring_db": 0.0}
        changes |= {"air_db": rng.uniform(0, 9), "breaths_db": rng.uniform(-22, -12), "clarity": 0.2}
    elif register == "falsetto":
        changes |= {"falsetto": rng.uniform(0.4, 1.0), "breath": rng.uniform(0.05, 0.5), "tension": 0.0}
    elif register == "raspy":
        changes |= {"tension": rng.uniform(0.4, 1.1), "breath": rng.uniform(0.1, 0.4)}
        rough = replace(rough, jitter=rng.uniform(0.008, 0.025), shimmer=rng.uniform(0.08, 0.25))
        rough = replace(rough, subharmonic=rng.uniform(0.05, 0.4), flutter=rng.uniform(0, 0.3))
    elif register == "scream":
        changes |= {"tension": rng.uniform(1.0, 1.6), "breath": rng.uniform(0.3, 0.7), "ring_db": rng.uniform(3, 9)}
        changes |= {"vibrato": style.vibrato * 0.3, "breaths_db": rng.uniform(-22, -12)}
        rough = replace(rough, jitter=rng.uniform(0.02, 0.06), shimmer=rng.uniform(0.2, 0.5))
        rough = replace(rough, subharmonic=rng.uniform(0.2, 0.7), flutter=rng.uniform(0.2, 0.7))
    return replace(style, rough=rough, **changes)  # type: ignore[arg-type]  # one dict of floats and a string


def second_take(style: Style, rng: np.random.Generator) -> Style:
    """The same singer once more, as a double is: nearly the same habits."""
    return replace(
        style,
        warp=style.warp * float(np.exp(rng.normal(0, 0.012))),
        tilt_db=style.tilt_db + rng.normal(0, 0.4),
        lead_s=max(style.lead_s + rng.normal(0, 0.008), 0.0),
        vibrato_hz=style.vibrato_hz * float(np.exp(rng.normal(0, 0.04))),
        breaths_db=style.breaths_db - 8,
    )
