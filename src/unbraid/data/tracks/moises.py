"""MoisesDB (Pereira et al. 2023): a folder per song, ``data.json``, and ``STEM/ID.wav`` for each recorded track.

Its eleven stems become four as its own tools group them: all but vocals, bass and drums are ``other``. A naming table
that names them (``drums = ["drums", "percussion"]``) groups them otherwise. Tracks may end before the song does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile
from unbraid.data.tracks.naming import USUAL, Naming
from unbraid.errors import AudioError

MARK = "data.json"
_FOUR = {"vocals": "vocals", "bass": "bass", "drums": "drums"}


def moises_folder(folder: Path, naming: Naming) -> FoundSong | None:
    """The song in ``folder``; None if its data.json is of something else, AudioError if it cannot be read."""
    path = folder / MARK
    try:
        raw: Any = json.loads(path.read_text("utf-8"))
        if not isinstance(raw, dict) or "stems" not in raw:
            return None
        parts = tuple(
            _part(folder, stem["stemName"], track, naming) for stem in raw["stems"] for track in stem["tracks"]
        )
        name = " - ".join(str(raw[key]) for key in ("artist", "song") if raw.get(key)) or folder.name
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise AudioError(f"{path}: does not describe a song ({error!r})") from error
    everything = frozenset(("vocals", "drums", "bass", "other"))
    return FoundSong(name, "moisesdb", folder, parts, lacks=everything, uneven=True)


def _part(folder: Path, stem: str, track: dict[str, Any], naming: Naming) -> FoundPart:
    named = None if naming is USUAL else naming.stems_of(stem)
    file = folder / stem / f"{track['id']}.{track.get('extension', 'wav')}"
    label = str(track.get("trackType", stem)).lower()
    return FoundPart(SoundFile(file), named or frozenset([_FOUR.get(stem, "other")]), label, (stem.replace("_", " "),))
