"""Makes the demo song from a song of the studio: `python demo/make.py STUDIO/test/SONG --from 8 --seconds 22`.

The stems are 16-bit FLAC and the song is their exact sum, so the truth is known to the last bit.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).parent
STEMS = ("vocals", "drums", "bass", "other")
PEAK = 0.5  # of the mix: 6 dB of room, and smaller files


def make(song: Path, start_s: float, seconds: float) -> int:
    """Write demo/song.flac and demo/stems/*.flac; returns their size in bytes."""
    facts = json.loads((song / "song.json").read_text())
    rate = facts["rate"]
    span = slice(round(start_s * rate), round((start_s + seconds) * rate))
    stems = {name: np.zeros((span.stop - span.start, 2)) for name in STEMS}
    for part in facts["parts"]:
        (stem,) = part["stems"]
        stems[stem] += soundfile.read(song / part["file"], always_2d=True)[0][span]
    fade = np.clip(np.minimum(np.arange(len(stems["bass"])), np.arange(len(stems["bass"]))[::-1]) / (0.2 * rate), 0, 1)
    gain = PEAK * 2**15 / np.abs(sum(stems.values())).max()
    whole = {name: np.rint(samples * gain * fade[:, None]).astype(np.int16) for name, samples in stems.items()}
    (HERE / "stems").mkdir(exist_ok=True)
    files = {HERE / "stems" / f"{name}.flac": samples for name, samples in whole.items()}
    files[HERE / "song.flac"] = sum(samples.astype(np.int32) for samples in whole.values()).astype(np.int16)
    for path, samples in files.items():
        soundfile.write(path, samples, rate, subtype="PCM_16", compression_level=1.0)
    return sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("--from", dest="start_s", type=float, default=8.0)
    parser.add_argument("--seconds", type=float, default=22.0)
    chosen = parser.parse_args()
    size = make(chosen.song, chosen.start_s, chosen.seconds)
    print(f"{size / 1e6:.2f} MB in all")
