"""Short songs with known stems, written in the layouts that evaluate takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from unbraid.signal import Samples

RATE = 8000
STEMS = ("vocals", "drums", "bass", "other")


def noise(seed: int, seconds: float = 1.2, channels: int = 1, level: float = 0.1) -> Samples:
    """Noise on the grid of 16 bits, so that any format keeps it."""
    raw = level * np.random.default_rng(seed).standard_normal((channels, round(seconds * RATE)))
    return (np.round(raw * 32768) / 32768).astype(np.float32)


def write_folder(folder: Path, sounds: Mapping[str, Samples], rate: int = RATE, suffix: str = "wav") -> Path:
    """A song folder with one file for each of ``sounds``; returns it."""
    folder.mkdir(parents=True)
    for name, samples in sounds.items():
        soundfile.write(folder / f"{name}.{suffix}", samples.T, rate, subtype="PCM_16")
    return folder


def write_studio_song(folder: Path, parts: list[tuple[str, tuple[str, ...], str, Samples]]) -> Path:
    """A song of the studio: parts are (file name, stems, label, samples[2, time])."""
    write_folder(folder, {file: samples for file, _, _, samples in parts}, rate=44100)
    length = parts[0][3].shape[1]
    told = [{"file": f"{file}.wav", "stems": list(stems), "label": label} for file, stems, label, _ in parts]
    song = {"format": 1, "id": folder.name, "kind": "studio", "rate": 44100, "samples": length, "parts": told}
    (folder / "song.json").write_text(json.dumps(song))
    return folder
