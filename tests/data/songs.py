"""Small folders of songs as the studio writes them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

STEMS = ("vocals", "drums", "bass", "other")
RATE = 44_100
PARTS = {
    "vocals__lead-vocal.wav": ["vocals"],
    "drums__kick.wav": ["drums"],
    "drums__snare.wav": ["drums"],
    "bass__electric-bass.wav": ["bass"],
    "other__piano.wav": ["other"],
}
BAND = {"band.wav": ["bass", "drums", "other"]}


def write_song(folder: Path, seed: int, parts: dict[str, list[str]] = PARTS, samples: int = 60_000) -> Path:
    """One song of noise, each part in an octave of its own from 500 Hz up, so that a net has something to learn."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for index, name in enumerate(parts):
        spectrum = np.fft.rfft(rng.standard_normal((samples, 2)), axis=0)
        hz = np.fft.rfftfreq(samples, 1 / RATE)
        spectrum[(hz < 500 * 2**index) | (hz > 1000 * 2**index)] = 0
        noise = np.fft.irfft(spectrum, samples, axis=0)
        soundfile.write(folder / name, 0.05 * noise / noise.std(), RATE, subtype="PCM_16")
        _plain_header(folder / name, samples)
    described = [{"file": n, "stems": s, "label": Path(n).stem, "words": []} for n, s in parts.items()]
    song = {"format": 1, "id": folder.name, "kind": "studio", "rate": RATE, "samples": samples, "parts": described}
    (folder / "song.json").write_text(json.dumps(song))
    return folder


def write_studio(root: Path, train: int = 3, valid: int = 1) -> Path:
    """A studio's output: some songs to train on and some held out."""
    for index in range(train):
        write_song(root / "train" / f"{index:06d}", index)
    for index in range(valid):
        write_song(root / "valid" / f"{index:06d}", 100 + index)
    return root


def _plain_header(path: Path, samples: int) -> None:
    assert path.stat().st_size == 44 + 4 * samples, "soundfile wrote more than the plain header"


def labelled(root: Path) -> Path:
    """``root`` of :func:`write_studio` with labels that the list of sounds knows, for nets that are asked."""
    for path in root.rglob("song.json"):
        told = json.loads(path.read_text())
        for part in told["parts"]:
            part["label"] = part["label"].partition("__")[2].replace("-", " ")
        path.write_text(json.dumps(told))
    return root
