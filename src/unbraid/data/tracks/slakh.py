"""Slakh2100 (Manilow et al. 2019): a folder per song, ``metadata.yaml``, and ``stems/S00.flac`` for each instrument.

There are no singers in it. Of the YAML only the plain ``key: value`` lines below ``stems:`` are read, which is all that
is wanted and cannot run anything.
"""

from __future__ import annotations

import re
from pathlib import Path

from unbraid.data.tracks.found import FoundPart, FoundSong, SoundFile
from unbraid.errors import AudioError

MARK = "metadata.yaml"
_ENTRY = re.compile(r"^(?P<indent> *)(?P<key>[\w-]+):\s*(?P<value>.*?)\s*$")
_SUFFIXES = (".flac", ".wav")


def slakh_folder(folder: Path) -> FoundSong | None:
    """The song in ``folder``; None if metadata.yaml tells of no stems, AudioError if it cannot be read."""
    path = folder / MARK
    try:
        instruments = read_stems(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise AudioError(f"{path}: does not describe a song ({error})") from error
    parts = tuple(
        _part(folder / "stems", name, facts)
        for name, facts in instruments.items()
        if facts.get("audio_rendered", "true").lower() != "false"
    )
    if not parts:
        return None
    mixtures = (folder / f"mix{suffix}" for suffix in _SUFFIXES)
    mixture = next((SoundFile(file) for file in mixtures if file.is_file()), None)
    lacks = frozenset(("vocals", "drums", "bass", "other"))
    return FoundSong(folder.name, "slakh", folder, parts, mixture, lacks)


def read_stems(text: str) -> dict[str, dict[str, str]]:
    """Stem -> key -> value of the ``stems`` mapping in block style; anything else of the file is passed over."""
    stems: dict[str, dict[str, str]] = {}
    inside, facts = False, dict[str, str]()
    outer: int | None = None
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry is None:
            continue
        indent, key, value = len(entry["indent"]), entry["key"], entry["value"].strip("'\"")
        if indent == 0:
            inside, outer = key == "stems" and not value, None
        elif inside and (outer is None or indent == outer):
            outer = indent
            facts = stems[key] = {}
        elif inside:
            facts[key] = value
    return stems


def _part(folder: Path, name: str, facts: dict[str, str]) -> FoundPart:
    kind = facts.get("inst_class", "").lower()
    if facts.get("is_drum", "").lower() == "true" or kind == "drums":
        stem = "drums"
    else:
        stem = "bass" if kind == "bass" else "other"
    label = facts.get("midi_program_name") or kind or name
    file = next((folder / f"{name}{suffix}" for suffix in _SUFFIXES if (folder / f"{name}{suffix}").is_file()), None)
    return FoundPart(
        SoundFile(file or folder / f"{name}{_SUFFIXES[0]}"), frozenset([stem]), label.lower(), (kind,) if kind else ()
    )
