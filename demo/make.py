"""Makes the demo song from a song of the studio: `python demo/make.py STUDIO/test/SONG --from 8 --seconds 22`.

The stems are OGG, to keep the repository small; the song is the sum of what they decode to, rounded to 16 bit, so the
truth is known to the last bit all the same.
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
QUALITY = 0.6  # of the OGG encoder, 0 best


def make(song: Path, start_s: float, seconds: float) -> int:
    """Write demo/song.flac and demo/stems/*.ogg; returns their size in bytes."""
    facts = json.loads((song / "song.json").read_text())
    rate = facts["rate"]
    span = slice(round(start_s * rate), round((start_s + seconds) * rate))
    stems = {name: np.zeros((span.stop - span.start, 2)) for name in STEMS}
    for part in facts["parts"]:
        (stem,) = part["stems"]
        stems[stem] += soundfile.read(song / part["file"], always_2d=True)[0][span]
    fade = np.clip(np.minimum(np.arange(len(stems["bass"])), np.arange(len(stems["bass"]))[::-1]) / (0.2 * rate), 0, 1)
    gain = PEAK / np.abs(sum(stems.values())).max()
    (HERE / "stems").mkdir(exist_ok=True)
    paths = {name: HERE / "stems" / f"{name}.ogg" for name in STEMS}
    for name, path in paths.items():
        soundfile.write(path, stems[name] * gain * fade[:, None], rate, compression_level=QUALITY)
    heard = sum(soundfile.read(path, always_2d=True)[0] for path in paths.values())
    soundfile.write(HERE / "song.flac", heard, rate, subtype="PCM_16", compression_level=1.0)
    return sum(path.stat().st_size for path in (*paths.values(), HERE / "song.flac"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("--from", dest="start_s", type=float, default=8.0)
    parser.add_argument("--seconds", type=float, default=22.0)
    chosen = parser.parse_args()
    size = make(chosen.song, chosen.start_s, chosen.seconds)
    print(f"{size / 1e6:.2f} MB in all")
