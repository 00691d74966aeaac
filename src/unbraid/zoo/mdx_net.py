"""MDX-Net graphs as Ultimate Vocal Remover and audio-separator keep them: an ``.onnx``, and a table of settings.

The table is a JSON that maps the MD5 of a file's end to its settings. Both programs fetch it and keep it beside the
graphs, or below them; without it no one knows which transform a graph was trained on.
"""

from __future__ import annotations

import hashlib
import json
from math import isfinite
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts
from unbraid.runtime.packed import Packed
from unbraid.spec import Spec
from unbraid.transform.stft import Stft

_RATE, _CHANNELS, _HOP = 44_100, 2, 1024
_END = 10_000 * 1024
"""Bytes of a file's end that its MD5 is of."""

_TABLES = ("mdx_model_data.json", "model_data.json", "model_data/model_data.json", "model_data/model_data_new.json")
_LARGEST_TABLE = 4 << 20
_LARGEST = 1 << 16
_OTHER = {"vocals": "instrumental", "instrumental": "vocals"}


def mdx_facts(path: Path) -> GraphFacts:
    """The facts of the MDX-Net graph in ``path``. Raises ModelError if no table beside it knows the file."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(max(0, path.stat().st_size - _END))
            known_as = hashlib.md5(file.read(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    tables = [place for name in _TABLES if (place := path.parent / name).is_file()]
    for table in tables:
        row = _read(table).get(known_as)
        if isinstance(row, dict):
            try:
                return _facts(path, row, sha256)
            except ModelError as error:
                raise ModelError(f"{table}: refused: what it says of {path.name} {error}") from error
    raise ModelError(
        f"{path}: has no {path.with_suffix('.json').name} beside it, as graphs of unbraid have, and no table of "
        f"Ultimate Vocal Remover ({_TABLES[0]}) that knows it (MD5 of its end: {known_as})"
    )


def _read(table: Path) -> dict[str, Any]:
    try:
        with table.open("rb") as file:
            data = file.read(_LARGEST_TABLE + 1)
        value = json.loads(data) if len(data) <= _LARGEST_TABLE else None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{table}: is not JSON that can be read ({error})") from error
    if not isinstance(value, dict):
        raise ModelError(f"{table}: is not a table of settings")
    return value


def _facts(path: Path, row: dict[str, Any], sha256: str) -> GraphFacts:
    n_fft, freqs = _size(row, "mdx_n_fft_scale_set"), _size(row, "mdx_dim_f_set")
    log_frames = _size(row, "mdx_dim_t_set")
    if not (n_fft >= 2 * _HOP and freqs <= n_fft // 2 + 1 and log_frames <= 12):
        raise ModelError(
            f"is a transform of {n_fft} samples, {freqs} frequencies and 2^{log_frames} frames, which fits no net"
        )
    gain = row.get("compensate", 1.0)
    if isinstance(gain, bool) or not isinstance(gain, (int, float)) or not isfinite(gain) or not 0.1 < gain < 10:
        raise ModelError(f"is compensate = {str(gain)[:40]}; it must be a number near 1")
    stem = str(row.get("primary_stem", "")).lower().replace(" ", "_").replace("-", "_")
    if not stem.replace("_", "a").isascii() or not stem.replace("_", "a").isalnum() or len(stem) > 30:
        raise ModelError(f"is primary_stem = {stem[:40]!r}; it must be a name of letters and digits")
    spec = Spec(
        name=path.stem,
        rate=_RATE,
        channels=_CHANNELS,
        stems=(stem, _OTHER.get(stem, f"no_{stem}")),
        segment=_HOP * (2**log_frames - 1),
        fixed_length=True,
    )
    stft = Stft(n_fft, _HOP, "reflect")
    return GraphFacts(spec, "stft", "spectrum", path, sha256, stft, packed=Packed(freqs, float(gain)))


def _size(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    if type(value) is not int or not 0 < value <= _LARGEST:
        raise ModelError(f"is {key} = {str(value)[:40]}; it must be a whole number from 1 to {_LARGEST}")
    return value
