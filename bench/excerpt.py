"""Lays out stempeg's excerpt as a song folder: the one piece of real multitrack music that a package brings along.

    python -m bench.excerpt OUT

Seconds 0.5 to 6.0 (a full-scale click follows), four stems; the mixture is their sum, since the file's own one went
through a master and a codec. It is a smoke test, not a benchmark: one song, 5.5 s. Nothing is trained or chosen on it.
Licence of the music (The Easton Ellises, "Falcon 69"): CC BY-NC-SA 3.0.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import soundfile

from bench.peers import peer

START_S, STOP_S = 0.5, 6.0
STREAMS = {"drums": 1, "bass": 2, "other": 3, "vocals": 4}


def write_excerpt(out: Path) -> Path:
    """Write ``out/falcon/{stem}.wav`` in float32 and return ``out``, which ``unbraid evaluate`` takes."""
    stempeg = peer("stempeg")

    song = out / "falcon"
    song.mkdir(parents=True, exist_ok=True)
    for stem, stream in STREAMS.items():
        samples, rate = _decode(stempeg.example_stem_path(), stream)
        part = samples[:, round(START_S * rate) : round(STOP_S * rate)]
        soundfile.write(song / f"{stem}.wav", part.T, rate, subtype="FLOAT")
    return out


def _decode(path: str, stream: int) -> tuple[np.ndarray, int]:
    with av.open(path) as container:
        frames = list(container.decode(audio=stream))
    return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), frames[0].sample_rate


if __name__ == "__main__":
    print(write_excerpt(Path(sys.argv[1])))
