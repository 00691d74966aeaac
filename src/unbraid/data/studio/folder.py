"""A studio's song as a folder: one WAV file for each part, and ``song.json``."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unbraid.data.studio.labels import STEMS, WORDS
from unbraid.data.studio.mixing import Part
from unbraid.data.tracks.write import SongFolder

RATE = 44_100


def write_song(folder: Path, parts: Sequence[Part], facts: dict[str, Any]) -> None:
    """Write the parts and ``song.json`` (``facts`` and the parts' table) under ``folder``, which appears when whole.

    All parts have one length. A label must be known to ``labels.WORDS`` and a stem to ``labels.STEMS``. ``facts`` has
    the song's kind under "kind". Raises OutputError where nothing can be written.
    """
    for left_over in folder.parent.glob(f".tmp-{folder.name}-*"):  # of a process that was killed
        shutil.rmtree(left_over)
    counts = dict[str, int]()
    with SongFolder(folder, RATE) as song:
        for part in parts:
            assert part.label in WORDS and part.stem in STEMS, f"{part.stem}: {part.label} has no words"
            stem = f"{part.stem}__{re.sub('[^a-z0-9]+', '-', part.label)}"
            counts[stem] = counts.get(stem, 0) + 1
            file = f"{stem}.wav" if counts[stem] == 1 else f"{stem}_{counts[stem]}.wav"
            where = {"source": part.source, "licence": part.licence}
            song.add(file, part.samples, frozenset([part.stem]), part.label, WORDS[part.label], **where)
        song.finish(**facts)
