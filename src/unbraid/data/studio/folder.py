"""A song as a folder: one WAV file for each part, and ``song.json``. Written aside and renamed, so never half there."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unbraid.data.studio.labels import STEMS, WORDS
from unbraid.data.studio.mixing import Part
from unbraid.data.tracks import FORMAT
from unbraid.signal import Samples

RATE = 44_100
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def write_song(folder: Path, parts: Sequence[Part], facts: dict[str, Any]) -> None:
    """Write the parts and ``song.json`` (``facts`` and the parts' table) under ``folder``, which appears when whole.

    All parts have one length. A label must be known to ``labels.WORDS`` and a stem to ``labels.STEMS``.
    """
    lengths = {part.samples.shape[1] for part in parts}
    assert len(lengths) == 1, f"parts of one song differ in length: {lengths}"
    for left_over in folder.parent.glob(f".tmp-{folder.name}-*"):
        shutil.rmtree(left_over)
    partial = folder.with_name(f".tmp-{folder.name}-{os.getpid()}")
    partial.mkdir(parents=True)
    entries, counts = [], dict[str, int]()
    for part in parts:
        assert part.label in WORDS and part.stem in STEMS, f"{part.stem}: {part.label} has no words"
        stem = f"{part.stem}__{re.sub('[^a-z0-9]+', '-', part.label)}"
        counts[stem] = counts.get(stem, 0) + 1
        file = f"{stem}.wav" if counts[stem] == 1 else f"{stem}_{counts[stem]}.wav"
        write_wav(partial / file, part.samples)
        entries.append(
            {
                "file": file, "stems": [part.stem], "label": part.label, "words": list(WORDS[part.label]),
                "source": part.source, "licence": part.licence,
            }
        )  # fmt: skip
    song = {"format": FORMAT, "id": folder.name, "rate": RATE, "samples": lengths.pop(), **facts, "parts": entries}
    (partial / "song.json").write_text(json.dumps(song, indent=1, ensure_ascii=False) + "\n", "utf-8")
    partial.rename(folder)


def write_wav(path: Path, samples: Samples) -> None:
    """``[2, time]`` as 16-bit PCM behind a header of 44 bytes, so that a reader may map the file into memory.

    No dither: parts are summed to the mix, and silence must stay silence.
    """
    pcm = np.round(np.clip(samples.T, -1.0, 32767 / 32768) * 32768).astype("<i2").tobytes()
    header = _HEADER.pack(
        b"RIFF", 36 + len(pcm), b"WAVE", b"fmt ", 16, 1, 2, RATE, RATE * 4, 4, 16, b"data", len(pcm)
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(header)
        file.write(pcm)
