"""Looks at finished songs: ``python -m unbraid.data.studio.check OUT`` prints what is wrong and how much there is.

It reads every song under ``OUT/{train,valid,test}`` as a trainer would and fails if a source is heard in two splits, a
label is unknown, a part is silent, or a studio song's mix clips (real parts were mastered alone: their sum is
only known as floats).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unbraid.data.studio.labels import STEMS, WORDS
from unbraid.data.studio.split import SPLITS
from unbraid.data.tracks import Song, read_part
from unbraid.data.tracks.scan import songs_in
from unbraid.errors import UnbraidError

_OWN = "own:"
_SILENT = 1e-4


def faults(out: Path) -> Iterator[str]:
    """A sentence for each thing that is wrong with the songs below ``out``."""
    heard: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for song in songs_in(out / split):
            for source in sources_of(song):
                heard[source].add(split)
            yield from song_faults(song)
    for source, splits in sorted(heard.items()):
        if len(splits) > 1:
            yield f"{source}: is heard in {', '.join(sorted(splits))}; a source must keep to one split"


def sources_of(song: Song) -> set[str]:
    """What the song was made with, from its ``song.json``: recorded sources and its score, not our own synthesisers."""
    described = json.loads((song.folder / "song.json").read_text("utf-8"))
    named = {part["source"] for part in described["parts"]} | {described.get("score", _OWN)}
    return {name for name in named if not name.startswith((_OWN, "own patterns"))}


def song_faults(song: Song) -> Iterator[str]:
    """What is wrong with the parts of one song and with their sum."""
    mix = np.zeros((2, song.samples), np.float32)
    for part in song.parts:
        samples = read_part(part, 0, song.samples)
        mix += samples
        if np.abs(samples).max(initial=0.0) < _SILENT:
            yield f"{part.path}: is silent"
        if not part.stems <= set(STEMS):
            yield f"{part.path}: has stems {sorted(part.stems)}; known are {', '.join(STEMS)}"
        if song.kind == "studio" and part.label not in WORDS:
            yield f"{part.path}: has the unknown label {part.label!r}"
    if song.kind == "studio" and np.abs(mix).max(initial=0.0) > 1.0:
        yield f"{song.folder}: its mix clips at {float(np.abs(mix).max()):.2f}"


def amounts(out: Path) -> Iterator[str]:
    """Songs and hours of each split, and the share of songs that have each stem."""
    for split in SPLITS:
        songs = songs_in(out / split)
        hours = sum(song.seconds for song in songs) / 3600
        yield f"{split}: {len(songs)} songs, {hours:.2f} h"
        for kind in sorted({song.kind for song in songs}):
            of_kind = [song for song in songs if song.kind == kind]
            shares = {stem: np.mean([any(stem in p.stems for p in song.parts) for song in of_kind]) for stem in STEMS}
            parts = ", ".join(f"{stem} {share:.0%}" for stem, share in shares.items())
            yield f"  {kind}: {len(of_kind)} songs, {sum(s.seconds for s in of_kind) / 3600:.2f} h; with {parts}"


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m unbraid.data.studio.check OUT\n")
        return 2
    out = Path(sys.argv[1])
    try:
        found = list(faults(out))
        report = [*found, *amounts(out), f"{len(found)} faults"]
    except UnbraidError as error:
        report, found = [str(error)], [str(error)]
    sys.stdout.write("\n".join(report) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
