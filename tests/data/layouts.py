"""Small trees in the layouts that data sets have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from unbraid.signal import Samples

RATE = 44_100
STEMS = ("vocals", "drums", "bass", "other")


def noise(seed: int, seconds: float = 1.5, rate: int = RATE) -> Samples:
    """Stereo noise on the grid of 16 bits."""
    raw = 0.05 * np.random.default_rng(seed).standard_normal((2, round(seconds * rate)))
    return (np.round(raw * 32768) / 32768).astype(np.float32)


def write(path: Path, samples: Samples, rate: int = RATE, subtype: str = "PCM_16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate, subtype=subtype)
    return path


def hq_song(folder: Path, seed: int, seconds: float = 1.5, suffix: str = "wav") -> Path:
    """A song as MUSDB18-HQ has them: four stems and their sum."""
    stems = {stem: noise(4 * seed + row, seconds) for row, stem in enumerate(STEMS)}
    for stem, samples in stems.items():
        write(folder / f"{stem}.{suffix}", samples)
    write(folder / f"mixture.{suffix}", np.asarray(sum(stems.values()), np.float32))
    return folder


def moises_song(folder: Path) -> Path:
    """Two vocal takes, one of them short, a percussion track and a guitar."""
    told = []
    tracks = (("vocals", "lead female singer", 1.5), ("vocals", "background vocals", 0.5))
    tracks += (("percussion", "congas", 1.5), ("guitar", "acoustic guitar", 1.5))
    for number, (stem, kind, seconds) in enumerate(tracks):
        write(folder / stem / f"id{number}.wav", noise(50 + number, seconds))
        told.append({"stemName": stem, "tracks": [{"id": f"id{number}", "trackType": kind, "extension": "wav"}]})
    (folder / "data.json").write_text(json.dumps({"song": "Song", "artist": "Band", "stems": told}))
    return folder


SLAKH = """UUID: 1a81
audio_dir: stems
normalized: true
stems:
  S00:
    audio_rendered: true
    inst_class: Guitar
    is_drum: false
    midi_program_name: 'Distortion Guitar'
    program_num: 30
  S01:
    audio_rendered: true
    inst_class: Bass
    is_drum: false
    midi_program_name: Electric Bass (finger)
  S02:
    audio_rendered: true
    inst_class: Drums
    is_drum: true
    midi_program_name: Drums
  S03:
    audio_rendered: false
    inst_class: Organ
    is_drum: false
target_peak: -1.0
"""


def slakh_song(folder: Path) -> Path:
    parts = [noise(60 + number) for number in range(3)]
    for number, samples in enumerate(parts):
        write(folder / "stems" / f"S0{number}.flac", samples)
    write(folder / "mix.flac", np.asarray(sum(parts), np.float32))
    (folder / "metadata.yaml").write_text(SLAKH)
    return folder
