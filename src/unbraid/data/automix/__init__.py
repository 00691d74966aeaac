"""New songs from the stems of several, brought to one tempo, key and beat (Défossez 2021, "Hybrid Spectrogram and
Waveform Source Separation", section 4.2): ``listen`` finds tempo, beats and key of each song, ``partners`` which
stems may meet, ``align`` when, and ``make`` writes the result. Needs librosa and pedalboard (the [train] extra).
"""

from __future__ import annotations

from unbraid.data.automix.make import automix
from unbraid.data.automix.settings import Settings

__all__ = ["Settings", "automix"]
