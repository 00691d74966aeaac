"""MDX-Net graphs as Ultimate Vocal Remover and audio-separator keep them: an ``.onnx``, and a table of settings.

Without the table no one knows which transform a graph was trained on (:mod:`unbraid.zoo.uvr_table`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from unbraid.errors import ModelError
from unbraid.runtime.facts import GraphFacts
from unbraid.runtime.packed import Packed
from unbraid.spec import Spec
from unbraid.transform.stft import Stft
from unbraid.zoo.guard_names import shown
from unbraid.zoo.uvr_table import NAMES, known_as, rows

_RATE, _CHANNELS, _HOP = 44_100, 2, 1024
_LARGEST = 1 << 16
_OTHER = {"vocals": "instrumental", "instrumental": "vocals"}


def mdx_facts(path: Path) -> GraphFacts:
    """The facts of the MDX-Net graph in ``path``. Raises ModelError if no table beside it knows the file."""
    for table, row in rows(path):
        if "mdx_n_fft_scale_set" in row:
            try:
                return _facts(path, row)
            except ModelError as error:
                raise ModelError(f"{table}: refused: what it says of {path.name} {error}") from error
    raise ModelError(
        f"{path}: has no {path.with_suffix('.json').name} beside it, as graphs of unbraid have, and no table of "
        f"Ultimate Vocal Remover ({NAMES[0]}) that knows it (MD5 of its end: {known_as(path)})"
    )


def is_mdx(path: Path) -> bool:
    """Whether a table beside ``path`` knows it as a graph of MDX-Net."""
    return any("mdx_n_fft_scale_set" in row for _, row in rows(path))


def _facts(path: Path, row: dict[str, Any]) -> GraphFacts:
    n_fft, freqs = _size(row, "mdx_n_fft_scale_set"), _size(row, "mdx_dim_f_set")
    log_frames = _size(row, "mdx_dim_t_set")
    if not (n_fft >= 2 * _HOP and freqs <= n_fft // 2 + 1 and log_frames <= 12):
        raise ModelError(
            f"is a transform of {n_fft} samples, {freqs} frequencies and 2^{log_frames} frames, which fits no net"
        )
    gain = row.get("compensate", 1.0)
    if type(gain) not in (int, float) or not 0.1 < gain < 10:
        raise ModelError(f"is compensate = {shown(gain)}; it must be a number near 1")
    stem = str(row.get("primary_stem", "")).lower().replace(" ", "_").replace("-", "_")
    if not stem.replace("_", "a").isascii() or not stem.replace("_", "a").isalnum() or len(stem) > 30:
        raise ModelError(f"is primary_stem = {stem[:40]!r}; it must be a name of letters and digits")
    spec = Spec(
        name=path.stem,
        rate=_RATE,
        channels=_CHANNELS,
        stems=(stem, _other(stem)),
        segment=_HOP * (2**log_frames - 1),
        fixed_length=True,
    )
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    stft = Stft(n_fft, _HOP, "reflect")
    return GraphFacts(spec, "stft", "spectrum", path, sha256, stft, packed=Packed(freqs, float(gain)))


def _other(stem: str) -> str:
    """What the rest of the mix is called."""
    return _OTHER.get(stem) or (stem.removeprefix("no_") if stem.startswith("no_") else f"no_{stem}")


def _size(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    if type(value) is not int or not 0 < value <= _LARGEST:
        raise ModelError(f"is {key} = {shown(value)}; it must be a whole number from 1 to {_LARGEST}")
    return value
