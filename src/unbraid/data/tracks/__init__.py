"""Songs in folders, of any layout: found, converted once, and read a stretch at a time.

``song`` is the one form that training reads; ``find`` knows the layouts that people have (``musdb``, ``moises``,
``slakh``, ``folders``), ``naming`` which file name means which stem, ``prepare`` makes the first of the second, and
``scan`` joins them. ``captions`` is for single sounds with a sentence each.
"""

from __future__ import annotations

from unbraid.data.tracks.scan import scan
from unbraid.data.tracks.song import FORMAT, Part, Song, read_part, read_song

__all__ = ["FORMAT", "Part", "Song", "read_part", "read_song", "scan"]
