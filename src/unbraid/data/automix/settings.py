"""Every number of automix."""

from __future__ import annotations

from dataclasses import dataclass, fields

from unbraid.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """copies: new songs for each song. tempo_factors: a song may be taken for so many times its tempo. tempo_tolerance:
    by what fraction a tempo may be changed. semitones: by how much a key may be.

    lead_silence: what is quieter than this share of the mix's standard deviation is cut off a song's beginning. quiet:
    songs whose drums or bass are below this share of full scale are not used. key_window, key_gate: samples of the
    sliding RMS of the bass, and the share of its peak from which a note counts.

    reach_s: how far beats may be shifted to meet. grid_s, bump_s: steps in which it is tried, and how far from each
    other two beats still count as near (standard deviation). edge_s: left out at both ends of a song.
    headroom: the loudest sample is at most 1 / headroom. shortest_s: less than this in common makes no song.
    """

    copies: int = 6
    tempo_factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    tempo_tolerance: float = 0.15
    semitones: int = 3
    lead_silence: float = 0.01
    quiet: float = 0.01
    key_window: int = 10_001
    key_gate: float = 0.05
    reach_s: float = 4.0
    grid_s: float = 0.005
    bump_s: float = 0.010
    edge_s: float = 1.0
    headroom: float = 1.01
    shortest_s: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise UsageError(f"automix: {field.name} is {value}; it must not be negative")
        if self.copies < 1 or not self.tempo_factors or self.grid_s <= 0 or self.headroom < 1:
            raise UsageError("automix: needs a copy, a tempo factor, a grid_s above zero and a headroom of 1 or more")
